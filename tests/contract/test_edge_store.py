"""`EdgeStore`: the gateway's outbox keeps what it was given until it is pruned."""

from datetime import datetime, timedelta

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from shared.domain.errors import InvalidValueError
from shared.domain.time import Interval
from shared.ports.edge_store import EdgeExtent
from tests.contract.implementations import EDGE_STORES, fixtures_of
from tests.factories import NOON, readings

opened, store = fixtures_of(EDGE_STORES)

START = datetime.fromisoformat("2024-06-15T00:00:00+00:00")
EVER = Interval(start=START - timedelta(days=3650), end=START + timedelta(days=3650))


def all_of(store, site_id="home"):
    return store.read(site_id=site_id, interval=EVER, limit=100_000)


def test_what_was_written_is_read_back_to_the_last_bit_and_type(store):
    assert store.write(readings()) == 96
    assert_frame_equal(all_of(store), readings())


def test_writing_again_replaces_by_natural_key(store):
    store.write(readings())
    changed = readings(seed=3)
    assert store.write(changed) == 96
    assert_frame_equal(all_of(store), changed)
    assert store.extents()[0].rows == 96


def test_reading_takes_the_oldest_of_an_interval_sorted_by_time_then_device(store):
    store.write(pd.concat([readings(device_id="b", hours=2), readings(device_id="a", hours=2)]))
    found = store.read(site_id="home", interval=Interval(start=START + timedelta(minutes=15), end=EVER.end), limit=3)
    assert found["device_id"].tolist() == ["a", "b", "a"]
    assert found["timestamp"].tolist() == [START + timedelta(minutes=minutes) for minutes in (15, 15, 30)]


def test_readings_of_a_half_open_interval_are_counted(store):
    store.write(pd.concat([readings(device_id="b", hours=2), readings(device_id="a", hours=2), readings(site_id="other")]))
    quarter = timedelta(minutes=15)
    assert store.count(site_id="home", interval=Interval(start=START + quarter, end=START + 3 * quarter)) == 4
    assert store.count(site_id="home", interval=EVER) == 16
    assert store.count(site_id="home", interval=Interval(start=START, end=START)) == 0
    assert store.count(site_id="nobody", interval=EVER) == 0


def test_the_latest_reading_of_each_device(store):
    store.write(pd.concat([readings(device_id="a", hours=2), readings(device_id="b", hours=1)]))
    found = store.latest(site_id="home")
    assert dict(zip(found["device_id"], found["timestamp"], strict=True)) == {
        "a": START + timedelta(minutes=105),
        "b": START + timedelta(minutes=45),
    }
    assert_frame_equal(store.latest(site_id="nobody"), readings()[:0])


def test_extents_name_every_device_in_order(store):
    store.write(pd.concat([readings(site_id="two", hours=1), readings(site_id="one", device_id="z", hours=2)]))
    store.write(readings(site_id="one", device_id="a", hours=1))
    assert [(extent.site_id, extent.device_id, extent.rows) for extent in store.extents()] == [
        ("one", "a", 4),
        ("one", "z", 8),
        ("two", "edge-gateway-001", 4),
    ]
    assert store.extents()[1] == EdgeExtent(site_id="one", device_id="z", first=START, last=START + timedelta(minutes=105), rows=8)


def test_pruning_deletes_what_is_older_and_nothing_else(store):
    store.write(pd.concat([readings(device_id="old", hours=6), readings(device_id="long", hours=24)]))
    assert store.prune(before=NOON) == 24 + 48
    assert store.prune(before=NOON) == 0
    assert all_of(store)["timestamp"].min() == NOON
    assert store.extents() == [EdgeExtent(site_id="home", device_id="long", first=NOON, last=START + timedelta(minutes=1425), rows=48)]


def test_a_pruned_store_is_empty_and_takes_new_rows(store):
    store.write(readings(hours=1))
    store.prune(before=NOON)
    assert store.extents() == []
    store.write(readings(start=NOON, hours=1))
    assert store.extents()[0].first == NOON


def test_rows_without_a_zone_are_refused_whole(store):
    frame = readings()
    with pytest.raises(InvalidValueError, match="timestamp"):
        store.write(frame.assign(timestamp=frame["timestamp"].dt.tz_localize(None)))
    assert store.extents() == []


def test_an_empty_frame_writes_nothing(store):
    assert store.write(readings()[:0]) == 0


def test_readings_are_there_after_a_restart(opened):
    with opened() as first:
        first.write(readings())
    with opened() as second:
        assert_frame_equal(all_of(second), readings())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=20)
@given(order=st.permutations(range(6)), again=st.lists(st.integers(0, 5), max_size=3))
def test_batches_in_any_order_and_repeated_make_the_same_store(store, order, again):
    site_id = f"s{abs(hash((tuple(order), tuple(again))))}"
    whole = readings(site_id=site_id, hours=6)
    for number in (*order, *again):
        store.write(whole[number * 4 : number * 4 + 4])
    assert_frame_equal(all_of(store, site_id), whole)
    assert [extent.rows for extent in store.extents() if extent.site_id == site_id] == [24]
