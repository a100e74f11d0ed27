"""Readings per second into and out of the embedded cloud store, against a bare SQLite table in the same run.

    python benchmarks/embedded_store.py
    python benchmarks/embedded_store.py --quick --json store.json

The reference writes the same rows, turned into tuples beforehand, with `executemany` into a table of the same columns and
key, one durable commit for each batch, and reads them back with `fetchall`: no checks, no counts, no frame.
"""

import argparse
import json
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from shared.adapters.embedded.cloud_store import SqliteCloudStore
from shared.adapters.embedded.edge_store import SqliteEdgeStore
from shared.domain.reading import KEY_COLUMNS, READING_COLUMNS, VALUE_COLUMNS
from shared.domain.time import Interval

BATCH = 1_000
START = datetime(2024, 1, 1, tzinfo=UTC)
STEP = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table."""

    work: str
    rows_per_second: float
    reference_rows_per_second: float

    @property
    def ratio(self) -> float:
        return self.rows_per_second / self.reference_rows_per_second


def some_readings(count: int) -> pd.DataFrame:
    """Every value measured, on a grid of five minutes."""
    rng = np.random.default_rng(0)
    numbers = {name: np.round(10 * rng.random(count), 3) for name in VALUE_COLUMNS}
    stamps = pd.date_range(START, periods=count, freq=STEP, unit="us")
    keys = {"site_id": "home", "device_id": "edge-gateway-001", "timestamp": stamps}
    return pd.DataFrame({**keys, **numbers, "time_of_use_period": "peak", "quality": 0})[list(READING_COLUMNS)]


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def batches(frame: pd.DataFrame) -> list[pd.DataFrame]:
    return [frame[start : start + BATCH] for start in range(0, len(frame), BATCH)]


def bare_sqlite(path: Path, frame: pd.DataFrame, *, batch: int = BATCH) -> tuple[float, float]:
    """Seconds to write, so many rows to a durable commit, and to read with nothing around SQLite."""
    stamps = frame["timestamp"].to_numpy(dtype="datetime64[us]").astype(np.int64).tolist()
    columns = [stamps if name == "timestamp" else frame[name].tolist() for name in READING_COLUMNS]
    rows = list(zip(*columns, strict=True))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(
            f"CREATE TABLE readings ({', '.join(READING_COLUMNS)}, PRIMARY KEY (site_id, timestamp, device_id)) WITHOUT ROWID"
        )
        insert = f"INSERT OR REPLACE INTO readings VALUES ({', '.join('?' * len(READING_COLUMNS))})"  # noqa: S608  # constant text

        def write() -> None:
            for start in range(0, len(rows), batch):
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(insert, rows[start : start + batch])
                connection.execute("COMMIT")

        return seconds(write), seconds(lambda: connection.execute("SELECT * FROM readings ORDER BY timestamp").fetchall())


def measure(count: int, rounds: int) -> list[Line]:
    """Best of several rounds of each, taken in turns so that a busy machine is busy for all."""
    frame = some_readings(count)
    taken: dict[str, float] = {}
    everything = Interval(start=START, end=START + count * STEP)

    def note(name: str, spent: float) -> None:
        taken[name] = min(spent, taken.get(name, spent))

    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            written, read = bare_sqlite(folder / "bare.sqlite", frame)
            note("bare write", written)
            note("bare read", read)
            edge, cloud = SqliteEdgeStore(folder / "edge.sqlite"), SqliteCloudStore(folder / "cloud.sqlite")
            with closing(edge), closing(cloud):
                pieces = batches(frame)
                note("edge write", seconds(lambda: [edge.write(piece) for piece in pieces]))  # noqa: B023  # called at once
                note("upsert new rows", seconds(lambda: [cloud.readings.upsert(piece, stored_at=START) for piece in pieces]))  # noqa: B023
                note("upsert known rows", seconds(lambda: [cloud.readings.upsert(piece, stored_at=START) for piece in pieces]))  # noqa: B023
                note("read all columns", seconds(lambda: cloud.readings.read(site_id="home", interval=everything)))  # noqa: B023
                two = ["total_load_kw", "solar_generation_kw"]
                note("read two columns", seconds(lambda: cloud.readings.read(site_id="home", interval=everything, columns=two)))  # noqa: B023
    return [
        Line(work, count / taken[work], count / taken["bare read" if work.startswith("read") else "bare write"])
        for work in ("edge write", "upsert new rows", "upsert known rows", "read all columns", "read two columns")
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; exit status 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rows, one round: for CI")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the same figures there")
    options = parser.parse_args(argv)
    count, rounds = (10_000, 1) if options.quick else (100_000, 3)
    lines = measure(count, rounds)
    print(f"{count:,} readings of {len(READING_COLUMNS) - len(KEY_COLUMNS)} values, {BATCH} to a durable commit, best of {rounds}")
    print(f"{'':20}{'rows/s':>12}{'bare SQLite':>14}{'ratio':>8}")
    for line in lines:
        print(f"{line.work:20}{line.rows_per_second:12,.0f}{line.reference_rows_per_second:14,.0f}{line.ratio:8.2f}")
    if options.json:
        figures = {line.work: asdict(line) | {"ratio": line.ratio} for line in lines}
        options.json.write_text(json.dumps({"rows": count, "batch": BATCH, "figures": figures}, indent=2), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
