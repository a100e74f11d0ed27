"""How good forecasts were, home by home, on the same hours for all of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecasting.lags import rows_of
from forecasting.origin import Case, Quantiles, clear_ghi, steps_of
from services.forecaster.model.metrics import coverage, mean_absolute_error, mean_width, normalised_mae, pinball
from shared.domain.forecast import QUANTILE_LEVELS, Target

MEDIAN = QUANTILE_LEVELS.index(0.5)
LOW, HIGH = QUANTILE_LEVELS.index(0.1), QUANTILE_LEVELS.index(0.9)
LEADS = ((0, 6), (6, 12), (12, 24), (24, 48))


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Of one method on one site. The band is that of 80 %."""

    place: str
    site: str
    mae: float
    nmae: float
    mase: float
    pinball: float
    coverage: float
    width: float
    mae_by_lead: tuple[float, ...]
    """In each of `LEADS`; NaN where the forecast does not reach."""


def score(case: Case, quantiles: Quantiles) -> Score:
    """Judge quantiles of shape (issues, levels, hours) by what was measured; the sun's by the hours of daylight."""
    judged = judged_hours(case)
    actual = case.truth[judged]
    rows = quantiles.transpose(0, 2, 1)[judged]
    median = rows[:, MEDIAN]
    lead = np.broadcast_to(np.arange(case.hours), judged.shape)[judged]
    reached = [(lead >= begin) & (lead < end) for begin, end in LEADS]
    mae = mean_absolute_error(actual, median)
    return Score(
        place=case.place.name,
        site=case.name,
        mae=mae,
        nmae=normalised_mae(actual, median),
        mase=mae / naive_error(case),
        pinball=pinball(actual, rows, QUANTILE_LEVELS),
        coverage=coverage(actual, rows[:, LOW], rows[:, HIGH]),
        width=mean_width(rows[:, LOW], rows[:, HIGH]),
        mae_by_lead=tuple(mean_absolute_error(actual[own], median[own]) for own in reached),
    )


def judged_hours(case: Case) -> NDArray[np.bool_]:
    """Hours that were measured, shape (issues, hours)."""
    measured = np.isfinite(case.truth)
    return measured & _light(case)[case.steps] if case.target is Target.SOLAR else measured


def naive_error(case: Case) -> float:
    """The mean absolute error of "yesterday" over all that was known before the test: the unit of MASE (Hyndman and Koehler 2006)."""
    past = case.training_issues(case.first)
    steps = steps_of(past, case.hours).ravel()
    error = np.abs(case.values[steps] - rows_of(case, past).lags[:, 0])
    usable = np.isfinite(error) & (_light(case)[steps] if case.target is Target.SOLAR else True)
    return float(error[usable].mean()) if usable.any() else float("nan")


def _light(case: Case) -> NDArray[np.bool_]:
    return clear_ghi(case) > 0.0


def mean_of(scores: Sequence[Score], figure: str) -> float:
    """Over sites."""
    return float(np.mean([getattr(own, figure) for own in scores]))
