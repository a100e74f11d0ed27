"""Readings per second into and out of the cloud store over Supabase's REST API, against supabase-py's own upsert and select.

    python benchmarks/rest.py
    python benchmarks/rest.py --quick --json rest.json

Needs node 20, npm and PostgreSQL: the API is `@supabase/lite` as the tests start it, on one machine with its database.

The reference upserts the same rows, made into dictionaries beforehand, into a table with the same columns and primary key, 500 in a
request, and reads it back in pages of 1,000, parsed but not made into a frame. The store gets and gives frames, counts what was
new, and writes all rows of a call or none.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from postgrest import SyncPostgrestClient
from postgrest.types import ReturnMethod

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from shared.adapters.distributed.supabase import SupabaseCloudStore
from shared.domain.reading import READING_COLUMNS, VALUE_COLUMNS
from shared.domain.time import Interval
from tests.live.database import open_database
from tests.live.private_process import stop
from tests.live.supabase_api import ROW_CAP, SECRET_KEY, SupabaseApi, open_supabase

START = datetime(2024, 3, 1, tzinfo=UTC)
STEP = timedelta(minutes=1)
EVER = Interval(start=START, end=START + timedelta(days=3650))
BATCH = 500


def readings_of(rows: int) -> pd.DataFrame:
    """Every value measured by one site, minute by minute."""
    rng = np.random.default_rng(1)
    numbers = {name: np.round(10 * rng.random(rows), 3) for name in VALUE_COLUMNS}
    stamps = pd.date_range(START, periods=rows, freq=STEP, unit="us")
    keys = {"site_id": "home", "device_id": "edge-gateway-001", "timestamp": stamps}
    return pd.DataFrame({**keys, **numbers, "time_of_use_period": "peak", "quality": 0})[list(READING_COLUMNS)]


def plain_upsert(client: SyncPostgrestClient, rows: list[dict[str, Any]]) -> None:
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        client.from_("bare").upsert(batch, on_conflict="site_id,timestamp,device_id", returning=ReturnMethod.minimal).execute()


def plain_select(client: SyncPostgrestClient) -> int:
    found, after = 0, "-infinity"
    while True:
        page: Any = (
            client.from_("bare").select("*").eq("site_id", "home").gt("timestamp", after).order("timestamp").limit(ROW_CAP).execute().data
        )
        if not page:
            return found
        found, after = found + len(page), page[-1]["timestamp"]


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measured(api: SupabaseApi, rows: int) -> dict[str, float]:
    """Seconds of each work."""
    api.execute('CREATE TABLE public.bare (LIKE public.readings, PRIMARY KEY (site_id, "timestamp", device_id))')
    assert api.process is not None
    stop(api.process)
    api.begin()  # it knows the tables that were there when it began
    frame = readings_of(rows)
    texts = frame.assign(timestamp=[moment.isoformat() for moment in frame["timestamp"]], stored_at=START.isoformat())
    documents = [{str(name): value for name, value in row.items()} for row in texts.to_dict(orient="records")]
    headers = {"apikey": SECRET_KEY}
    store = SupabaseCloudStore(url=api.url, key=SECRET_KEY)
    with SyncPostgrestClient(f"{api.url}/rest/v1", headers=headers) as client:
        store.sites.list()  # connected
        try:
            taken = {
                "upsert, plain": seconds(lambda: plain_upsert(client, documents)),
                f"upsert, {BATCH} a call": seconds(
                    lambda: [store.readings.upsert(frame[at : at + BATCH], stored_at=START) for at in range(0, rows // 2, BATCH)]
                ),
                "upsert, one call": seconds(lambda: store.readings.upsert(frame[rows // 2 :], stored_at=START)),
                "read, plain": seconds(lambda: plain_select(client)),
                "read": seconds(lambda: store.readings.read(site_id="home", interval=EVER)),
            }
            assert len(store.readings.read(site_id="home", interval=EVER)) == rows
        finally:
            store.close()
    return {name: (rows if name.startswith("read") or "plain" in name else rows // 2) / spent for name, spent in taken.items()}


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; exit status 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rows: for CI")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the same figures there")
    options = parser.parse_args(argv)
    rows = 4_000 if options.quick else 40_000
    database = open_database()
    try:
        api = open_supabase(database)
        try:
            figures = measured(api, rows)
        finally:
            api.end()
    finally:
        database.end()
    print(f"{rows:,} readings with all 27 columns over the REST API")
    for name, per_second in figures.items():
        reference = figures["read, plain" if name.startswith("read") else "upsert, plain"]
        print(f"{name:22}{per_second:10,.0f} rows/s{per_second / reference:8.2f} of plain")
    if options.json:
        options.json.write_text(json.dumps({"rows": rows, "rows_per_second": figures}, indent=2), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
