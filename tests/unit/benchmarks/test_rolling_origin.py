"""Rivals and ours are told nothing that was not known, and are judged alike."""

from dataclasses import replace

import numpy as np
import pytest

from forecasting import recursive, simple, skies
from forecasting.cold import profile
from forecasting.goals import Goal
from forecasting.lags import rows_of
from forecasting.origin import Case, load_cases
from forecasting.scores import judged_hours, score
from forecasting.sets import Home
from forecasting.trees import plain_trees
from likeness.homes import KONSTANZ
from services.forecaster.model.split import Fold
from shared.domain.forecast import QUANTILE_LEVELS, Target

DAYS = 45
RIVALS = {
    "yesterday": simple.banded(simple.yesterday),
    "last week": simple.banded(simple.last_week),
    "mean of a week": simple.banded(simple.mean_of_week),
    "median of a week": simple.banded(simple.median_of_week),
    "same weekdays": simple.banded(simple.mean_of_weekdays),
    "ridge": simple.refitted(simple.ridge),
    "trees": plain_trees,
    "clearness": simple.banded(skies.clearness),
    "three": simple.banded(skies.mean_of_three),
    "physics": simple.refitted(skies.physics),
    "ridge on weather": simple.refitted(skies.ridge_on_weather),
}


class Mean:
    """The least that a recursive forecaster needs."""

    def fit(self, columns, actual):
        self.weights = np.linalg.lstsq(columns, actual, rcond=1e-6)[0]

    def predict(self, columns):
        return columns @ self.weights


def case_of(target: Target = Target.LOAD, *, hours: int = 24, weather: bool = False, seed: int = 0) -> Case:
    """Local winter, so that every midnight is an hour before that of UTC."""
    numbers = np.random.default_rng(seed)
    hour = np.arange(DAYS * 24) % 24
    values = np.maximum(0.0, 1.0 + np.sin(2 * np.pi * (hour - 6) / 24) + 0.3 * numbers.standard_normal(len(hour)))
    values[100:103] = np.nan
    last = np.arange(DAYS * 24 - 9 * 24 - 1, DAYS * 24 - hours + 1, 24)
    folds = tuple(Fold(until=int(part[0]), issues=part) for part in (last[:4], last[4:]))
    forecast = {"shortwave_radiation": 300.0 * np.maximum(0.0, np.sin(2 * np.pi * (hour - 6) / 24))} if weather else {}
    start = np.datetime64("2023-11-01T00:00", "us")
    return Case(
        name="a", place=KONSTANZ, target=target, start=start, values=values, folds=folds, hours=hours, weather=forecast,
        half_hours=values.repeat(2),
    )  # fmt: skip


def changed_after(case: Case, hour: int) -> Case:
    values, half = case.values.copy(), case.half_hours.copy()
    values[hour:], half[2 * hour :] = 99.0, 99.0
    return replace(case, values=values, half_hours=half)


NEED_WEATHER = {"physics", "ridge on weather"}  # which is forecast for one day


@pytest.mark.parametrize(
    ("name", "hours"), [(name, hours) for name in RIVALS for hours in (24, 48) if hours == 24 or name not in NEED_WEATHER]
)
def test_no_rival_sees_anything_after_its_issue(name, hours):
    weather = name in NEED_WEATHER
    sunny = weather or name in {"clearness", "three"}
    case = case_of(Target.SOLAR if sunny else Target.LOAD, hours=hours, weather=weather)
    before = RIVALS[name](case)
    for number, issue in enumerate(case.issues):
        after = RIVALS[name](changed_after(case, int(issue)))
        assert np.array_equal(before[: number + 1], after[: number + 1])
        if number >= 1 and name == "trees":
            break


@pytest.mark.parametrize("hours", [24, 48])
@pytest.mark.parametrize("per_hour", [1, 2])
def test_no_recursive_forecaster_sees_anything_after_its_issue(hours, per_hour):
    recipe = recursive.Recipe(regressor=Mean, lags=(1, 2, 24), fields=("hour", "weekday"), per_hour=per_hour)
    case = case_of(hours=hours)
    before = recursive.recursive(recipe)(case)
    for number, issue in enumerate(case.issues):
        after = recursive.recursive(recipe)(changed_after(case, int(issue)))
        assert np.array_equal(before[: number + 1], after[: number + 1])


def test_a_recursive_forecaster_feeds_on_what_it_forecast():
    case = replace(case_of(), values=np.arange(DAYS * 24, dtype=np.float64))
    points = recursive.recursive(recursive.Recipe(regressor=Mean, lags=(1, 2), fields=("hour",)))(case)[:, 0]
    assert points == pytest.approx(case.truth, rel=1e-3)  # the last two values tell where a straight line goes


def test_lags_are_those_of_the_same_wall_clock_when_clocks_change():
    case = replace(case_of(), start=np.datetime64("2024-03-01T23:00", "us"), values=np.arange(DAYS * 24, dtype=np.float64))
    monday = 30 * 24 - 1  # midnight after the night in which clocks went forward
    rows = rows_of(case, np.array([monday]))
    assert case.clock.hour[monday] == 0.0
    assert (rows.step - rows.lags[:, 0])[:2].tolist() == [23.0, 23.0]


def test_a_gap_is_bridged_by_what_was_known_alone():
    values = np.array([1.0, np.nan, 3.0, np.nan, 9.0])
    assert recursive.without_gaps(values, 4).tolist() == [1.0, 2.0, 3.0, 3.0]


def test_figures_are_those_of_known_numbers():
    case = case_of()
    quantiles = np.repeat(case.truth[:, None, :], len(QUANTILE_LEVELS), axis=1) + 0.5
    own = score(case, quantiles)
    assert own.mae == pytest.approx(0.5)
    assert own.pinball == pytest.approx(0.25)  # half of the error, for the levels lie around one half
    assert own.coverage == 0.0
    assert own.mae_by_lead[:3] == pytest.approx([0.5, 0.5, 0.5])
    assert np.isnan(own.mae_by_lead[3])


def test_hours_that_were_not_measured_are_not_judged_nor_is_the_night_of_an_array():
    case = case_of(Target.SOLAR)
    values = case.values.copy()
    values[case.issues[0] + 12] = np.nan
    judged = judged_hours(replace(case, values=values))
    assert not judged[0, 12]
    assert not judged[:, 0].any()
    assert judged[1:, 12].all()


def test_the_profile_of_other_homes_is_scaled_by_what_a_new_one_has_shown_since_its_birth():
    others = [case_of(seed=number) for number in range(1, 5)]
    case = case_of()
    large = replace(case, values=10.0 * case.values)
    birth = int(case.issues[0])
    first, second = profile(others, large, birth, np.array([birth, birth + 24]))
    assert second.mean() == pytest.approx(10.0 * first.mean(), rel=0.2)
    assert np.array_equal(profile(others, changed_after(large, birth), birth, np.array([birth]))[0], first)


def test_a_home_too_short_for_a_training_and_a_test_is_left_out():
    values = np.ones(30 * 24)
    home = Home(
        name="a", place=KONSTANZ, start=np.datetime64("2024-01-01", "us"), load_kw=values, solar_kw=None, load_half_hours=values.repeat(2)
    )
    assert load_cases([home], hours=24, days=63) == []
    values = np.ones(60 * 24)
    longer = replace(home, load_kw=values, load_half_hours=values.repeat(2))
    [case] = load_cases([longer], hours=24, days=63)
    assert case.first >= 28 * 24
    assert case.folds[0].until == case.folds[0].issues[0]


def test_a_goal_is_met_within_its_bounds_alone():
    assert [Goal(text="", value=value, least=0.75, most=0.85).met for value in (0.7, 0.75, 0.85, 0.9, np.nan)] == [
        False,
        True,
        True,
        False,
        False,
    ]
