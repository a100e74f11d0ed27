"""`PriceStore`: named series, and what was known of them when."""

import itertools
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from shared.domain.errors import InvalidValueError
from shared.domain.time import Interval
from tests.contract.implementations import CLOUD_STORES, fixtures_of
from tests.contract.test_announcements import prices
from tests.factories import NOON

opened, store = fixtures_of(CLOUD_STORES)

HOUR = timedelta(hours=1)
EVER = Interval(start=NOON - 1000 * HOUR, end=NOON + 1000 * HOUR)


def test_prices_are_read_back_sorted_with_their_publication(store):
    assert store.prices.put("epex", prices([0.1, -0.2, 0.3]).iloc[::-1]) == 3
    assert_frame_equal(store.prices.read(series_id="epex", interval=EVER), prices([0.1, -0.2, 0.3]))


def test_only_new_and_changed_rows_are_counted(store):
    store.prices.put("epex", prices([0.1, 0.2]))
    assert store.prices.put("epex", prices([0.1, 0.2])) == 0
    assert store.prices.put("epex", prices([0.1, 0.25, 0.3])) == 2


def test_the_newest_publication_wins_in_whatever_order_they_arrive(store):
    store.prices.put("epex", prices([0.2], published_at=NOON + HOUR))
    store.prices.put("epex", prices([0.1], published_at=NOON))
    assert store.prices.read(series_id="epex", interval=EVER)["price_per_kwh"].tolist() == [0.2]


def test_as_of_tells_what_was_known_then(store):
    store.prices.put("epex", prices([0.1], published_at=NOON))
    store.prices.put("epex", prices([0.2], published_at=NOON + HOUR))
    read = lambda as_of: store.prices.read(series_id="epex", interval=EVER, as_of=as_of)["price_per_kwh"].tolist()  # noqa: E731
    assert read(NOON - timedelta(microseconds=1)) == []
    assert read(NOON) == [0.1]
    assert read(NOON + HOUR) == [0.2]


def test_a_missing_price_stays_missing(store):
    store.prices.put("epex", prices([0.1, float("nan")]))
    assert_frame_equal(store.prices.read(series_id="epex", interval=EVER), prices([0.1, float("nan")]))


def test_series_do_not_mix_and_an_unknown_one_is_empty(store):
    store.prices.put("epex", prices([0.1]))
    assert_frame_equal(store.prices.read(series_id="agile", interval=EVER), prices([])[:0])
    assert store.prices.extent(series_id="agile") is None


def test_the_extent_ends_just_after_the_last_timestamp(store):
    store.prices.put("epex", prices([0.1, 0.2]))
    assert store.prices.extent(series_id="epex") == Interval(start=NOON, end=NOON + HOUR + timedelta(microseconds=1))


def test_prices_without_publication_are_refused(store):
    with pytest.raises(InvalidValueError, match="published_at"):
        store.prices.put("epex", prices([0.1]).drop(columns="published_at"))


def test_prices_are_there_after_a_restart(opened):
    with opened() as first:
        first.prices.put("epex", prices([0.1]))
    with opened() as second:
        assert_frame_equal(second.prices.read(series_id="epex", interval=EVER), prices([0.1]))


SERIES = (f"series-{number}" for number in itertools.count())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    publications=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.floats(-1, 1)), max_size=12),
    as_of=st.integers(0, 6),
)
def test_any_sequence_of_publications_equals_a_dictionary(store, publications, as_of):
    series_id, model = next(SERIES), {}
    for step, published, value in publications:
        store.prices.put(series_id, prices([value], start=NOON + step * HOUR, published_at=NOON + published * HOUR))
        model[step, published] = value
    known = {step: (at, value) for (step, at), value in sorted(model.items()) if at <= as_of}
    found = store.prices.read(series_id=series_id, interval=EVER, as_of=NOON + as_of * HOUR)
    rows = zip(found["timestamp"], found["published_at"], found["price_per_kwh"], strict=True)
    assert [((stamp - NOON) // HOUR, (at - NOON) // HOUR, value) for stamp, at, value in rows] == [
        (step, at, value) for step, (at, value) in known.items()
    ]
