"""Readings as Parquet: every value as it was computed, in row groups that stay readable whatever happens to the next.

Each row group is encoded in memory, and so is the footer, so that the groups that reached the disk can be closed into a
readable file when there is no room for another.
"""

from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq

from services.gateway_sim.files.blocks import unpacked
from services.gateway_sim.files.working_file import WorkingFile
from services.gateway_sim.plant.columns import ReadingArrays
from shared.domain.reading import KEY_COLUMNS, READING_COLUMNS, TIME_OF_USE_PERIODS, VALUE_COLUMNS, Quality

GROUP_ROWS = 100_000
"""A row group is written when it has at least so many: about a site-year at five minutes, 7 MB."""
_MAGIC = b"PAR1"
_TEXTS = ("site_id", "device_id", "time_of_use_period")
_SCHEMA = pa.schema([
    *((name, pa.string()) for name in KEY_COLUMNS[:2]),
    ("timestamp", pa.timestamp("us", tz="UTC")),
    *((name, pa.float64()) for name in VALUE_COLUMNS),
    ("time_of_use_period", pa.string()),
    ("quality", pa.int64()),
])  # fmt: skip


class ParquetFile:
    """Takes packed readings; `rows` are those in whole row groups."""

    def __init__(self, file: WorkingFile) -> None:
        self._file = file
        self._waiting: list[pa.Table] = []
        self._groups: list[tuple[pq.FileMetaData, int]] = []
        """Of each whole row group on the disk what the footer says of it, and where it ends."""

    @property
    def rows(self) -> int:
        return sum(group.num_rows for group, _ in self._groups)

    def write(self, block: bytes) -> None:
        self._waiting.append(_table(unpacked(block)))
        if sum(table.num_rows for table in self._waiting) >= GROUP_ROWS:
            self._write_group()

    def finish(self) -> None:
        """Write what waits, and the footer."""
        if self._waiting:
            self._write_group()
        self.settle()

    def settle(self) -> None:
        """Make a readable file of the whole row groups that are there."""
        self._file.cut(self._end)
        self._file.append(self._footer())

    @property
    def _end(self) -> int:
        return self._groups[-1][1] if self._groups else 0

    def _write_group(self) -> None:
        group, metadata = _encoded(pa.concat_tables(self._waiting), at=self._end)
        one_footer = metadata.serialized_size + 64
        # room first, for the footer too: where there is none, nothing of this group is begun and the others can be closed
        self._file.reserve(self._end + len(group) + one_footer * (len(self._groups) + 2))
        self._file.append(group)
        self._groups.append((metadata, self._end + len(group)))
        self._waiting = []

    def _footer(self) -> bytes:
        footer = BytesIO()
        if not self._groups:
            pq.write_table(_SCHEMA.empty_table(), footer)
            return footer.getvalue()
        whole = self._groups[0][0]
        for metadata, _ in self._groups[1:]:
            whole.append_row_groups(metadata)
        whole.write_metadata_file(footer)
        return footer.getvalue()[len(_MAGIC) :]


class _Tail(BytesIO):
    """The end of a file whose beginning stands elsewhere: it tells positions in the whole."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self._at = at

    def tell(self) -> int:
        return self._at + super().tell()


def _table(arrays: ReadingArrays) -> pa.Table:
    count = len(arrays)
    periods = pa.DictionaryArray.from_arrays(pa.array(arrays.period, mask=arrays.period < 0), pa.array(TIME_OF_USE_PERIODS))
    columns = {
        "site_id": pa.repeat(arrays.site_id, count),
        "device_id": pa.repeat(arrays.device_id, count),
        "timestamp": pa.array(arrays.timestamp, type=pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC")),
        **{name: pa.array(column, from_pandas=True) for name, column in arrays.values.items()},
        "time_of_use_period": periods.cast(pa.string()),
        "quality": pa.repeat(int(Quality.SIMULATED), count),
    }
    return pa.table([columns[name] for name in READING_COLUMNS], schema=_SCHEMA)


def _encoded(table: pa.Table, *, at: int) -> tuple[bytes, pq.FileMetaData]:
    """A row group as it stands at that place of a file, and what the footer says of it."""
    sink = _Tail(max(0, at - len(_MAGIC)))
    said: list[pq.FileMetaData] = []
    with pq.ParquetWriter(
        sink,
        _SCHEMA,
        compression="zstd",
        compression_level=1,
        use_dictionary=list(_TEXTS),
        column_encoding={"timestamp": "DELTA_BINARY_PACKED"} | dict.fromkeys(VALUE_COLUMNS, "BYTE_STREAM_SPLIT"),
        write_statistics=list(KEY_COLUMNS),
        metadata_collector=said,
    ) as writer:
        writer.write_table(table, row_group_size=table.num_rows)
        body = len(sink.getvalue())
    return sink.getvalue()[len(_MAGIC) if at else 0 : body], said[0]
