"""`WeatherStore`: places, and what was forecast of them when."""

import itertools
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from shared.domain.errors import InvalidValueError
from shared.domain.place import Place
from shared.domain.time import Interval
from shared.ports.weather import WEATHER_FORECAST_COLUMNS, WEATHER_VALUES
from shared.ports.weather_store import WeatherExtent
from tests.contract.implementations import CLOUD_STORES, fixtures_of
from tests.factories import NOON

opened, store = fixtures_of(CLOUD_STORES)

HOUR = timedelta(hours=1)
EVER = Interval(start=NOON - 1000 * HOUR, end=NOON + 10_000 * HOUR)
BERLIN = Place(latitude=52.52, longitude=13.41)


def weather(values: list[float], *, issued_at=NOON, start=NOON) -> pd.DataFrame:
    """Hours whose variables are the values, each a little more than the one before it."""
    stamps = pd.date_range(start, periods=len(values), freq=HOUR, unit="us")
    columns = {name: np.array(values) + 0.1 * at for at, name in enumerate(WEATHER_VALUES)}
    issues = pd.DatetimeIndex([issued_at] * len(values), tz="UTC").as_unit("us")
    return pd.DataFrame({"timestamp": stamps, "issued_at": issues, **columns})[list(WEATHER_FORECAST_COLUMNS)]


def test_rows_are_read_back_sorted_to_the_last_bit_with_missing_values(store):
    rows = weather([0.1, float("nan"), 1e-300])
    assert store.weather.put(BERLIN, rows.iloc[::-1]) == 3
    assert_frame_equal(store.weather.read(place=BERLIN, interval=EVER), rows)


def test_only_new_and_changed_rows_are_counted(store):
    store.weather.put(BERLIN, weather([1.0, float("nan")]))
    assert store.weather.put(BERLIN, weather([1.0, float("nan")])) == 0
    assert store.weather.put(BERLIN, weather([1.0, 2.0, 3.0])) == 2


def test_a_long_history_is_read_back_whole(store):
    rows = weather(list(np.arange(5000.0)))
    assert store.weather.put(BERLIN, rows) == 5000
    assert_frame_equal(store.weather.read(place=BERLIN, interval=EVER), rows)


def test_as_of_tells_what_was_known_then(store):
    store.weather.put(BERLIN, weather([2.0], issued_at=NOON + HOUR))
    store.weather.put(BERLIN, weather([1.0], issued_at=NOON))
    read = lambda as_of: store.weather.read(place=BERLIN, interval=EVER, as_of=as_of)["temperature_celsius"].tolist()  # noqa: E731
    assert read(NOON - timedelta(microseconds=1)) == []
    assert read(NOON) == [1.0]
    assert read(NOON + HOUR) == read(None) == [2.0]


def test_history_is_what_was_forecast_that_long_before_each_hour(store):
    for days in (1, 2, 3):
        store.weather.put(BERLIN, weather([float(days)], issued_at=NOON - timedelta(days=days)))
    read = lambda ahead: store.weather.read(place=BERLIN, interval=EVER, ahead=ahead)["temperature_celsius"].tolist()  # noqa: E731
    assert read(timedelta(days=1)) == [1.0]
    assert read(timedelta(days=1, microseconds=1)) == [2.0]
    assert read(timedelta(days=4)) == []
    early = store.weather.read(place=BERLIN, interval=EVER, ahead=HOUR, as_of=NOON - timedelta(days=2))
    assert early["temperature_celsius"].tolist() == [2.0]


def test_places_do_not_mix_and_an_unknown_one_is_empty(store):
    store.weather.put(BERLIN, weather([1.0]))
    elsewhere = Place(latitude=52.53, longitude=13.41)
    assert_frame_equal(store.weather.read(place=elsewhere, interval=EVER), weather([1.0])[:0])
    assert store.weather.extent(place=elsewhere) is None
    assert store.weather.put(elsewhere, weather([])) == 0


def test_the_extent_tells_the_newest_issue(store):
    store.weather.put(BERLIN, weather([1.0, 2.0], issued_at=NOON - HOUR))
    store.weather.put(BERLIN, weather([1.5], issued_at=NOON))
    end = NOON + HOUR + timedelta(microseconds=1)
    assert store.weather.extent(place=BERLIN) == WeatherExtent(interval=Interval(start=NOON, end=end), newest_issue=NOON)


def test_what_is_old_can_be_forgotten(store):
    store.weather.put(BERLIN, weather([1.0, 2.0, 3.0]))
    assert store.weather.forget(place=BERLIN, before=NOON + 2 * HOUR) == 2
    assert store.weather.read(place=BERLIN, interval=EVER)["temperature_celsius"].tolist() == [3.0]


def test_weather_without_its_issue_is_refused(store):
    with pytest.raises(InvalidValueError, match="issued_at"):
        store.weather.put(BERLIN, weather([1.0]).drop(columns="issued_at"))


def test_weather_is_there_after_a_restart(opened):
    with opened() as first:
        first.weather.put(BERLIN, weather([1.0]))
    with opened() as second:
        assert_frame_equal(second.weather.read(place=BERLIN, interval=EVER), weather([1.0]))


PLACES = (Place(latitude=0.01 * number, longitude=0.0) for number in itertools.count())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(
    issues=st.lists(st.tuples(st.integers(0, 3), st.integers(-3, 5), st.floats(-1, 1)), max_size=8),
    as_of=st.integers(-3, 6),
    ahead=st.none() | st.integers(-2, 4),
)
def test_any_sequence_of_issues_equals_a_dictionary(store, issues, as_of, ahead):
    place, model = next(PLACES), {}
    for step, issued, value in issues:
        store.weather.put(place, weather([value], start=NOON + step * HOUR, issued_at=NOON + issued * HOUR))
        model[step, issued] = value
    known = {step: (at, value) for (step, at), value in sorted(model.items()) if at <= as_of and (ahead is None or at <= step - ahead)}
    limit = None if ahead is None else ahead * HOUR
    found = store.weather.read(place=place, interval=EVER, as_of=NOON + as_of * HOUR, ahead=limit)
    rows = zip(found["timestamp"], found["issued_at"], found["temperature_celsius"], strict=True)
    assert [((stamp - NOON) // HOUR, (at - NOON) // HOUR, value) for stamp, at, value in rows] == [
        (step, at, value) for step, (at, value) in known.items()
    ]
