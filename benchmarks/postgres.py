"""Readings per second into and out of the cloud store on PostgreSQL, against bare binary COPY and bare ADBC in the same run.

    python benchmarks/postgres.py
    python benchmarks/postgres.py --quick --json postgres.json

Needs PostgreSQL 15 or newer: the one of POSTGRES_TEST_URL (a superuser's), else an installed server, started privately.

Writing: the reference copies the same rows, encoded beforehand, into a table with the same columns, partitions and primary
key, in transactions of the same size. The store gets a frame and checks, sorts, encodes, counts and indexes it.
Reading: 12 columns of every site into frames. The references read the whole table in whatever order it has: binary COPY
into bytes, ADBC into an Arrow table. The store's frames are whole sites, sorted.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import numpy as np
import pandas as pd
import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from shared.adapters.distributed.postgres import PostgresCloudStore
from shared.adapters.distributed.postgres.binary_copy import copy_of
from shared.adapters.distributed.postgres.readings import _COLUMNS, _fields
from shared.adapters.reading_columns import reading_columns
from shared.domain.reading import READING_COLUMNS, VALUE_COLUMNS
from shared.domain.time import Interval
from tests.live.database import open_database

START = datetime(2024, 3, 10, tzinfo=UTC)
STEP = timedelta(minutes=5)
DAYS = 30
ROWS_OF_A_SITE = DAYS * 24 * 12
EVER = Interval(start=START, end=START + timedelta(days=DAYS))
READ = ("total_load_kw", "solar_generation_kw", "battery_soc_percent", "battery_power_kw", "net_grid_flow_kw", "price_per_kwh",
        "feed_in_tariff", "carbon_intensity_g_kwh", "quality")  # fmt: skip
"""With the key 12 columns."""
SITES_OF_A_WRITE = 10


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table."""

    work: str
    per_second: float
    reference: str
    reference_per_second: float

    @property
    def ratio(self) -> float:
        return self.per_second / self.reference_per_second


def readings_of(sites: range) -> pd.DataFrame:
    """Every value measured by sites of five-minute readings."""
    count = len(sites) * ROWS_OF_A_SITE
    rng = np.random.default_rng(sites.start)
    numbers = {name: np.round(10 * rng.random(count), 3) for name in VALUE_COLUMNS}
    stamps = pd.date_range(START, periods=ROWS_OF_A_SITE, freq=STEP, unit="us")
    keys = {
        "site_id": pd.Series([f"site-{number:05}" for number in sites], dtype="str").repeat(ROWS_OF_A_SITE).to_numpy(),
        "device_id": pd.Series(["edge-gateway-001"], dtype="str").repeat(count).to_numpy(),
        "timestamp": pd.DatetimeIndex(np.tile(stamps.to_numpy(), len(sites)), tz="UTC"),
    }
    return pd.DataFrame({**keys, **numbers, "time_of_use_period": "peak", "quality": 0})[list(READING_COLUMNS)]


def batches(sites: int) -> Iterator[range]:
    """The sites of one write each."""
    return (range(start, min(start + SITES_OF_A_WRITE, sites)) for start in range(0, sites, SITES_OF_A_WRITE))


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def bare_table(connection: psycopg.Connection[Any]) -> None:
    """The columns, partitions and primary key of the store, and nothing else."""
    connection.execute('CREATE TABLE bare (LIKE public.readings) PARTITION BY RANGE ("timestamp")')
    connection.execute('ALTER TABLE bare ADD PRIMARY KEY (site_id, "timestamp", device_id)')
    for month in range(3, 8):
        connection.execute(
            f"CREATE TABLE bare_{month} PARTITION OF bare"
            f" FOR VALUES FROM ('2024-{month:02}-01 00:00Z') TO ('2024-{month + 1:02}-01 00:00Z')"
        )


def copy_bare(connection: psycopg.Connection[Any], pieces: list[memoryview]) -> None:
    """Rows that are bytes already."""
    with connection.cursor().copy(f"COPY bare ({', '.join(_COLUMNS)}) FROM STDIN (FORMAT BINARY)") as copy:
        for piece in pieces:
            copy.write(piece)


def write(url: str, store: PostgresCloudStore, sites: int) -> tuple[float, float]:
    """Seconds of the bare COPY and of the store, batch by batch in turns."""
    bare = ours = 0.0
    with psycopg.connect(url, autocommit=True) as connection:
        bare_table(connection)
        for batch in batches(sites):
            frame = readings_of(batch)
            columns = reading_columns(frame)
            pieces = list(copy_of(_fields(columns, columns.stamps)))

            def copied() -> None:
                copy_bare(connection, pieces)  # noqa: B023  # called at once

            def stored() -> None:
                counts = store.readings.upsert(frame, stored_at=START)  # noqa: B023  # called at once
                assert counts.inserted == len(frame)  # noqa: B023

            for work in (copied, stored) if batch.start // SITES_OF_A_WRITE % 2 else (stored, copied):
                spent = seconds(work)
                if work is copied:
                    bare += spent
                else:
                    ours += spent
        connection.execute("VACUUM ANALYZE")
    return bare, ours


def read(url: str, store: PostgresCloudStore, sites: int) -> tuple[float, float, float]:
    """Seconds of bare COPY, bare ADBC and the store."""
    everything = f"SELECT {', '.join(('site_id', 'device_id', 'timestamp', *READ))} FROM bare"  # noqa: S608  # constant names

    def copied() -> None:
        with (
            psycopg.connect(url) as connection,
            connection.cursor().copy(f"COPY ({everything}) TO STDOUT (FORMAT BINARY)") as copy,
        ):
            size = sum(len(piece) for piece in copy)
            assert size > sites * ROWS_OF_A_SITE

    def fetched() -> None:
        with adbc.connect(url) as connection, connection.cursor() as cursor:
            cursor.execute(everything)
            rows = sum(len(batch) for batch in cursor.fetch_record_batch())
            assert rows == sites * ROWS_OF_A_SITE

    def framed() -> None:
        frames = store.readings.read_many(site_ids=[f"site-{number:05}" for number in range(sites)], interval=EVER, columns=READ)
        assert sum(len(frame) for frame in frames) == sites * ROWS_OF_A_SITE

    taken = [[seconds(work) for work in (copied, fetched, framed)] for _ in range(2)]
    copy, arrow, ours = (min(each) for each in zip(*taken, strict=True))
    return copy, arrow, ours


def live(url: str, store: PostgresCloudStore, rounds: int) -> dict[str, float]:
    """Median milliseconds of 1,000 rows: copied bare, new ones of one site, the same again, new ones of many sites."""
    taken: dict[str, list[float]] = {}
    with psycopg.connect(url, autocommit=True) as connection:
        for number in range(rounds):
            stamps = pd.date_range(START + number * 1000 * STEP, periods=1000, freq=STEP, unit="us")
            one = readings_of(range(900_000, 900_001))[:1000].assign(timestamp=stamps)
            many = readings_of(range(800_000, 800_050)).groupby("site_id").head(20)
            many = many.assign(timestamp=many["timestamp"] + number * 20 * STEP)
            columns = reading_columns(one)
            pieces = list(copy_of(_fields(columns, columns.stamps)))
            works = {
                "bare COPY of 1,000 rows": lambda: copy_bare(connection, pieces),  # noqa: B023  # all called at once
                "1,000 new rows of one site": lambda: store.readings.upsert(one, stored_at=START),  # noqa: B023
                "the same again": lambda: store.readings.upsert(one, stored_at=START),  # noqa: B023
                "20 new rows of 50 sites": lambda: store.readings.upsert(many, stored_at=START),  # noqa: B023
            }
            for name, work in works.items():
                taken.setdefault(name, []).append(1000 * seconds(work))
    return {name: float(np.median(each)) for name, each in taken.items()}


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; exit status 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer sites: for CI")
    parser.add_argument("--sites", type=int, metavar="N", help="how many (default 1000, with --quick 20)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the same figures there")
    options = parser.parse_args(argv)
    sites = options.sites or (20 if options.quick else 1000)
    rows = sites * ROWS_OF_A_SITE
    server = open_database()
    try:
        with server.store_url() as url:
            store = PostgresCloudStore(url)
            bare_write, our_write = write(url, store, sites)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            bare_copy, bare_adbc, our_read = read(url, store, sites)
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            upserts = live(url, store, 5 if options.quick else 30)
            store.close()
    finally:
        server.end()
    lines = [
        Line("write frames", rows / our_write, "binary COPY in", rows / bare_write),
        Line("read into frames", rows / our_read, "binary COPY out", rows / bare_copy),
        Line("read into frames", rows / our_read, "ADBC", rows / bare_adbc),
    ]
    print(f"{sites:,} sites x {DAYS} days at 5 min = {rows:,} readings; written with all 27 columns, read with 12")
    print(f"{'':20}{'rows/s':>12}  {'against bare':18}{'rows/s':>12}{'ratio':>8}")
    for line in lines:
        print(f"{line.work:20}{line.per_second:12,.0f}  {line.reference:18}{line.reference_per_second:12,.0f}{line.ratio:8.2f}")
    print(f"memory grew by {grown:,.0f} MB while {rows:,} rows were read")
    for name, median in upserts.items():
        print(f"{name:30} median {median:6.1f} ms")
    if options.json:
        figures = [asdict(line) | {"ratio": line.ratio} for line in lines]
        options.json.write_text(
            json.dumps({"rows": rows, "figures": figures, "memory_mb": grown, "upsert_ms": upserts}, indent=2), encoding="utf-8"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
