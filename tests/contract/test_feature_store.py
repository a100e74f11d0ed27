"""`FeatureStore`: rows of named columns, by site, step and catalog version."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from shared.domain.errors import InvalidValueError
from shared.domain.feature import Availability, FeatureCatalog, FeatureSpec
from shared.domain.time import Interval
from tests.contract.implementations import CLOUD_STORES, fixtures_of
from tests.factories import NOON

opened, store = fixtures_of(CLOUD_STORES)

STEP = timedelta(minutes=15)
EVER = Interval(start=NOON - timedelta(days=3650), end=NOON + timedelta(days=3650))


def a_catalog(version: str = "v1", *names: str) -> FeatureCatalog:
    specs = (
        FeatureSpec(name=name, unit="kW", availability=Availability.AFTER_STEP, description=f"The {name}.")
        for name in names or ("load_kw",)
    )
    return FeatureCatalog(version=version, features=tuple(specs))


def rows_of(*columns: list[float], start=NOON, names: tuple[str, ...] = ("load_kw", "solar_kw")) -> pd.DataFrame:
    stamps = pd.date_range(start, periods=len(columns[0]), freq=STEP, unit="us")
    return pd.DataFrame({"timestamp": stamps} | {name: np.array(column, dtype=float) for name, column in zip(names, columns, strict=False)})


def test_rows_are_read_back_to_the_last_bit_with_missing_values(store):
    rows = rows_of([0.1, np.nan, 1e300], [np.nan, -0.0, 3.0])
    assert store.features.write(site_id="home", catalog=a_catalog("v1", "load_kw", "solar_kw"), rows=rows) == 3
    assert_frame_equal(store.features.read(site_id="home", catalog_version="v1", interval=EVER), rows)


def test_columns_come_in_the_order_of_the_catalog_and_rows_in_that_of_time(store):
    rows = rows_of([1.0, 2.0], [3.0, 4.0])
    shuffled = rows.iloc[::-1][["solar_kw", "timestamp", "load_kw"]].assign(ignored=1.0)
    store.features.write(site_id="home", catalog=a_catalog("v1", "load_kw", "solar_kw"), rows=shuffled)
    assert_frame_equal(store.features.read(site_id="home", catalog_version=None, interval=EVER), rows)


def test_writing_again_replaces_rows(store):
    store.features.write(site_id="home", catalog=a_catalog(), rows=rows_of([1.0, 2.0]))
    store.features.write(site_id="home", catalog=a_catalog(), rows=rows_of([9.0], start=NOON + STEP))
    assert store.features.read(site_id="home", catalog_version=None, interval=EVER)["load_kw"].tolist() == [1.0, 9.0]


def test_catalogs_live_side_by_side_and_the_one_written_last_is_the_newest(store):
    store.features.write(site_id="home", catalog=a_catalog("v2"), rows=rows_of([2.0]))
    store.features.write(site_id="home", catalog=a_catalog("v1"), rows=rows_of([1.0]))
    assert store.features.catalog(site_id="home") == a_catalog("v1")
    assert store.features.read(site_id="home", catalog_version=None, interval=EVER)["load_kw"].tolist() == [1.0]
    assert store.features.read(site_id="home", catalog_version="v2", interval=EVER)["load_kw"].tolist() == [2.0]


def test_an_interval_is_half_open(store):
    store.features.write(site_id="home", catalog=a_catalog(), rows=rows_of([1.0, 2.0, 3.0]))
    found = store.features.read(site_id="home", catalog_version=None, interval=Interval(start=NOON, end=NOON + 2 * STEP))
    assert found["load_kw"].tolist() == [1.0, 2.0]


def test_an_interval_without_rows_keeps_the_columns(store):
    store.features.write(site_id="home", catalog=a_catalog(), rows=rows_of([1.0]))
    found = store.features.read(site_id="home", catalog_version=None, interval=Interval(start=NOON - STEP, end=NOON))
    assert_frame_equal(found, rows_of([1.0])[:0])


def test_a_site_without_features_has_no_catalog_no_extent_and_no_rows(store):
    assert store.features.write(site_id="home", catalog=a_catalog(), rows=rows_of([])) == 0
    assert store.features.catalog(site_id="home") is None
    assert store.features.extent(site_id="home") is None
    found = store.features.read(site_id="home", catalog_version=None, interval=EVER)
    assert list(found.columns) == ["timestamp"]
    assert found.empty


def test_the_extent_is_that_of_the_newest_catalog(store):
    store.features.write(site_id="home", catalog=a_catalog("v1"), rows=rows_of([1.0] * 9))
    store.features.write(site_id="home", catalog=a_catalog("v2"), rows=rows_of([1.0, 2.0]))
    assert store.features.extent(site_id="home") == (Interval(start=NOON, end=NOON + STEP + timedelta(microseconds=1)), 2)


def test_a_missing_feature_is_named_and_nothing_is_written(store):
    with pytest.raises(InvalidValueError, match="solar_kw"):
        store.features.write(site_id="home", catalog=a_catalog("v1", "load_kw", "solar_kw"), rows=rows_of([1.0]))
    assert store.features.catalog(site_id="home") is None


def test_one_version_cannot_mean_two_sets_of_columns(store):
    store.features.write(site_id="home", catalog=a_catalog("v1", "load_kw", "solar_kw"), rows=rows_of([1.0], [2.0]))
    with pytest.raises(InvalidValueError, match="v1"):
        store.features.write(site_id="home", catalog=a_catalog("v1", "load_kw"), rows=rows_of([5.0]))
    assert store.features.read(site_id="home", catalog_version=None, interval=EVER)["solar_kw"].tolist() == [2.0]


def test_sites_do_not_mix(store):
    store.features.write(site_id="one", catalog=a_catalog(), rows=rows_of([1.0]))
    store.features.write(site_id="two", catalog=a_catalog(), rows=rows_of([2.0]))
    assert store.features.read(site_id="one", catalog_version="v1", interval=EVER)["load_kw"].tolist() == [1.0]


def test_features_are_there_after_a_restart_and_may_be_changed_by_their_reader(opened):
    with opened() as first:
        first.features.write(site_id="home", catalog=a_catalog(), rows=rows_of([1.0]))
    with opened() as second:
        found = second.features.read(site_id="home", catalog_version=None, interval=EVER)
        found["load_kw"] *= 2
        assert found["load_kw"].tolist() == [2.0]


def test_rows_of_many_sites_come_in_order_with_the_chosen_columns_of_each_newest_catalog(store):
    store.features.write(site_id="two", catalog=a_catalog("v1", "load_kw", "solar_kw"), rows=rows_of([1.0, 2.0], [3.0, 4.0]))
    store.features.write(site_id="one", catalog=a_catalog("v0"), rows=rows_of([9.0]))
    store.features.write(site_id="one", catalog=a_catalog("v1", "load_kw", "solar_kw"), rows=rows_of([5.0, 6.0, 7.0], [0.0, 0.0, 0.0]))
    store.features.write(site_id="plain", catalog=a_catalog("v2"), rows=rows_of([8.0]))
    store.features.write(site_id="other", catalog=a_catalog("v1"), rows=rows_of([0.0]))
    late = a_catalog("v1", "load_kw", "solar_kw")
    store.features.write(site_id="before", catalog=late, rows=rows_of([1.0], [1.0], start=NOON - STEP))
    asked = ["two", "plain", "one", "before", "nobody", "one"]
    interval = Interval(start=NOON, end=NOON + 2 * STEP)
    frames = list(store.features.read_many(site_ids=asked, interval=interval, columns=["solar_kw"]))
    assert all(list(frame.columns) == ["site_id", "timestamp", "solar_kw"] for frame in frames)
    found = pd.concat(frames, ignore_index=True)
    assert found["site_id"].tolist() == ["one", "one", "plain", "two", "two"]
    assert found["timestamp"].tolist() == [NOON, NOON + STEP, NOON, NOON, NOON + STEP]
    np.testing.assert_array_equal(found["solar_kw"].to_numpy(), [0.0, 0.0, np.nan, 3.0, 4.0])


def test_more_sites_than_one_frame_holds_come_whole(store):
    sites = [f"home-{number:03}" for number in range(103)]
    for site_id in sites:
        store.features.write(site_id=site_id, catalog=a_catalog(), rows=rows_of([1.0, np.nan]))
    found = pd.concat(store.features.read_many(site_ids=sites, interval=EVER), ignore_index=True)
    assert found["site_id"].tolist() == [site_id for site_id in sites for _ in range(2)]
    assert list(found.columns) == ["site_id", "timestamp", "load_kw"]
