"""Defects of a measured series."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.features.recipe.quality import clean, load_flags, solar_flags
from shared.domain.reading import Quality

STEP = timedelta(minutes=15)
DAY = 96


def a_load(days: int = 21, seed: int = 0) -> np.ndarray:
    """A home with a base load, evenings and a kettle."""
    rng = np.random.default_rng(seed)
    hour = np.arange(days * DAY) % DAY / 4
    evening = 1.5 * np.exp(-((hour - 19) ** 2) / 6)
    return 0.3 + evening + 0.2 * rng.random(days * DAY) + 2.0 * (rng.random(days * DAY) > 0.98)


def a_sun(days: int = 21, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Generation of a 10 kW array and the sun's elevation."""
    rng = np.random.default_rng(seed)
    hour = np.arange(days * DAY) % DAY / 4
    elevation = 60 * np.sin((hour - 6) / 12 * np.pi)
    return np.clip(elevation, 0, None) / 60 * 8 * (0.3 + 0.7 * rng.random(days * DAY)), elevation


def solar(values: np.ndarray, elevation: np.ndarray, rated_kw: float | None = 10.0) -> np.ndarray:
    return solar_flags(values, step=STEP, rated_kw=rated_kw, elevation_deg=elevation)


def test_a_clean_home_has_no_flags():
    assert not load_flags(a_load(), step=STEP).any()
    assert not solar(*a_sun()).any()
    assert not solar(*a_sun(), rated_kw=None).any()


def test_a_gap_is_missing():
    load = a_load()
    load[50:60] = np.nan
    flags = load_flags(load, step=STEP)
    assert (flags[50:60] == Quality.MISSING).all()
    assert np.count_nonzero(flags) == 10


@pytest.mark.parametrize("factor", [10, 1000])
def test_a_spike_and_watts_taken_for_kilowatts_are_flagged(factor: float):
    load = a_load()
    load[1500] = 3.5 * factor
    flags = load_flags(load, step=STEP)
    assert flags[1500] == Quality.SPIKE
    assert np.count_nonzero(flags) == 1


def test_what_an_appliance_can_do_is_no_spike():
    load = a_load()
    load[1500:1508] = 2.9
    load[1500:1508] += np.arange(8) * 0.01
    assert not load_flags(load, step=STEP).any()


def test_a_new_ev_is_believed_after_its_first_day():
    load = a_load()
    rng = np.random.default_rng(1)
    for day in range(15, 21):
        load[day * DAY : day * DAY + 16] = 7 + 0.1 * rng.random(16)
    flags = load_flags(load, step=STEP)
    assert (flags[15 * DAY : 15 * DAY + 16] == Quality.SPIKE).all()
    assert not flags[16 * DAY :].any()


def test_a_frozen_meter_is_flagged_once_the_run_is_too_long():
    load = a_load()
    load[1500:1560] = 0.777
    flags = load_flags(load, step=STEP)
    assert np.flatnonzero(flags).tolist() == list(range(1524, 1560))
    assert (flags[1524:1560] == Quality.FROZEN).all()


def test_a_coarse_meter_is_not_frozen():
    load = np.repeat(np.random.default_rng(0).random(21 * 3).round(1) + 0.1, 32)
    assert not load_flags(load, step=STEP)[DAY:].any(), "runs of 8 hours are usual here"


def test_an_empty_home_may_use_nothing_for_most_of_a_day():
    load = a_load()
    load[1500 : 1500 + 92] = 0.0
    assert not load_flags(load, step=STEP).any()
    load[1500 : 1500 + 120] = 0.0
    assert load_flags(load, step=STEP)[1500 + 96 : 1500 + 120].all()


def test_generation_beyond_what_the_array_can_do_is_out_of_range():
    values, elevation = a_sun()
    values[48], values[49], values[144] = 12.5, -0.5, 11.9
    flags = solar(values, elevation)
    assert (flags[48], flags[49]) == (Quality.OUT_OF_RANGE, Quality.OUT_OF_RANGE)
    assert np.count_nonzero(flags) == 2


def test_generation_at_night_is_out_of_range_where_the_night_is_known():
    values, elevation = a_sun()
    values[0], values[1] = 0.5, 0.05
    assert solar(values, elevation).nonzero()[0].tolist() == [0]
    assert not solar(values, np.full(len(values), np.nan)).any()


def test_frozen_generation_is_flagged_and_the_night_is_not():
    values, elevation = a_sun()
    values[DAY + 40 : DAY + 60] = 4.2
    assert solar(values, elevation).nonzero()[0].tolist() == list(range(DAY + 52, DAY + 60))


def test_what_is_flagged_is_left_out():
    np.testing.assert_array_equal(clean(np.array([1.0, 2.0]), np.array([0, 8])), [1.0, np.nan])


@given(cut=st.integers(DAY, 20 * DAY), value=st.sampled_from([0.0, 0.3, 5.0, 1000.0, np.nan]))
def test_flags_never_tell_of_the_future(cut: int, value: float):
    load = a_load()
    load[10 * DAY : 10 * DAY + 40] = 0.3
    changed = load.copy()
    changed[cut:] = value
    np.testing.assert_array_equal(load_flags(load, step=STEP)[:cut], load_flags(changed, step=STEP)[:cut])
    values, elevation = a_sun()
    changed = values.copy()
    changed[cut:] = value
    np.testing.assert_array_equal(solar(values, elevation, None)[:cut], solar(changed, elevation, None)[:cut])
