"""Readings on the grid."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.features.recipe import grid as recipe
from services.features.recipe.grid import Gridded
from shared.domain.time import TimeGrid
from tests.factories import readings

START = datetime(2024, 6, 15, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def grid(count: int = 8, step: timedelta = QUARTER) -> TimeGrid:
    return TimeGrid(start=START, step=step, count=count)


def on_grid(readings: pd.DataFrame, column: str, over: TimeGrid) -> Gridded:
    """Of the one site."""
    many = recipe.on_grid(readings, [column], over, ["home"])[column]
    return Gridded(values=many.values[0], share=many.share[0])


def rows(loads: list[float], *, minutes: float = 5, device_id: str = "a", start: datetime = START) -> pd.DataFrame:
    frame = readings(start=start, hours=len(loads) * minutes / 60, step=timedelta(minutes=minutes), device_id=device_id)
    frame["total_load_kw"] = loads
    return frame


def test_readings_of_a_step_are_averaged():
    result = on_grid(rows([1, 2, 3, 4, 5, 9]), "total_load_kw", grid(2))
    assert result.values.tolist() == [2.0, 6.0]
    assert result.share.tolist() == [1.0, 1.0]


def test_a_reading_slower_than_the_grid_holds_for_its_spacing():
    result = on_grid(rows([1, 2, 3], minutes=60), "total_load_kw", grid(12))
    np.testing.assert_array_equal(result.values[4:], [2.0] * 4 + [3.0] * 4)


def test_a_gap_is_not_filled():
    frame = rows([1.0] * 24)
    result = on_grid(frame.drop(index=range(6, 15)), "total_load_kw", grid(8))
    assert np.isnan(result.values).tolist() == [False, False, True, True, True, False, False, False]
    assert result.share[2:5].tolist() == [0.0, 0.0, 0.0]


def test_a_step_needs_half_of_its_samples():
    frame = rows([1.0] * 12)
    result = on_grid(frame.drop(index=[4, 7, 8]), "total_load_kw", grid(4))
    np.testing.assert_allclose(result.share, [1, 2 / 3, 1 / 3, 1])
    assert np.isnan(result.values).tolist() == [False, False, True, False]


@pytest.mark.parametrize("wrong", [-5.0, 1e9, np.inf, np.nan])
def test_what_nobody_believes_was_not_measured(wrong: float):
    result = on_grid(rows([1.0, wrong, 3.0]), "total_load_kw", grid(1))
    assert result.values.tolist() == [2.0]
    assert result.share[0] == pytest.approx(2 / 3)


def test_an_inverter_a_little_below_zero_counts_as_zero():
    frame = readings(hours=1)
    frame["solar_generation_kw"] = -0.005
    assert on_grid(frame, "solar_generation_kw", grid(4)).values.tolist() == [0.0] * 4


def test_devices_are_summed_and_a_step_without_one_of_them_has_no_value():
    both = pd.concat([rows([1.0] * 12), rows([2.0] * 12, device_id="b").drop(index=range(3, 6))])
    result = on_grid(both, "total_load_kw", grid(4))
    np.testing.assert_array_equal(result.values, [3.0, np.nan, 3.0, 3.0])


def test_a_device_that_is_silent_for_a_day_no_longer_belongs():
    old = rows([2.0] * 4, minutes=15)
    new = rows([1.0] * 4 * 30, minutes=15, device_id="b")
    result = on_grid(pd.concat([old, new]), "total_load_kw", grid(120))
    assert result.values[:4].tolist() == [3.0] * 4
    assert np.isnan(result.values[4 : 3 + 96]).all()
    assert result.values[3 + 96 :].tolist() == [1.0] * 21


def test_without_readings_there_is_nothing():
    result = on_grid(readings(hours=0), "total_load_kw", grid(3))
    assert np.isnan(result.values).all()
    assert result.share.tolist() == [0.0] * 3


def test_energy_is_kept_when_readings_and_steps_do_not_align():
    rng = np.random.default_rng(1)
    frame = rows(list(rng.random(36)), minutes=10, start=START - timedelta(minutes=7))
    result = on_grid(frame, "total_load_kw", TimeGrid(start=START - timedelta(hours=1), step=timedelta(hours=1), count=8))
    inside = result.share > 0.999
    energy = frame["total_load_kw"].sum() / 6
    held = np.nansum(result.values * result.share)
    assert inside.sum() >= 5
    assert held == pytest.approx(energy, rel=0.1)


@given(cut=st.integers(1, 7), seed=st.integers(0, 5), minutes=st.sampled_from([3, 5, 7, 15, 30, 60]))
def test_a_step_does_not_depend_on_readings_stamped_after_its_end(cut: int, seed: int, minutes: int):
    rng = np.random.default_rng(seed)
    count = 240 // minutes
    frame = pd.concat([rows(list(rng.random(count)), minutes=minutes), rows(list(rng.random(count)), minutes=minutes, device_id="b")])
    frame = frame[rng.random(len(frame)) > 0.2]
    moment = START + cut * timedelta(minutes=30)
    whole = on_grid(frame, "total_load_kw", grid(8, timedelta(minutes=30)))
    known = on_grid(frame[frame["timestamp"] < moment], "total_load_kw", grid(8, timedelta(minutes=30)))
    np.testing.assert_array_equal(whole.values[:cut], known.values[:cut])
    np.testing.assert_array_equal(whole.share[:cut], known.share[:cut])


def test_what_readings_tell_of_themselves_is_told_of_their_step_and_not_where_they_come_from():
    own = rows([1] * 9)
    own["quality"] = [0, 2, 16, 128, 64, 0, 128 + 32, 0, 0]
    assert recipe.told_on_grid(own, grid(3), ["other", "home"]).tolist() == [[0, 0, 0], [18, 0, 32]]
    assert recipe.told_on_grid(own, grid(2), ["other"]).tolist() == [[0, 0]]
    assert recipe.told_on_grid(own.drop(columns="quality"), grid(3), ["home"]).tolist() == [[0, 0, 0]]
