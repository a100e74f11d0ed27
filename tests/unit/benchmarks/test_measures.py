"""Measures of made-up series whose figures can be told by heart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from likeness.homes import clock_of
from likeness.measures import (
    autocorrelation,
    by_day,
    clear_sky_envelope,
    load_measures,
    price_measures,
    row_quantile,
    solar_measures,
)

START = np.datetime64("2024-01-01T00:00", "us")
"""A Monday."""


def berlin(count: int, start: str = "2024-01-01T00:00"):
    return clock_of(np.datetime64(start, "us"), count, "Europe/Berlin")


def test_a_level_load_has_no_ramps_and_full_load_factor():
    figures = load_measures(np.full(28 * 24, 0.5), berlin(28 * 24))
    assert figures["daily energy"] == pytest.approx(12.0)
    assert figures["daily energy, variation"] == pytest.approx(0.0)
    assert figures["daily load factor"] == pytest.approx(1.0)
    assert figures["peak-to-mean"] == pytest.approx(1.0)
    assert figures["evening share"] == pytest.approx(5 / 24)
    assert figures["weekday/weekend"] == pytest.approx(1.0)
    assert figures["load ramp, p99"] == 0.0
    assert np.isnan(figures["load autocorrelation, 24 h"])


def test_the_evening_is_that_of_the_wall_clock():
    clock = berlin(200 * 24)
    load = np.where((clock.hour >= 17) & (clock.hour < 22), 1.0, 0.0)
    assert load_measures(load, clock)["evening share"] == pytest.approx(1.0)


def test_missing_evenings_do_not_make_the_evening_small():
    clock = berlin(60 * 24)
    load = np.where((clock.hour >= 17) & (clock.hour < 22), 2.0, 1.0)
    whole = load_measures(load, clock)["evening share"]
    load[(clock.hour >= 17) & (clock.hour < 22) & (np.arange(len(load)) < 30 * 24)] = np.nan
    assert load_measures(load, clock)["evening share"] == pytest.approx(whole)


def test_weekdays_are_compared_with_weekends_by_local_days():
    clock = berlin(28 * 24)
    assert load_measures(np.where(clock.weekday < 5, 3.0, 2.0), clock)["weekday/weekend"] == pytest.approx(1.5)


def test_what_was_not_measured_is_not_zero():
    clock, load = berlin(28 * 24), np.full(28 * 24, 0.5)
    load[100:140] = np.nan
    assert load_measures(load, clock)["daily energy"] == pytest.approx(12.0)


def test_days_of_23_and_25_hours_are_rows_of_their_own():
    count = 366 * 24
    table = by_day(np.ones(count), berlin(count, "2023-12-31T23:00"))
    hours = np.isfinite(table).sum(axis=1)
    assert table.shape == (366, 25)
    assert (np.flatnonzero(hours == 23).tolist(), np.flatnonzero(hours == 25).tolist()) == ([90], [300])  # 31 March, 27 October


def test_a_day_of_few_measured_hours_counts_for_nothing():
    values = np.ones(48)
    values[24:30] = np.nan
    table = by_day(values, clock_of(START, 48, "UTC"))
    assert np.isfinite(table[0]).sum() == 24
    assert not np.isfinite(table[1]).any()


def test_a_sine_of_a_day_is_like_itself_after_a_day_and_unlike_after_half():
    sine = np.sin(2 * np.pi * np.arange(30 * 24) / 24)
    assert autocorrelation(sine, 24) == pytest.approx(1.0)
    assert autocorrelation(sine, 12) == pytest.approx(-1.0)


def test_autocorrelation_leaves_pairs_with_a_gap_out():
    sine = np.sin(2 * np.pi * np.arange(30 * 24) / 24)
    sine[50:70] = np.nan
    assert autocorrelation(sine, 24) == pytest.approx(1.0)


def a_sunny_place(clearness: np.ndarray) -> np.ndarray:
    """Days with a bell of light from 6 to 18 h, each with its own clearness."""
    bell = np.maximum(np.sin(2 * np.pi * (np.arange(24) - 6) / 24), 0.0)
    return (clearness[:, None] * bell[None, :]).ravel()


def test_clear_days_are_clear_and_dull_days_are_overcast():
    clearness = np.where(np.arange(90) % 3 == 0, 0.2, 1.0)
    figures = solar_measures(5.0 * a_sunny_place(clearness))
    assert figures["clear hours"] == pytest.approx(2 / 3, abs=0.01)
    assert figures["overcast hours"] == pytest.approx(1 / 3, abs=0.01)
    assert figures["clearness"] == pytest.approx(0.733, abs=0.01)
    assert figures["clearness, day to day"] == pytest.approx(-0.5, abs=0.05)
    assert figures["hours without sun"] == pytest.approx(13 / 24)


def test_weather_of_several_days_shows_from_day_to_day():
    clearness = np.where(np.arange(90) // 5 % 2 == 0, 0.3, 1.0)
    assert solar_measures(a_sunny_place(clearness))["clearness, day to day"] > 0.5


def test_solar_figures_do_not_depend_on_the_size_of_the_array():
    solar = a_sunny_place(np.linspace(0.2, 1.0, 60))
    assert solar_measures(7.0 * solar) == pytest.approx(solar_measures(solar), nan_ok=True)


def test_the_night_has_no_solar_ramps():
    figures = solar_measures(a_sunny_place(np.ones(60)))
    assert figures["solar ramp, p50"] > 0.1


def test_the_envelope_is_what_the_best_days_give():
    solar = a_sunny_place(np.where(np.arange(60) % 4 == 0, 1.0, 0.3))
    assert clear_sky_envelope(solar) == pytest.approx(a_sunny_place(np.ones(60)))


def test_prices_spread_spike_and_fall_below_zero():
    day = np.full(24, 0.10)
    day[18], day[13] = 0.50, -0.02
    price, clock = np.tile(day, 30), clock_of(START, 30 * 24, "UTC")
    figures = price_measures(price, clock)
    assert figures["price spread of a day"] == pytest.approx(0.52 / day.mean())
    assert figures["price spikes"] == pytest.approx(1 / 24)
    assert figures["negative prices"] == pytest.approx(1 / 24)
    assert figures["price autocorrelation, 24 h"] == pytest.approx(1.0)


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=30), st.integers(0, 10), st.floats(0.0, 1.0))
def test_a_row_quantile_is_that_of_what_is_known(values, missing, share):
    row = np.array([*values, *[np.nan] * missing])[None, :]
    assert row_quantile(row, share)[0] == pytest.approx(np.quantile(values, share), abs=1e-9)
