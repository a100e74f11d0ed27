"""Readings as people see them: one JSON line each, or a JSON lines, CSV or Parquet file written whole or not at all."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from shared.domain.reading import FIELDS, nested_from_flat
from shared.runtime.cli import UsageError
from shared.runtime.files import whole_or_none

DECIMALS = 4
"""A tenth of a watt: what is shown. Stores keep what was computed."""

Write = Callable[[pd.DataFrame], None]

_LOAD_PARTS = ("hvac_kw", "appliances_kw", "lighting_kw", "ev_charging_kw", "other_kw")


def shown(readings: pd.DataFrame) -> pd.DataFrame:
    """The readings rounded, sums made again from their rounded parts, so every line still balances."""
    columns = [field.column for field in FIELDS]
    frame = readings.assign(**{column: readings[column].round(DECIMALS) + 0.0 for column in columns})
    frame["total_load_kw"] = frame[list(_LOAD_PARTS)].sum(axis=1).round(DECIMALS)
    flow = frame["total_load_kw"] + frame["battery_power_kw"].fillna(0.0) - frame["solar_generation_kw"]
    frame["net_grid_flow_kw"] = flow.round(DECIMALS) + 0.0  # + 0.0: no negative zero
    return frame


def json_lines(readings: pd.DataFrame) -> bytes:
    """One line of JSON for each reading, in the gateway's shape."""
    import orjson

    frame = shown(readings)
    lists: dict[str, list[object]] = {field.column: frame[field.column].tolist() for field in FIELDS}
    lists["timestamp"] = [moment.isoformat() for moment in pd.DatetimeIndex(frame["timestamp"]).to_pydatetime()]
    lists |= {name: frame[name].tolist() for name in ("device_id", "time_of_use_period")}
    names = list(lists)
    rows = (dict(zip(names, row, strict=True)) for row in zip(*lists.values(), strict=True))
    return b"".join(orjson.dumps(nested_from_flat(row)) + b"\n" for row in rows)


def appended_file(path: Path) -> Callable[[bytes], None]:
    """Gives a function that adds lines to a file. Raises `UsageError` at once for a place that cannot be written."""

    def append(lines: bytes) -> None:
        try:
            with path.open("ab") as file:
                file.write(lines)
        except OSError as problem:
            raise UsageError(f"output_file {str(path)!r} cannot be written ({problem.strerror}); correct it in the configuration") from None

    append(b"")
    return append


@contextmanager
def reading_file(path: Path) -> Iterator[Write]:
    """Gives a function that adds readings; the file appears under its name, complete, when the block ends without an error.

    Raises `UsageError` for an ending other than .jsonl, .csv or .parquet, and for a place that cannot be written.
    """
    kinds = {".jsonl": _jsonl_file, ".csv": _csv_file, ".parquet": _parquet_file}
    if path.suffix not in kinds:
        raise UsageError(f"--output is {str(path)!r}: its name must end in .jsonl, .csv or .parquet")
    with whole_or_none(path) as part, kinds[path.suffix](part) as write:
        yield write


@contextmanager
def _jsonl_file(path: Path) -> Iterator[Write]:
    with path.open("wb") as file:

        def write(readings: pd.DataFrame) -> None:
            file.write(json_lines(readings))

        yield write


@contextmanager
def _csv_file(path: Path) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="") as file:
        first = True

        def write(readings: pd.DataFrame) -> None:
            nonlocal first
            frame = shown(readings).assign(timestamp=readings["timestamp"].map(lambda moment: moment.isoformat()))
            frame.to_csv(file, index=False, header=first, lineterminator="\n")
            first = False

        yield write


@contextmanager
def _parquet_file(path: Path) -> Iterator[Write]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with path.open("wb") as file:
        writer = None

        def write(readings: pd.DataFrame) -> None:
            nonlocal writer
            table = pa.Table.from_pandas(readings, preserve_index=False)
            writer = writer or pq.ParquetWriter(file, table.schema)
            writer.write_table(table)

        try:
            yield write
        finally:
            if writer is not None:
                writer.close()
