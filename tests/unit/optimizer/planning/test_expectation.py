"""What a plan expects: energy survives a change of grid, and what is missing has a named stand-in."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.optimizer.planning import expectation
from shared.domain.forecast import Target
from shared.domain.time import TimeGrid
from tests.factories import NOON
from tests.unit.optimizer.stores import a_forecast

QUARTERS = TimeGrid(start=NOON, step=timedelta(minutes=15), count=192)


@given(st.lists(st.floats(0, 10), min_size=24, max_size=24), st.sampled_from([5, 15, 30, 60]), st.sampled_from([5, 15, 30, 60]))
def test_a_change_of_grid_keeps_the_energy(values: list[float], first: int, second: int) -> None:
    source = TimeGrid(start=NOON, step=timedelta(minutes=first), count=24)
    target = TimeGrid(start=NOON, step=timedelta(minutes=second), count=24 * first // second)
    moved = expectation.on_grid(np.array(values), source, target)
    assert moved.sum() * second == pytest.approx(sum(values) * first)


def test_steps_that_the_source_does_not_reach_are_missing() -> None:
    late = TimeGrid(start=NOON + timedelta(hours=47), step=timedelta(hours=1), count=2)
    assert np.isnan(expectation.on_grid(np.ones(192), QUARTERS, late)).tolist() == [False, True]


def test_the_mean_of_symmetric_quantiles_is_their_median() -> None:
    forecast = a_forecast(Target.LOAD, issued_at=NOON, level=2.0)
    assert expectation.mean_of(forecast) == pytest.approx(forecast.median)


def test_scenarios_keep_the_expectation_and_show_the_spread() -> None:
    load, solar = (a_forecast(target, issued_at=NOON, level=3.0) for target in (Target.LOAD, Target.SOLAR))
    made = expectation.scenarios(load, solar, load_kw=load.median, solar_kw=solar.median * 0.5, grid=QUARTERS)
    net = made.load_kw - made.solar_kw
    assert made.weights.sum() == pytest.approx(1.0)
    assert made.weights @ net == pytest.approx(load.median - solar.median * 0.5)
    assert (np.diff(net, axis=0) > 0.0).all()


def test_a_forecast_that_ends_early_goes_on_as_recent_days() -> None:
    forecast = a_forecast(Target.LOAD, issued_at=NOON, level=2.0, hours=24)
    past = TimeGrid(start=NOON - timedelta(days=2), step=timedelta(minutes=15), count=192)
    values, said = expectation.expected("load", forecast, np.full(192, 0.7), past, QUARTERS, now=NOON, otherwise_kw=0.5)
    assert values[:96] == pytest.approx(2.0)
    assert values[96:] == pytest.approx(0.7)
    assert "ends 96 steps early" in said[0]


def test_an_old_forecast_is_used_and_its_age_told() -> None:
    forecast = a_forecast(Target.LOAD, issued_at=NOON - timedelta(hours=8), level=2.0, hours=72)
    _, said = expectation.expected(
        "load", forecast, np.empty(0), TimeGrid(start=NOON, step=timedelta(minutes=15), count=0), QUARTERS, now=NOON, otherwise_kw=0.5
    )
    assert said == ("the load forecast is 8h old",)


def test_a_gap_in_a_series_is_filled_with_the_day_before() -> None:
    values = np.concatenate((np.arange(96.0), np.full(96, np.nan)))
    assert expectation.repeat_last_day(values, QUARTERS)[96:].tolist() == list(range(96))


def test_a_measurement_holds_for_its_own_spacing_and_not_for_the_hour() -> None:
    stamps = QUARTERS.starts()[:4]
    hourly = TimeGrid(start=NOON, step=timedelta(hours=1), count=2)
    means = expectation.step_means(stamps, np.array([1.0, 2.0, 3.0, 4.0]), hourly)
    assert means[0] == 2.5
    assert np.isnan(means[1])
