"""The baselines that every forecast must beat: earlier days at the same wall clock, and ridge regression on them.

Their bands are the quantiles of their own past errors at that hour of the day.
"""

from collections.abc import Callable

import numpy as np

from forecasting.lags import Matrix, Rows, nan_mean, nan_median, rows_of, same_clock
from forecasting.origin import Case, Indices, Quantiles, steps_of
from likeness.measures import Values
from services.forecaster.model.baselines import residual_band
from shared.domain.forecast import QUANTILE_LEVELS

Point = Callable[[Case, Indices], Values]
"""A forecast for each issue and hour ahead, shape (issues x hours,), by what each issue knows."""
Fitted = Callable[[Case, int], Point]
"""A model by what was known at an hour."""
WEEKS = 4
PENALTY = 10.0
"""Of ridge, in standardised columns."""


def yesterday(case: Case, issues: Indices) -> Values:
    """The newest day that is known at that wall clock."""
    rows = rows_of(case, issues)
    return filled(rows.lags[:, 0], rows, case, issues)


def last_week(case: Case, issues: Indices) -> Values:
    rows = rows_of(case, issues)
    week = same_clock(case, issues, steps_of(issues, case.hours), np.full(case.hours, 7)).ravel()
    return filled(week, rows, case, issues)


def mean_of_week(case: Case, issues: Indices) -> Values:
    rows = rows_of(case, issues)
    return filled(rows.mean, rows, case, issues)


def median_of_week(case: Case, issues: Indices) -> Values:
    rows = rows_of(case, issues)
    return filled(nan_median(rows.lags), rows, case, issues)


def mean_of_weekdays(case: Case, issues: Indices) -> Values:
    """Of the same weekday in the last four weeks."""
    rows, steps = rows_of(case, issues), steps_of(issues, case.hours)
    weeks = [same_clock(case, issues, steps, np.full(case.hours, 7 * (back + 1))).ravel() for back in range(WEEKS)]
    return filled(nan_mean(np.column_stack(weeks)), rows, case, issues)


def filled(points: Values, rows: Rows, case: Case, issues: Indices) -> Values:
    """Where a baseline knows nothing, the week's mean at that clock, else the newest value, else 0."""
    held = np.where(np.isfinite(points), points, rows.mean)
    if np.isfinite(held).all():
        return held
    newest = np.repeat([_newest(case.values[:issue]) for issue in issues], case.hours)
    return np.where(np.isfinite(held), held, newest)


def banded(point: Point) -> Callable[[Case], Quantiles]:
    """A baseline with the band of its past errors."""
    return refitted(lambda _case, _until: point)


def refitted(fit: Fitted) -> Callable[[Case], Quantiles]:
    """Point forecasts of a model that is refitted for each fold, with the band of its errors in training."""

    def forecast(case: Case) -> Quantiles:
        hour = np.floor(case.clock.hour).astype(np.int64)
        parts = []
        for fold in case.folds:
            point, past = fit(case, fold.until), case.training_issues(fold.until)
            steps = steps_of(past, case.hours).ravel()
            band = residual_band(point(case, past), case.values[steps], hour[steps], QUANTILE_LEVELS)
            ahead = point(case, fold.issues)
            quantiles = band.quantiles(ahead, hour[steps_of(fold.issues, case.hours).ravel()])
            quantiles[:, QUANTILE_LEVELS.index(0.5)] = ahead  # the point itself is what is judged
            parts.append(shaped(np.maximum(np.sort(quantiles, axis=1), 0.0), case))
        return np.concatenate(parts)

    return forecast


def shaped(rows: Matrix, case: Case) -> Quantiles:
    """Rows issue by issue, shape (rows, levels), as (issues, levels, hours)."""
    quantiles: Quantiles = rows.reshape(-1, case.hours, rows.shape[1]).transpose(0, 2, 1)
    return quantiles


def ridge(case: Case, until: int) -> Point:
    """Least squares with a penalty on the last seven days and the last week, apart for each hour and kind of day in its level."""
    past = case.training_issues(until)
    columns, actual = _ridge_columns(case, past), case.values[steps_of(past, case.hours).ravel()]
    usable = np.isfinite(actual)
    return solved(columns[usable], actual[usable], _ridge_columns)


def solved(columns: Matrix, actual: Values, columns_of: Callable[[Case, Indices], Matrix]) -> Point:
    """Ridge on standardised columns."""
    centre, spread = columns.mean(axis=0), columns.std(axis=0) + 1e-9
    standard, level = (columns - centre) / spread, actual.mean()
    weights = np.linalg.solve(standard.T @ standard + PENALTY * np.eye(columns.shape[1]), standard.T @ (actual - level))

    def point(case: Case, issues: Indices) -> Values:
        values: Values = np.maximum((columns_of(case, issues) - centre) / spread @ weights + level, 0.0)
        return values

    return point


def _ridge_columns(case: Case, issues: Indices) -> Matrix:
    rows = rows_of(case, issues)
    lags = np.column_stack([*rows.lags.T, rows.mean, last_week(case, issues)])
    known = np.column_stack([filled(lag, rows, case, issues) for lag in lags.T])
    hour, weekday = rows.calendar["hour"].astype(np.int64), rows.calendar["weekday"].astype(np.int64)
    of_day = np.eye(24)[hour]
    season = np.column_stack([rows.calendar["year_sin"], rows.calendar["year_cos"]])
    return np.column_stack([known, of_day, of_day * (weekday >= 5)[:, None], np.eye(7)[weekday], season])


def _newest(values: Values) -> float:
    finite = values[np.isfinite(values)]
    return float(finite[-1]) if len(finite) else 0.0
