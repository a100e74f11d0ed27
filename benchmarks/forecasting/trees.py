"""Plain quantile xgboost, a model for each site: lags, calendar, and the weather where it was forecast."""

import numpy as np
import xgboost

from forecasting.lags import Matrix, nan_median, rows_of
from forecasting.origin import Case, Indices, Quantiles, clear_ghi, steps_of
from forecasting.simple import shaped
from likeness.measures import Values
from shared.domain.forecast import QUANTILE_LEVELS, Target

ROUNDS = 150
PARAMETERS = {
    "objective": "reg:quantileerror", "quantile_alpha": np.array(QUANTILE_LEVELS), "max_depth": 6, "eta": 0.1, "max_bin": 64,
    "tree_method": "hist", "nthread": 1, "seed": 1, "verbosity": 0,
}  # fmt: skip


def plain_trees(case: Case) -> Quantiles:
    """Refitted for each fold on every day until then."""
    return np.concatenate([_of_fold(case, fold.until, fold.issues) for fold in case.folds])


def _of_fold(case: Case, until: int, issues: Indices) -> Quantiles:
    past = case.training_issues(until)
    actual = case.values[steps_of(past, case.hours).ravel()]
    usable = np.isfinite(actual)
    table = xgboost.QuantileDMatrix(columns_of(case, past)[usable], actual[usable], max_bin=PARAMETERS["max_bin"], nthread=1)
    booster = xgboost.train(PARAMETERS, table, ROUNDS)
    quantiles = booster.inplace_predict(columns_of(case, issues)).astype(np.float64)
    return shaped(np.maximum(np.sort(quantiles, axis=1), 0.0), case)


def columns_of(case: Case, issues: Indices) -> Matrix:
    """What is known at each issue of each hour ahead."""
    rows = rows_of(case, issues)
    columns: list[Values] = [*rows.lags.T, rows.mean, nan_median(rows.lags), *rows.calendar.values()]
    if case.target is Target.SOLAR:
        columns.append(clear_ghi(case)[rows.step])
    columns += [values[rows.step] for values in case.weather.values()]
    return np.column_stack(columns)
