"""Forecasters that feed on their own forecasts, hour by hour, as mlforecast's and EMHASS's do.

`lightgbm` is mlforecast's LightGBM with daily lags of a week and its calendar (github.com/Nixtla/mlforecast 1.1). EMHASS trains
skforecast's ForecasterRecursive with a scikit-learn model on 48 lags of 30 minutes and the date (github.com/davidusb-geek/emhass,
machine_learning_forecaster.py and config_defaults.json, 2026-08): `nearest` with its defaults (5 neighbours, 9 days of history or
all), `lasso`. Both are written out here, since mlforecast allows no current pandas; the loop is the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from forecasting.lags import Matrix
from forecasting.origin import Case, Indices, Quantiles
from likeness.measures import Values
from shared.domain.forecast import QUANTILE_LEVELS

MLFORECAST_LAGS = tuple(range(24, 169, 24))
EMHASS_LAGS = tuple(range(1, 49))
EMHASS_DAYS = 9
EMHASS_KEPT_HOURS = 48
"""Kept from its training for its own test."""
WATTS = 1000.0
"""EMHASS works in watts, which decides how near neighbours are and how strong a penalty is."""


class Regressor(Protocol):
    def fit(self, columns: Matrix, actual: Values, /) -> object: ...

    def predict(self, columns: Matrix, /) -> Values: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A model to train, and on what."""

    regressor: Callable[[], Regressor]
    lags: tuple[int, ...]
    fields: tuple[str, ...]
    """Of the date."""
    days: int | None = None
    """Of history; None: all."""
    kept_hours: int = 0
    """At the end of the history that are not trained on."""
    unit: float = 1.0
    per_hour: int = 1
    """Steps; lags count them."""


def recursive(recipe: Recipe) -> Callable[[Case], Quantiles]:
    """Point forecasts, refitted for each fold: every level is the same."""

    def forecast(case: Case) -> Quantiles:
        points = np.concatenate([_of_fold(case, recipe, fold.until, fold.issues) for fold in case.folds])
        return np.repeat(points[:, None, :], len(QUANTILE_LEVELS), axis=1)

    return forecast


def lightgbm() -> Callable[[Case], Quantiles]:
    """Raises ModuleNotFoundError without the library."""
    from lightgbm import LGBMRegressor

    fields = ("hour", "weekday", "day_of_year")
    return recursive(Recipe(regressor=lambda: LGBMRegressor(verbosity=-1, n_jobs=1), lags=MLFORECAST_LAGS, fields=fields))


def nearest(days: int | None) -> Callable[[Case], Quantiles]:
    """EMHASS's default forecaster. Raises ModuleNotFoundError without scikit-learn."""
    from sklearn.neighbors import KNeighborsRegressor

    return recursive(_emhass(KNeighborsRegressor, days=days))


def lasso() -> Callable[[Case], Quantiles]:
    """EMHASS's lasso. Raises ModuleNotFoundError without scikit-learn."""
    from sklearn.linear_model import Lasso

    return recursive(_emhass(lambda: Lasso(random_state=42, max_iter=5000), days=None))


def _emhass(regressor: Callable[[], Regressor], *, days: int | None) -> Recipe:
    fields = ("year", "month", "weekday", "day_of_year", "day", "hour")
    return Recipe(
        regressor=regressor, lags=EMHASS_LAGS, fields=fields, days=days, kept_hours=EMHASS_KEPT_HOURS, unit=WATTS, per_hour=2
    )  # fmt: skip


def _dates(case: Case, fields: tuple[str, ...]) -> Matrix:
    """Fields of the local date of every hour, shape (count, fields)."""
    clock = case.clock
    months = clock.date.astype("datetime64[M]")
    every = {
        "year": clock.date.astype("datetime64[Y]").astype(np.int64) + 1970,
        "month": clock.month,
        "weekday": clock.weekday,
        "day_of_year": clock.day_of_year,
        "day": (clock.date - months.astype("datetime64[D]")).astype(np.int64) + 1,
        "hour": np.floor(clock.hour),
    }
    return np.column_stack([every[name] for name in fields]).astype(np.float64)


def _of_fold(case: Case, recipe: Recipe, until: int, issues: Indices) -> Values:
    """Shape (issues, hours)."""
    values = (case.half_hours if recipe.per_hour == 2 else case.values) * recipe.unit
    dates = np.repeat(_dates(case, recipe.fields), recipe.per_hour, axis=0)
    until, issues, lags = until * recipe.per_hour, issues * recipe.per_hour, np.array(recipe.lags)
    past = without_gaps(values, until)
    first = max(0, until - 24 * recipe.per_hour * recipe.days) if recipe.days else int(np.argmax(np.isfinite(values)))
    rows = np.arange(first + lags.max(), until - recipe.kept_hours * recipe.per_hour)
    model = recipe.regressor()
    model.fit(np.column_stack([past[rows[:, None] - lags], dates[rows]]), past[rows])
    seen = np.stack([without_gaps(values, issue)[issue - lags.max() :] for issue in issues])
    for ahead in range(case.hours * recipe.per_hour):
        columns = np.column_stack([seen[:, seen.shape[1] - lags], dates[issues + ahead]])
        seen = np.column_stack([seen, model.predict(columns)])
    points: Values = seen[:, lags.max() :].reshape(len(issues), case.hours, recipe.per_hour).mean(axis=2)
    return points.clip(0.0) / recipe.unit


def without_gaps(values: Values, until: int) -> Values:
    """The steps before `until`; gaps are bridged by straight lines, the last by the value before it."""
    series = pd.Series(values[:until]).interpolate(limit_direction="both")
    return np.asarray(series.fillna(0.0), dtype=np.float64)
