"""Observed weather in the place of the simulated one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway_sim.plant.equipment import Home, ObservedWeather
from services.gateway_sim.plant.noise import HOUR_US, Floats, Integers
from services.gateway_sim.plant.observed import covered_share, observed_weather
from services.gateway_sim.plant.sun import clear_sky_ghi_w_m2, sun_at
from services.gateway_sim.plant.weather import temperature_celsius, weather_at
from shared.domain.errors import InvalidValueError
from shared.domain.time import Interval
from tests.unit.gateway_sim.plant.moments import as_index, instants, on_day

HERE = Home(latitude=47.66, longitude=9.17)


def ghi(home: Home, moments: Integers) -> Floats:
    return clear_sky_ghi_w_m2(sun_at(home.latitude, home.longitude, moments).up) * weather_at(home, moments).clear_sky_index


def hourly(values: Floats) -> Floats:
    return values.reshape(-1, 12).mean(axis=1)


def recorded(home: Home, moments: Integers) -> pd.DataFrame:
    """Hourly means of a home's simulated weather, at the start of each hour; the moments are middles of five minutes."""
    return pd.DataFrame({
        "timestamp": as_index(moments.reshape(-1, 12)[:, 0] - HOUR_US // 24),
        "temperature_celsius": hourly(temperature_celsius(home, moments)),
        "ghi_w_m2": hourly(ghi(home, moments)),
    })  # fmt: skip


@pytest.mark.parametrize(("latitude", "longitude"), [(47.66, 9.17), (-35.3, 149.1), (69.65, 18.96), (0.0, 180.0)])
def test_recorded_weather_is_lived_through_again(latitude: float, longitude: float):
    home, moments = Home(latitude=latitude, longitude=longitude, seed=5), on_day(60, days=40)
    rows = recorded(home, moments)
    again = replace(home, seed=6, weather=observed_weather(rows))
    light = hourly(ghi(again, moments))
    assert light.sum() == pytest.approx(rows["ghi_w_m2"].sum(), rel=0.01)
    assert np.corrcoef(light, rows["ghi_w_m2"])[0, 1] > 0.995
    warmth = hourly(temperature_celsius(again, moments))
    np.testing.assert_allclose(warmth[1:-1], rows["temperature_celsius"].to_numpy()[1:-1], atol=0.6)


@settings(max_examples=25)
@given(day=st.integers(0, 300), first=st.integers(0, 600), every=st.sampled_from([10, 60, 120, 180, 240]), seed=st.integers(0, 99))
def test_a_part_of_a_range_is_its_cut_out_also_where_observations_are_missing(day: int, first: int, every: int, seed: int):
    gap, missing = seed % 30, seed / 200.0
    chance, at = np.random.default_rng(seed), on_day(day, minutes=every, days=3)
    at = np.delete(at, slice(5, 5 + gap))
    seen = ObservedWeather(
        instants_us=at,
        temperature_celsius=np.where(chance.random(len(at)) < missing, np.nan, 10.0 + chance.random(len(at))),
        ghi_w_m2=np.where(chance.random(len(at)) < missing, np.nan, 500.0 * chance.random(len(at))),
    )
    home, moments = replace(HERE, weather=seen), on_day(day, days=3)
    whole, part = weather_at(home, moments), weather_at(home, moments[first:])
    np.testing.assert_array_equal(whole.temperature_celsius[first:], part.temperature_celsius)
    np.testing.assert_array_equal(whole.clear_sky_index[first:], part.clear_sky_index)
    np.testing.assert_array_equal(temperature_celsius(home, moments), whole.temperature_celsius)
    assert np.isfinite(whole.temperature_celsius).all()
    assert ((whole.clear_sky_index >= 0.0) & (whole.clear_sky_index <= 1.5)).all()


def test_nothing_shines_at_night_whatever_was_observed():
    at = on_day(100, minutes=60, days=2)
    home = replace(HERE, weather=ObservedWeather(instants_us=at, temperature_celsius=np.zeros(len(at)), ghi_w_m2=np.full(len(at), 300.0)))
    moments = on_day(100, days=2)
    down = sun_at(home.latitude, home.longitude, moments).up <= 0.0
    assert down.sum() > 100
    assert (ghi(home, moments)[down] == 0.0).all()


def at_hours(hours: list[float], celsius: list[float], start_us: int) -> ObservedWeather:
    at = np.array([start_us + int(hour * HOUR_US) for hour in hours], dtype=np.int64)
    return ObservedWeather(instants_us=at, temperature_celsius=np.array(celsius), ghi_w_m2=np.full(len(at), np.nan))


def test_between_values_three_hours_apart_lies_a_line_and_in_wider_gaps_the_simulation():
    start = int(on_day(100)[0])
    home = replace(HERE, weather=at_hours([2.0, 5.0, 9.0, 10.0], [10.0, 13.0, 50.0, 50.0], start))
    moments = start + np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.5, 9.0, 9.5, 12.0]) * HOUR_US
    moments = moments.astype(np.int64)
    seen, plain = temperature_celsius(home, moments), temperature_celsius(HERE, moments)
    np.testing.assert_allclose(seen[[1, 2, 3, 4, 5]], [10.0, 10.0, 11.0, 12.0, 13.0])  # one and a half hours before the first
    assert seen[8] == seen[9] == 50.0
    np.testing.assert_array_equal(seen[[0, 7, 10]], plain[[0, 7, 10]])


def test_a_missing_value_between_near_ones_is_bridged_and_a_lone_one_holds_for_its_time():
    start = int(on_day(100)[0])
    home = replace(HERE, weather=at_hours([1, 2, 3, 8, 9, 10], [10.0, np.nan, 12.0, np.nan, 20.0, np.nan], start))
    moments = start + (np.array([2.0, 9.0, 9.4, 9.6]) * HOUR_US).astype(np.int64)
    seen, plain = temperature_celsius(home, moments), temperature_celsius(HERE, moments)
    np.testing.assert_allclose(seen[:3], [11.0, 20.0, 20.0])
    assert seen[3] == plain[3]


def test_a_value_that_is_missing_for_the_sun_leaves_the_temperature():
    at = on_day(100, minutes=60, days=2)
    home = replace(
        HERE, weather=ObservedWeather(instants_us=at, temperature_celsius=np.full(len(at), 7.0), ghi_w_m2=np.full(len(at), np.nan))
    )
    weather, plain = weather_at(home, on_day(100)), weather_at(HERE, on_day(100))
    np.testing.assert_array_equal(weather.clear_sky_index, plain.clear_sky_index)
    assert (weather.temperature_celsius == 7.0).all()


def test_one_observation_alone_holds_around_its_moment():
    start = int(on_day(100)[0])
    home = replace(HERE, weather=at_hours([5.0], [30.0], start))
    moments = start + np.array([4, 5, 6], dtype=np.int64) * HOUR_US
    assert temperature_celsius(home, moments)[1] == 30.0
    assert temperature_celsius(home, moments)[0] == temperature_celsius(HERE, moments)[0]
    nothing = at_hours([], [], start)
    np.testing.assert_array_equal(temperature_celsius(replace(HERE, weather=nothing), moments), temperature_celsius(HERE, moments))


def test_a_mean_stands_for_the_middle_of_its_time():
    rows = pd.DataFrame(
        {"timestamp": as_index(instants(days=0.2, minutes=60)), "temperature_celsius": 1.0, "ghi_w_m2": [0.0, 1.0, 2.0, 3.0]}
    )
    seen = observed_weather(rows)
    np.testing.assert_array_equal(seen.instants_us, instants(days=0.2, minutes=60) + HOUR_US // 2)
    np.testing.assert_array_equal(seen.ghi_w_m2, [0.0, 1.0, 2.0, 3.0])
    assert len(observed_weather(rows.iloc[:0]).instants_us) == 0


def test_daily_means_say_too_little():
    rows = pd.DataFrame({"timestamp": as_index(instants(days=4, minutes=1440)), "temperature_celsius": 1.0, "ghi_w_m2": 2.0})
    with pytest.raises(InvalidValueError, match="24 hours"):
        observed_weather(rows)


def test_what_observations_leave_to_the_simulation_can_be_asked_for():
    begin, hour = datetime(2024, 4, 10, tzinfo=UTC), timedelta(hours=1)
    rows = pd.DataFrame({"timestamp": as_index(on_day(100, minutes=60) - HOUR_US // 2), "temperature_celsius": 1.0, "ghi_w_m2": 2.0})
    home = replace(HERE, weather=observed_weather(rows))
    assert covered_share(home, Interval(start=begin, end=begin + 24 * hour)) == 1.0
    assert covered_share(home, Interval(start=begin - 24 * hour, end=begin + 72 * hour)) == 0.25
    assert covered_share(home, Interval(start=begin + hour, end=begin + hour + timedelta(minutes=5))) == 1.0
    assert covered_share(home, Interval(start=begin + 900 * hour, end=begin + 924 * hour)) == 0.0
    assert covered_share(HERE, Interval(start=begin, end=begin + 24 * hour)) == 0.0
    rows.loc[rows.index >= 12, "ghi_w_m2"] = np.nan  # of the sun half is missing
    assert covered_share(replace(HERE, weather=observed_weather(rows)), Interval(start=begin, end=begin + 24 * hour)) == 0.5
