"""Quantile trees on how far an hour's price will lie from its mean over 28 days, in units of how far it has lain of late."""

from dataclasses import dataclass

import numpy as np
import xgboost
from numpy.typing import NDArray

from services.forecaster.model.calibration import CORE_LEVELS
from services.forecaster.model.price_days import HOURS
from services.forecaster.model.series import Indices

Matrix = NDArray[np.float64]
Cube = NDArray[np.float64]

DAYS = 28
HISTORY_DAYS = 2 * DAYS
"""What a row reads: the mean over 28 days, and how far each of the last 28 lay from it."""
LAGS = (1, 2, 3, 7)
EXOGENOUS_LAGS = (1, 7)
LEAST_SPREAD = 1e-4
"""Of a day around its mean, in the currency per kWh: a fixed price is not divided by nothing."""

ROUNDS = 250
PARAMETERS = {
    "objective": "reg:quantileerror",
    "tree_method": "hist",
    "max_depth": 5,
    "max_bin": 128,
    "eta": 0.06,
    "subsample": 0.7,
    "colsample_bytree": 0.5,
    "min_child_weight": 10,
    "nthread": 1,
    "verbosity": 0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTrees:
    """Trees fitted to days with the same columns known ahead."""

    booster: xgboost.Booster

    def predict(self, hours: Matrix, exogenous: Cube, weekday: Indices, days: Indices) -> Cube:
        """`CORE_LEVELS` of the hours of days, shape (days, 24, 3), non-decreasing along the last axis."""
        level, spread = _usual(hours, days)
        raw = self.booster.inplace_predict(_rows(hours, exogenous, weekday, days))
        ordered = np.sort(raw.reshape(len(days), HOURS, len(CORE_LEVELS)).astype(np.float64), axis=2)
        core: Cube = ordered * spread[:, None, None] + level[:, :, None]
        return core


def fit(hours: Matrix, exogenous: Cube, weekday: Indices, days: Indices, *, seed: int) -> PriceTrees:
    """Fit on `days`, each with finite prices and at least `HISTORY_DAYS` before it; `hours` is finite there."""
    level, spread = _usual(hours, days)
    rows = _rows(hours, exogenous, weekday, days)
    outcome = (hours[days] - level) / spread[:, None]
    data = xgboost.QuantileDMatrix(rows, outcome.ravel(), max_bin=PARAMETERS["max_bin"])
    booster = xgboost.train({**PARAMETERS, "quantile_alpha": np.array(CORE_LEVELS), "seed": seed}, data, ROUNDS)
    return PriceTrees(booster=booster)


def _usual(hours: Matrix, days: Indices) -> tuple[Matrix, NDArray[np.float64]]:
    """The mean of each hour over the 28 days before, shape (days, 24), and the mean distance from it then, shape (days,)."""
    before = hours[days[:, None] - np.arange(1, DAYS + 1)]
    level = before.mean(axis=1)
    spread = np.abs(before - level[:, None]).mean(axis=(1, 2))
    return level, np.maximum(spread, LEAST_SPREAD)


def _rows(hours: Matrix, exogenous: Cube, weekday: Indices, days: Indices) -> NDArray[np.float32]:
    """Inputs of each hour of each day, shape (days x 24, inputs); prices as distances from the level in units of the spread."""
    level, spread = _usual(hours, days)
    yesterday = hours[days - 1]
    week = hours[days[:, None] - np.arange(1, 8)].mean(axis=1)
    whole = [yesterday[:, -1], yesterday.mean(axis=1), yesterday.min(axis=1), yesterday.max(axis=1)]
    whole += [hours[days - 2].mean(axis=1), hours[days - 7].mean(axis=1)]
    prices = [*(hours[days - lag] for lag in LAGS), week, *(np.repeat(part[:, None], HOURS, axis=1) for part in whole)]
    columns = [(part - level) / spread[:, None] for part in prices]
    columns.append((level - level.mean(axis=1, keepdims=True)) / spread[:, None])
    columns.append(np.tile(np.arange(HOURS, dtype=np.float64), (len(days), 1)))
    columns.append(np.repeat(weekday[days].astype(np.float64)[:, None], HOURS, axis=1))
    columns.append(np.repeat(weekday[days - 1].astype(np.float64)[:, None], HOURS, axis=1))
    for number in range(exogenous.shape[2]):
        columns += _known_ahead(exogenous[:, :, number], days)
    return np.stack(columns, axis=2).reshape(len(days) * HOURS, len(columns)).astype(np.float32)


def _known_ahead(column: Matrix, days: Indices) -> list[Matrix]:
    """A column of the day itself, beside those of other days and of the hours around."""
    own = column[days]
    apart = own - column[days[:, None] - np.arange(1, DAYS + 1)].mean(axis=1)
    of_day = np.repeat(apart.mean(axis=1, keepdims=True), HOURS, axis=1)
    coming = np.concatenate([own[:, 1:], own[:, -1:]], axis=1) - own
    gone = own - np.concatenate([own[:, :1], own[:, :-1]], axis=1)
    return [own, apart, of_day, coming, gone, *(own - column[days - lag] for lag in EXOGENOUS_LAGS)]
