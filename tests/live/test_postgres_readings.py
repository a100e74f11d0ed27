"""Readings in PostgreSQL beyond the contract: months as partitions, values to the last bit, rows that came past the store."""

import itertools
import math
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from shared.adapters.distributed.postgres import PostgresCloudStore
from shared.domain.reading import READING_COLUMNS, VALUE_COLUMNS
from shared.domain.time import Interval
from shared.ports.reading_store import UpsertCounts
from tests.contract.test_reading_store import EVER
from tests.factories import NOON, readings
from tests.live import servers

ALWAYS = Interval(start=datetime(2000, 1, 1, tzinfo=UTC), end=datetime(3000, 1, 1, tzinfo=UTC))


@pytest.fixture(scope="module")
def url():
    with servers.database().store_url() as address:
        yield address


@pytest.fixture(scope="module")
def store(url):
    opened = PostgresCloudStore(url)
    yield opened
    opened.close()


def partitions(url):
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'public.readings'::regclass"
        ).fetchall()
    return {name for (name,) in rows}


def test_the_table_has_the_columns_of_a_reading(url):
    with psycopg.connect(url) as connection:
        columns = {column.name for column in connection.execute("SELECT * FROM public.readings").description}
    assert columns == {*READING_COLUMNS, "stored_at"}


def test_a_batch_over_any_months_makes_their_partitions_and_is_one_write(url, store):
    stamps = [
        datetime(*day, tzinfo=UTC) for day in ((2000, 1, 1), (2023, 12, 31, 23, 45), (2024, 1, 1), (2024, 2, 29), (2999, 12, 31, 23, 45))
    ]
    frame = readings(site_id="months", hours=1.25).assign(timestamp=pd.DatetimeIndex(stamps).as_unit("us"))
    assert store.readings.upsert(frame, stored_at=NOON).inserted == 5
    assert_frame_equal(store.readings.read(site_id="months", interval=ALWAYS), frame)
    assert {
        "der.readings_2000_01",
        "der.readings_2023_12",
        "der.readings_2024_01",
        "der.readings_2024_02",
        "der.readings_2999_12",
    } <= partitions(url)


def test_writers_that_need_the_same_new_months_at_once_all_write(store):
    def write(number):
        return store.readings.upsert(
            readings(site_id=f"at once {number}", start=datetime(2031, 1, 1, tzinfo=UTC), hours=24 * 40), stored_at=NOON
        )

    with ThreadPoolExecutor(6) as pool:
        assert {counts.inserted for counts in pool.map(write, range(6))} == {96 * 40}


def test_what_is_dropped_with_its_months_is_gone_from_every_answer():
    with servers.database().store_url() as url:
        store = PostgresCloudStore(url)
        start = datetime(2024, 5, 30, tzinfo=UTC)
        store.readings.upsert(readings(start=start, hours=24 * 4), stored_at=NOON)
        store.readings.upsert(readings(start=start, hours=24, device_id="old"), stored_at=NOON)
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT der.drop_readings_before('2024-06-15Z')").fetchone() == (3 * 96,)
        first = datetime(2024, 6, 1, tzinfo=UTC)
        assert store.readings.extent(site_id="home") == (
            Interval(start=first, end=first + timedelta(days=1, hours=23, minutes=45, microseconds=1)),
            192,
        )
        assert store.readings.read(site_id="home", interval=EVER)["timestamp"].min() == first
        assert store.readings.latest(site_id="home")["device_id"].tolist() == ["edge-gateway-001"]
        assert store.readings.upsert(readings(start=start, hours=24 * 4), stored_at=NOON) == UpsertCounts(
            inserted=192, updated=0, unchanged=192
        )
        store.close()


def test_rows_that_somebody_wrote_past_the_store_are_found_and_replaced(url, store):
    frame = readings(site_id="past us")
    with psycopg.connect(url) as connection:
        connection.execute("SELECT der.make_readings_partition('2024-06-01')")
        connection.execute(
            'INSERT INTO public.readings (site_id, device_id, "timestamp", quality, stored_at) VALUES (%s, %s, %s, 0, now())',
            ("past us", "edge-gateway-001", frame["timestamp"][5]),
        )
    assert store.readings.upsert(frame, stored_at=NOON) == UpsertCounts(inserted=95, updated=1, unchanged=0)
    assert_frame_equal(store.readings.read(site_id="past us", interval=EVER), frame)


NAMES = (f"site-{number}-äöü-{'x' * (number % 7)}" for number in itertools.count())
VALUES = st.one_of(st.floats(allow_nan=True, allow_infinity=True), st.just(-0.0), st.just(5e-324))
ROWS = st.lists(
    st.tuples(VALUES, VALUES, st.sampled_from([None, "", "peak", "schulter ☀"]), st.integers(0, 2**31 - 1)), min_size=1, max_size=12
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(rows=ROWS)
def test_any_values_and_texts_come_back_to_the_last_bit_by_either_way_in(store, rows):
    site_id = next(NAMES)
    first, last, periods, flags = zip(*rows, strict=True)
    frame = readings(site_id=site_id, hours=len(rows) / 4).assign(
        **{VALUE_COLUMNS[0]: first, VALUE_COLUMNS[-1]: last}, time_of_use_period=pd.Series(periods, dtype=object), quality=flags
    )
    store.readings.upsert(frame.assign(quality=0, total_load_kw=math.pi), stored_at=NOON)  # copied straight in
    assert store.readings.upsert(frame, stored_at=NOON).inserted == 0  # merged
    found = store.readings.read(site_id=site_id, interval=EVER)
    assert_frame_equal(found, frame)
    for name in (VALUE_COLUMNS[0], VALUE_COLUMNS[-1]):
        assert np.array_equal(np.signbit(found[name].dropna()), np.signbit(frame[name].dropna()))


def test_a_site_removed_while_its_first_readings_are_written_leaves_none(url, store):
    """Whoever writes is waited for: else its rows would come to light with the next site of that name."""
    waiting = "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with psycopg.connect(url) as writer, psycopg.connect(url, autocommit=True) as watcher, ThreadPoolExecutor(1) as pool:
        writer.execute(
            "SELECT der.begin_readings('{gone}', '{gateway}', '{2024-06-15Z}', '{2024-06-15Z}', '{1}', '{2024-06-01}', '2024-06-15Z')"
        )
        writer.execute(
            'INSERT INTO public.readings (site_id, "timestamp", device_id, quality, stored_at)'
            " VALUES ('gone', '2024-06-15Z', 'gateway', 0, '2024-06-15Z')"
        )
        removal = pool.submit(store.sites.delete, "gone")
        while not removal.done() and watcher.execute(waiting).fetchone() == (False,):
            pass
        writer.commit()
        assert removal.result(timeout=30) is False
    assert store.readings.extent(site_id="gone") is None
    assert store.readings.read(site_id="gone", interval=ALWAYS).empty
