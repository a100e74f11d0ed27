"""What the price model averages: autoregressions over windows of several lengths, and trees; each forecasts whole days."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

from services.forecaster.model import autoregression, price_trees
from services.forecaster.model.autoregression import Autoregression
from services.forecaster.model.price_days import HOURS, PriceDays, filled
from services.forecaster.model.price_trees import PriceTrees
from services.forecaster.model.series import Indices

Matrix = NDArray[np.float64]
Cube = NDArray[np.float64]

WINDOWS_DAYS = (84, 364, 1092)
"""A short one follows the market, a long one knows it; their mean beats either (Marcjasz, Serafin and Weron 2018)."""
TREES_DAYS = 730
LEAST_DAYS = 28
"""Whole days that a fit needs beyond the history that its first row reads."""
LEAST_HISTORY_DAYS = price_trees.HISTORY_DAYS + LEAST_DAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Fitted to the same days."""

    linear: tuple[Autoregression, ...]
    trees: PriceTrees

    def predict(self, hours: Matrix, exogenous: Cube, weekday: Indices, days: Indices) -> tuple[Matrix, Cube]:
        """The mean autoregression, shape (days, 24), and the trees' `CORE_LEVELS`, shape (days, 24, 3)."""
        rows = autoregression.inputs(hours, exogenous, days)
        mean: Matrix = np.mean([each.predict(rows, weekday[days]) for each in self.linear], axis=0)
        return mean, self.trees.predict(hours, exogenous, weekday, days)

    def to_words(self) -> list[dict[str, Any]]:
        """The linear part, for JSON."""
        return [each.to_words() for each in self.linear]


def parts_from(words: list[Mapping[str, Any]], trees: bytes) -> Parts:
    """What `to_words` said, and the trees. Raises `KeyError`, `TypeError`, `ValueError` or `XGBoostError` for anything else."""
    booster = xgboost.Booster({"nthread": price_trees.PARAMETERS["nthread"]})
    booster.load_model(bytearray(trees))
    return Parts(linear=tuple(autoregression.from_words(each) for each in words), trees=PriceTrees(booster=booster))


def fit_parts(days: PriceDays, exogenous: Cube, *, until: int, known: int, seed: int) -> Parts | None:
    """Fit on the days before `until` that are whole in what lies before step `known`; None for too few, or one price throughout."""
    measured = days.hours(known)
    hours = filled(measured)
    usable = learnable(measured, exogenous, until=until)
    if len(usable) < LEAST_DAYS or float(np.ptp(hours[usable])) == 0.0:
        return None
    windows = dict.fromkeys(min(window, int(until - usable[0])) for window in WINDOWS_DAYS)
    linear = []
    for window in windows:
        own = usable[usable >= until - window]
        if len(own) >= LEAST_DAYS:
            rows = autoregression.inputs(hours, exogenous, own)
            linear.append(autoregression.fit(rows, days.weekday[own], hours[own]))
    recent = usable[usable >= until - TREES_DAYS]
    if not linear or len(recent) < LEAST_DAYS:
        return None
    return Parts(linear=tuple(linear), trees=price_trees.fit(hours, exogenous, days.weekday, recent, seed=seed))


def learnable(measured: Matrix, exogenous: Cube, *, until: int) -> Indices:
    """Days before `until` with all prices, enough history and all that is known ahead, on them and on those looked back to."""
    whole: NDArray[np.bool_] = np.asarray(np.isfinite(measured).all(axis=1))
    told = has_exogenous(exogenous)
    seen = np.cumsum(whole)
    candidates = np.arange(price_trees.HISTORY_DAYS, min(until, len(whole)))
    candidates = candidates[whole[candidates] & told[candidates]]
    # half of what a row looks back to was measured: the rest is filled
    enough = seen[candidates - 1] - seen[candidates - price_trees.DAYS] >= price_trees.DAYS // 2
    days: Indices = candidates[enough]
    return days


def has_exogenous(exogenous: Cube) -> NDArray[np.bool_]:
    """Whether a day, and those that the autoregression looks back to, have every column known ahead; shape (days,)."""
    whole: NDArray[np.bool_] = np.asarray(np.isfinite(exogenous).all(axis=(1, 2)))
    told = whole.copy()
    for lag in autoregression.EXOGENOUS_LAGS[1:]:
        told[:lag] = False
        told[lag:] &= whole[:-lag]
    return told


def nothing_ahead(days: PriceDays) -> Cube:
    """No column known ahead."""
    return np.empty((days.count, HOURS, 0))
