"""Readings as Parquet: every value as it was computed, in row groups that stay readable whatever happens to the next.

A Parquet file ends in a footer, without which nothing of it can be read. So a row group is begun only when the disk has given
room for the largest that it can become, and for the footer behind it.
"""

from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq

from services.gateway_sim.files.blocks import unpacked
from services.gateway_sim.files.working_file import WorkingFile
from services.gateway_sim.plant.columns import ReadingArrays
from shared.domain.reading import KEY_COLUMNS, READING_COLUMNS, TIME_OF_USE_PERIODS, VALUE_COLUMNS, Quality

GROUP_ROWS = 100_000
"""A row group is written when it has at least so many: about a site-year at five minutes, 7 MB."""
_SMALL_ROWS = 10_000
"""Of the last row groups of a file that ran out of room."""
_PAGES_BYTES = 1_000_000
"""More than the headers of a row group's pages, and what incompressible pages grow by."""
_FOOTER_BYTES = 16_000
"""More than the footer says of one row group, or of the schema."""
_TEXTS = ("site_id", "device_id", "time_of_use_period")
_SCHEMA = pa.schema([
    *((name, pa.string()) for name in KEY_COLUMNS[:2]),
    ("timestamp", pa.timestamp("us", tz="UTC")),
    *((name, pa.float64()) for name in VALUE_COLUMNS),
    ("time_of_use_period", pa.string()),
    ("quality", pa.int64()),
])  # fmt: skip


class ParquetFile:
    """Takes packed readings. `rows` are those in whole row groups, known when the file is finished or settled."""

    def __init__(self, file: WorkingFile) -> None:
        self._file = file
        self._waiting: list[pa.Table] = []
        self._groups = 0
        self._writing: tuple[pa.NativeFile, pq.ParquetWriter] | None = None
        self._metadata: list[pq.FileMetaData] = []

    @property
    def rows(self) -> int:
        return sum(metadata.num_rows for metadata in self._metadata)

    def write(self, block: bytes, _count: int) -> None:
        """Add readings. Raises `OSError` when there is no room."""
        self._waiting.append(_table(unpacked(block)))
        if sum(table.num_rows for table in self._waiting) >= GROUP_ROWS:
            self._write_group()

    def finish(self) -> None:
        """Write what waits, and the footer."""
        if self._waiting:
            self._write_group()
        self._close()

    def settle(self) -> None:
        """Make a readable file of the row groups that are there, and of as much of what waits as there is room for."""
        with suppress(OSError):
            while self._waiting:
                self._write_group(most_rows=_SMALL_ROWS)
        self._close()

    def _write_group(self, *, most_rows: int | None = None) -> None:
        """Write the first of what waits, or all; it waits until there is room for it."""
        waiting = pa.concat_tables(self._waiting)
        table = waiting.slice(0, most_rows)
        sink, writer = self._writing = self._writing or self._begun()
        self._file.reserve(sink.tell() + table.nbytes + _PAGES_BYTES + _FOOTER_BYTES * (self._groups + 2))
        self._waiting = [waiting.slice(table.num_rows)] if table.num_rows < waiting.num_rows else []
        self._groups += 1
        writer.write_table(table, row_group_size=table.num_rows)

    def _begun(self) -> tuple[pa.NativeFile, pq.ParquetWriter]:
        self._file.begin()
        sink = pa.OSFile(str(self._file.path), "wb")
        writer = pq.ParquetWriter(
            sink,
            _SCHEMA,
            compression="zstd",
            compression_level=1,
            use_dictionary=list(_TEXTS),
            column_encoding={"timestamp": "DELTA_BINARY_PACKED"} | dict.fromkeys(VALUE_COLUMNS, "BYTE_STREAM_SPLIT"),
            write_statistics=list(KEY_COLUMNS),
            metadata_collector=self._metadata,
        )
        return sink, writer

    def _close(self) -> None:
        writing, self._writing = self._writing, None
        if writing is not None:
            sink, writer = writing
            writer.close()
            self._file.cut(sink.tell())  # the room that was not needed
            sink.close()


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
