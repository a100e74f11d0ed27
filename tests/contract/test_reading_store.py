"""`ReadingStore`: every implementation keeps the newest of each key, whole, in order, and remembers when it changed."""

import itertools
import math
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from shared.domain.errors import InvalidValueError
from shared.domain.reading import READING_COLUMNS
from shared.domain.time import Interval
from shared.ports.reading_store import UpsertCounts
from tests.contract.implementations import CLOUD_STORES, fixtures_of
from tests.factories import NOON, readings

opened, store = fixtures_of(CLOUD_STORES)

DAY = Interval(start=datetime.fromisoformat("2024-06-15T00:00:00+00:00"), end=datetime.fromisoformat("2024-06-16T00:00:00+00:00"))
EVER = Interval(start=DAY.start - timedelta(days=3650), end=DAY.end + timedelta(days=3650))
SECOND = timedelta(seconds=1)


def test_what_was_stored_is_read_back_to_the_last_bit_and_type(store):
    frame = readings()
    assert store.readings.upsert(frame, stored_at=NOON) == UpsertCounts(inserted=96, updated=0, unchanged=0)
    assert_frame_equal(store.readings.read(site_id="home", interval=DAY), frame)


def test_more_rows_than_are_read_at_once_come_back_in_order(store):
    frame = readings(hours=20_001 / 60, step=timedelta(minutes=1))
    store.readings.upsert(frame, stored_at=NOON)
    assert_frame_equal(store.readings.read(site_id="home", interval=EVER), frame)


def test_a_site_without_readings_reads_as_an_empty_frame_of_the_same_types(store):
    found = store.readings.read(site_id="nobody", interval=EVER)
    assert_frame_equal(found, readings()[:0])


def test_a_second_delivery_changes_nothing(store):
    store.readings.upsert(readings(), stored_at=NOON)
    assert store.readings.upsert(readings(), stored_at=NOON + SECOND) == UpsertCounts(inserted=0, updated=0, unchanged=96)
    assert_frame_equal(store.readings.read(site_id="home", interval=EVER), readings())


def test_the_newest_write_of_a_key_wins(store):
    frame = readings()
    store.readings.upsert(frame, stored_at=NOON)
    frame.loc[7, "total_load_kw"] = 9.5
    assert store.readings.upsert(frame, stored_at=NOON + SECOND) == UpsertCounts(inserted=0, updated=1, unchanged=95)
    assert_frame_equal(store.readings.read(site_id="home", interval=EVER), frame)


def test_a_mixed_batch_is_counted_by_row(store):
    frame = readings()
    store.readings.upsert(frame[:50], stored_at=NOON)
    frame.loc[3, "quality"] = 4
    assert store.readings.upsert(frame, stored_at=NOON + SECOND) == UpsertCounts(inserted=46, updated=1, unchanged=49)


def test_of_a_key_twice_in_a_batch_the_last_row_wins_and_counts_once(store):
    first = readings(hours=0.25)
    second = first.assign(total_load_kw=7.0)
    assert store.readings.upsert(pd.concat([first, second]), stored_at=NOON) == UpsertCounts(inserted=1, updated=0, unchanged=0)
    assert store.readings.read(site_id="home", interval=EVER)["total_load_kw"].tolist() == [7.0]


def test_a_missing_value_stays_missing_and_can_be_filled_later(store):
    periods = pd.Series(["peak", None, "off_peak", None], dtype=object)
    frame = readings(hours=1).assign(total_load_kw=[1.0, math.nan, 3.0, math.nan], time_of_use_period=periods)
    store.readings.upsert(frame, stored_at=NOON)
    assert_frame_equal(store.readings.read(site_id="home", interval=EVER), frame)
    assert store.readings.upsert(frame, stored_at=NOON).unchanged == 4
    assert store.readings.upsert(frame.astype({"time_of_use_period": "str"}), stored_at=NOON).unchanged == 4
    filled = frame.assign(total_load_kw=frame["total_load_kw"].fillna(2.0))
    assert store.readings.upsert(filled, stored_at=NOON) == UpsertCounts(inserted=0, updated=2, unchanged=2)


def test_a_value_can_become_missing(store):
    frame = readings(hours=0.25)
    store.readings.upsert(frame, stored_at=NOON)
    gone = frame.assign(total_load_kw=np.nan, time_of_use_period=None)
    assert store.readings.upsert(gone, stored_at=NOON).updated == 1
    assert_frame_equal(store.readings.read(site_id="home", interval=EVER), gone)


def test_late_rows_take_their_place(store):
    frame = readings()
    store.readings.upsert(frame[48:], stored_at=NOON)
    store.readings.upsert(frame[:48], stored_at=NOON + SECOND)
    assert_frame_equal(store.readings.read(site_id="home", interval=EVER), frame)
    assert store.readings.extent(site_id="home") == (Interval(start=DAY.start, end=DAY.end - timedelta(minutes=15, microseconds=-1)), 96)


def test_the_order_of_rows_does_not_matter(store):
    store.readings.upsert(readings().sample(frac=1, random_state=1), stored_at=NOON)
    assert_frame_equal(store.readings.read(site_id="home", interval=EVER), readings())


def test_an_interval_holds_its_start_and_not_its_end(store):
    store.readings.upsert(readings(), stored_at=NOON)
    found = store.readings.read(site_id="home", interval=Interval(start=NOON, end=NOON + timedelta(minutes=30)))
    assert found["timestamp"].tolist() == [NOON, NOON + timedelta(minutes=15)]


def test_devices_of_one_moment_are_sorted_and_a_limit_takes_the_oldest(store):
    store.readings.upsert(pd.concat([readings(device_id="b"), readings(device_id="a")]), stored_at=NOON)
    found = store.readings.read(site_id="home", interval=EVER, limit=3)
    assert found["device_id"].tolist() == ["a", "b", "a"]
    assert found["timestamp"].tolist() == [DAY.start, DAY.start, DAY.start + timedelta(minutes=15)]


def test_chosen_columns_come_with_the_key(store):
    store.readings.upsert(readings(), stored_at=NOON)
    found = store.readings.read(site_id="home", interval=EVER, columns=["total_load_kw", "quality"])
    assert_frame_equal(found, readings()[["site_id", "device_id", "timestamp", "total_load_kw", "quality"]])


def test_an_unknown_column_is_named(store):
    with pytest.raises(KeyError, match="power_of_attorney"):
        store.readings.read(site_id="home", interval=EVER, columns=["power_of_attorney"])


def test_sites_do_not_mix(store):
    store.readings.upsert(pd.concat([readings(site_id="one"), readings(site_id="two", seed=2)]), stored_at=NOON)
    assert_frame_equal(store.readings.read(site_id="two", interval=EVER), readings(site_id="two", seed=2))


def test_readings_of_many_sites_come_whole_and_sorted_site_after_site(store):
    frames = {site: readings(site_id=site, seed=seed) for seed, site in enumerate(("b", "a", "c", "left out"))}
    store.readings.upsert(pd.concat(frames.values()), stored_at=NOON)
    store.readings.upsert(readings(site_id="too early", start=DAY.start - timedelta(days=40)), stored_at=NOON)
    found = list(store.readings.read_many(site_ids=["c", "a", "nobody", "too early", "b", "a"], interval=DAY))
    assert all(len(frame) for frame in found)
    assert_frame_equal(pd.concat(found, ignore_index=True), pd.concat([frames[site] for site in "abc"], ignore_index=True))


def test_chosen_columns_of_many_sites_come_with_the_key_and_an_unknown_one_is_named(store):
    store.readings.upsert(readings(), stored_at=NOON)
    (found,) = store.readings.read_many(site_ids=["home"], interval=DAY, columns=["quality"])
    assert_frame_equal(found, readings()[["site_id", "device_id", "timestamp", "quality"]])
    with pytest.raises(KeyError, match="power_of_attorney"):
        store.readings.read_many(site_ids=["home"], interval=DAY, columns=["power_of_attorney"])


def test_the_latest_reading_of_each_device(store):
    store.readings.upsert(pd.concat([readings(device_id="a", hours=2), readings(device_id="b", hours=1)]), stored_at=NOON)
    store.readings.upsert(readings(device_id="a", hours=1, seed=5), stored_at=NOON)
    found = store.readings.latest(site_id="home")
    assert list(found.columns) == list(READING_COLUMNS)
    assert list(zip(found["device_id"], found["timestamp"], strict=True)) == [
        ("b", DAY.start + timedelta(minutes=45)),
        ("a", DAY.start + timedelta(minutes=105)),
    ]
    assert store.readings.latest(site_id="nobody").empty


def test_the_extent_ends_just_after_the_last_timestamp(store):
    assert store.readings.extent(site_id="home") is None
    store.readings.upsert(readings(hours=0.25), stored_at=NOON)
    assert store.readings.extent(site_id="home") == (Interval(start=DAY.start, end=DAY.start + timedelta(microseconds=1)), 1)


def test_the_ends_of_several_sites_are_told_at_once(store):
    store.readings.upsert(readings(hours=0.25), stored_at=NOON)
    store.readings.upsert(readings(hours=0.5).assign(site_id="other"), stored_at=NOON)
    ends = store.readings.ends(site_ids=["home", "other", "nobody"])
    assert ends == {site_id: store.readings.extent(site_id=site_id)[0].end for site_id in ("home", "other")}
    assert store.readings.ends(site_ids=[]) == {}


def test_what_changed_since_a_moment_spans_late_rows_and_corrections(store):
    frame = readings()
    store.readings.upsert(frame, stored_at=NOON)
    assert store.readings.changed_since(site_id="home", stored_at=NOON) is None
    frame.loc[[10, 20], "total_load_kw"] = 9.0
    store.readings.upsert(frame, stored_at=NOON + SECOND)
    interval, newest = store.readings.changed_since(site_id="home", stored_at=NOON)
    assert newest == NOON + SECOND
    assert interval == Interval(start=frame["timestamp"][10], end=frame["timestamp"][20] + timedelta(microseconds=1))
    assert store.readings.changed_since(site_id="home", stored_at=newest) is None


def test_what_was_stored_since_a_moment_is_counted(store):
    frame = readings()
    store.readings.upsert(frame, stored_at=NOON)
    store.readings.upsert(readings(site_id="other"), stored_at=NOON + SECOND)
    frame.loc[[10, 20], "total_load_kw"] = 9.0
    store.readings.upsert(frame, stored_at=NOON + SECOND)
    moments = (NOON - SECOND, NOON, NOON + SECOND)
    assert [store.readings.count_since(site_id="home", stored_at=moment) for moment in moments] == [96, 2, 0]
    assert store.readings.count_since(site_id="nobody", stored_at=DAY.start) == 0


def test_a_repeated_delivery_is_no_change(store):
    store.readings.upsert(readings(), stored_at=NOON)
    store.readings.upsert(readings(), stored_at=NOON + SECOND)
    assert store.readings.changed_since(site_id="home", stored_at=NOON) is None


def test_a_write_by_a_slower_clock_is_not_missed(store):
    store.readings.upsert(readings(hours=1), stored_at=NOON)
    _, seen = store.readings.changed_since(site_id="home", stored_at=DAY.start)
    late = readings(start=DAY.start - timedelta(hours=1), hours=1)
    store.readings.upsert(late, stored_at=NOON - timedelta(minutes=5))
    interval, _ = store.readings.changed_since(site_id="home", stored_at=seen)
    assert interval.start == DAY.start - timedelta(hours=1)


def test_an_empty_batch_is_nothing(store):
    assert store.readings.upsert(readings()[:0], stored_at=NOON) == UpsertCounts(inserted=0, updated=0, unchanged=0)
    assert store.readings.extent(site_id="home") is None


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda frame: frame.drop(columns="battery_cycles"), "battery_cycles"),
        (lambda frame: frame.assign(timestamp=frame["timestamp"].dt.tz_localize(None)), "timestamp"),
        (lambda frame: frame.assign(timestamp=frame["timestamp"].where(frame.index != 2)), "timestamp"),
        (lambda frame: frame.assign(device_id=pd.Series(["x", None] * 48, dtype="str")), "device_id"),
        (lambda frame: frame.assign(quality=math.nan), "quality"),
        (lambda frame: frame.assign(total_load_kw="much"), "total_load_kw"),
    ],
    ids=[
        "a missing column",
        "times without zone",
        "a row without time",
        "a row without device",
        "flags that are missing",
        "words for numbers",
    ],
)
def test_a_misshapen_frame_is_refused_whole(store, spoil, named):
    with pytest.raises(InvalidValueError, match=named):
        store.readings.upsert(spoil(readings()), stored_at=NOON)
    assert store.readings.extent(site_id="home") is None


def test_readings_are_there_after_a_restart(opened):
    with opened() as first:
        first.readings.upsert(readings(), stored_at=NOON)
    with opened() as second:
        assert_frame_equal(second.readings.read(site_id="home", interval=EVER), readings())


def test_threads_write_and_read_at_once(store):
    def write(number: int) -> int:
        store.readings.upsert(readings(device_id=f"d{number}", hours=2), stored_at=NOON)
        return len(store.readings.read(site_id="home", interval=EVER))

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(write, range(24)))
    assert store.readings.extent(site_id="home")[1] == 24 * 8
    assert all(rows >= 8 and rows % 8 == 0 for rows in seen)


ROWS = st.tuples(
    st.sampled_from(["a", "b"]),
    st.integers(0, 6),
    st.one_of(st.just(math.nan), st.floats(0, 100)),
    st.sampled_from([None, "peak", "off_peak"]),
    st.integers(0, 255),
)
SITES = (f"site-{number}" for number in itertools.count())


def frame_of(site_id: str, rows: list[tuple]) -> pd.DataFrame:
    devices, steps, loads, periods, flags = zip(*rows, strict=True)
    return readings(hours=len(rows) / 4, site_id=site_id).assign(
        device_id=pd.Series(devices, dtype="str"),
        timestamp=pd.to_datetime([DAY.start + step * timedelta(minutes=15) for step in steps]).as_unit("us"),
        total_load_kw=loads,
        time_of_use_period=pd.Series(periods, dtype=object),
        quality=flags,
        solar_generation_kw=1.5,
        other_kw=0.0,
        net_grid_flow_kw=0.0,
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(batches=st.lists(st.lists(ROWS, min_size=1, max_size=8), min_size=1, max_size=5))
def test_any_sequence_of_batches_equals_a_dictionary(store, batches):
    site_id, model = next(SITES), {}
    for number, rows in enumerate(batches):
        latest = {(device, step): (None if math.isnan(load) else load, period, flags) for device, step, load, period, flags in rows}
        expected = UpsertCounts(
            inserted=sum(key not in model for key in latest),
            updated=sum(key in model and model[key] != value for key, value in latest.items()),
            unchanged=sum(model.get(key) == value for key, value in latest.items()),
        )
        assert store.readings.upsert(frame_of(site_id, rows), stored_at=NOON + number * SECOND) == expected
        model.update(latest)
    found = store.readings.read(site_id=site_id, interval=EVER)
    loads = [None if math.isnan(load) else load for load in found["total_load_kw"]]
    steps = ((found["timestamp"] - DAY.start) // timedelta(minutes=15)).tolist()
    stored = list(
        zip(
            zip(found["device_id"], steps, strict=True), zip(loads, found["time_of_use_period"], found["quality"], strict=True), strict=True
        )
    )
    assert stored == sorted(model.items(), key=lambda item: (item[0][1], item[0][0]))
    assert store.readings.extent(site_id=site_id)[1] == len(model)
