"""Models that move between homes."""

from dataclasses import replace

import numpy as np
import pytest

from likeness.homes import KONSTANZ, HourlyHome
from likeness.skill import Transfer, learn, series_of
from shared.domain.forecast import Target

DAYS = 30


@pytest.fixture(scope="module")
def home() -> HourlyHome:
    """Evenings, washing days and chance."""
    rng = np.random.default_rng(1)
    hour = np.arange(24 * DAYS) % 24
    load = 0.3 + 1.0 * (hour == 18) + 0.8 * ((hour == 10) & (np.arange(24 * DAYS) // 24 % 7 == 5)) + 0.5 * rng.random(24 * DAYS)
    solar = np.maximum(np.sin(2 * np.pi * (hour - 6) / 24), 0.0) * np.repeat(rng.uniform(0.3, 1.0, DAYS), 24)
    return HourlyHome(name="home", place=KONSTANZ, start=np.datetime64("2024-05-01T00:00", "us"), load_kw=load, solar_kw=4.0 * solar)


@pytest.fixture(scope="module")
def learned(home):
    return learn(home, Target.LOAD)


def test_a_model_is_worth_at_home_what_its_test_said(home, learned):
    assert learned.skill_on(home) == pytest.approx(learned.skill)


def test_it_knows_a_habit_from_chance(learned):
    assert 0.05 < learned.skill < 1.0


def test_a_home_of_the_same_habits_and_twice_the_power_is_forecast_as_well(home, learned):
    assert learned.skill_on(replace(home, load_kw=2.0 * home.load_kw)) == pytest.approx(learned.skill, abs=1e-6)


def test_a_home_without_habits_is_not_forecast_as_well(home, learned):
    mixed = np.random.default_rng(2).permutation(home.load_kw)
    assert learned.skill_on(replace(home, load_kw=mixed)) != pytest.approx(learned.skill, abs=0.02)


def test_a_history_of_a_week_teaches_nothing(home):
    assert learn(replace(home, load_kw=home.load_kw[:168], solar_kw=None), Target.LOAD) is None


def test_generation_and_its_clear_sky_are_in_units_of_capacity(home):
    series = series_of(home, Target.SOLAR, until=24 * DAYS)
    half = series_of(replace(home, solar_kw=2.0 * home.solar_kw), Target.SOLAR, until=24 * DAYS)
    assert np.nanmax(series.values) == pytest.approx(1.0, abs=0.05)
    assert np.nanmax(series.ahead["clear_sky_kw"]) < 1.1
    assert half.values == pytest.approx(series.values, nan_ok=True)
    assert half.ahead["clear_sky_kw"] == pytest.approx(series.ahead["clear_sky_kw"], nan_ok=True)


def test_what_comes_after_the_test_begins_does_not_set_the_unit(home):
    later = home.load_kw.copy()
    later[500:] *= 10.0
    before, after = (series_of(replace(home, load_kw=load), Target.LOAD, until=500) for load in (home.load_kw, later))
    assert after.values[:500] == pytest.approx(before.values[:500], nan_ok=True)


def test_ratios_are_against_the_skill_at_home():
    moved = Transfer(target=Target.LOAD, home="home", real_skill=0.2, on_real=[], on_simulated=[0.1, 0.3])
    assert moved.ratios == pytest.approx([0.5, 1.5])
