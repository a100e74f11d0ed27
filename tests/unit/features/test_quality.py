"""Defects of a measured series."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.features.recipe.quality import clean, load_flags, power_flags, solar_flags
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


@given(start=st.integers(8 * DAY, 10 * DAY), length=st.integers(1, 9 * DAY), seed=st.integers(0, 50))
def test_watts_for_kilowatts_are_flagged_for_as_long_as_nine_days_and_nothing_after_them(start: int, length: int, seed: int):
    load = a_load(seed=seed)
    load[start : start + length] *= 1000
    flags = load_flags(load, step=STEP)
    assert (flags[start : start + length] == Quality.SPIKE).all()
    assert np.count_nonzero(flags) == length


@given(step=st.integers(2 * DAY, 20 * DAY), energy_kwh=st.floats(200, 1e5))
def test_the_power_of_a_counter_that_was_reset_is_flagged_whichever_way_it_jumps(step: int, energy_kwh: float):
    for sign, flag in ((-1, Quality.OUT_OF_RANGE), (1, Quality.SPIKE)):
        load = a_load()
        load[step] = sign * energy_kwh * 4
        flags = load_flags(load, step=STEP)
        assert flags[step] == flag
        assert np.count_nonzero(flags) == 1


@given(start=st.integers(0, 18 * DAY), length=st.integers(1, 3 * DAY))
def test_a_flipped_sign_is_out_of_range_while_it_lasts(start: int, length: int):
    load, (values, elevation) = a_load(), a_sun()
    load[start : start + length] *= -1
    flags = load_flags(load, step=STEP)
    assert (flags[start : start + length] == Quality.OUT_OF_RANGE).all()
    assert np.count_nonzero(flags) == length
    values[start : start + length] *= -1
    np.testing.assert_array_equal(solar(values, elevation) == Quality.OUT_OF_RANGE, values < 0)


@pytest.mark.parametrize("factor", [0.3, 2.5])
def test_another_level_is_no_defect_once_a_day_has_shown_it(factor: float):
    load = a_load(days=28)
    load[14 * DAY :] *= factor
    assert np.count_nonzero(load_flags(load, step=STEP)[15 * DAY :]) <= 0.005 * 13 * DAY


def test_an_inverter_at_its_limit_is_not_frozen():
    values, elevation = a_sun()
    clipped = np.where(elevation > 20, 6.0, values * 0.5)
    assert not solar(clipped, elevation, 6.0)[DAY:].any()


def test_a_run_of_equal_readings_is_one_however_their_mean_is_rounded():
    load = a_load()
    load[1500:1560] = 0.7 * (1 + 1e-15 * (np.arange(60) % 3))
    assert (load_flags(load, step=STEP)[1524:1560] == Quality.FROZEN).all()


def test_the_power_of_a_device_is_held_to_its_rating_where_there_is_one():
    power = np.array([[-6.1, -5.9, 0.0, 3.5, 3.7, np.nan], [-6.1, -5.9, 0.0, 3.5, 3.7, np.nan]])
    flags = power_flags(power, lowest_kw=np.array([[-5.0], [np.nan]]), highest_kw=np.array([[3.0], [np.nan]]))
    assert flags[0].tolist() == [Quality.OUT_OF_RANGE, 0, 0, 0, Quality.OUT_OF_RANGE, Quality.MISSING]
    assert flags[1].tolist() == [0, 0, 0, 0, 0, Quality.MISSING]
