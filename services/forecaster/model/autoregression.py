"""Tomorrow's 24 prices from those of days gone by: a linear model for each hour, shrunk the more the farther an input's hour lies.

The inputs are those of the LASSO-estimated autoregression (Lago, Marcjasz, De Schutter and Weron 2021, Applied Energy 293): prices
of all hours one, two, three and seven days before, columns known ahead for the day itself, one and seven days before, and the
weekday, all through asinh after median and MAD (Uniejewski, Weron and Ziel 2018). Instead of the LASSO's choice each weight has a
normal prior whose deviation falls with the distance between its hour and the one forecast, which is solved exactly; how much is
shrunk in all is chosen by generalised cross-validation (Golub, Heath and Wahba 1979).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.forecaster.model.price_days import HOURS
from services.forecaster.model.series import Indices, Values

Matrix = NDArray[np.float64]
Cube = NDArray[np.float64]

LAGS = (1, 2, 3, 7)
EXOGENOUS_LAGS = (0, 1, 7)
WEEKDAYS = 7
NEARNESS = 1.0
"""The prior's deviation is 1 / (1 + this x hours between input and output)."""
SHRINKAGE = np.geomspace(1e-4, 10.0, 20)
"""Candidates, per row of training."""
MAD_TO_DEVIATION = 1.4826
"""The deviation of a normal distribution over its median absolute deviation."""
WIDEST = 1.5
"""A forecast reaches beyond all prices of its training by at most this share of their range: sinh must not run away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A robust scale for each column; large values are pressed together as by a logarithm."""

    centre: Values
    spread: Values

    def there(self, values: Matrix) -> Matrix:
        pressed: Matrix = np.arcsinh((values - self.centre) / self.spread)
        return pressed

    def back(self, values: Matrix) -> Matrix:
        prices: Matrix = np.sinh(values) * self.spread + self.centre
        return prices


@dataclass(frozen=True, slots=True, kw_only=True)
class Autoregression:
    """A fitted model of days with the same columns known ahead."""

    inputs: Scale
    output: Scale
    weights: Matrix
    """Shape (inputs + weekdays, 24)."""
    constant: Values
    lowest: float
    highest: float

    def predict(self, rows: Matrix, weekday: Indices) -> Matrix:
        """The 24 prices of each row of `inputs`, shape (rows, 24), finite."""
        pressed = np.column_stack([self.inputs.there(rows), _dummies(weekday)]) @ self.weights + self.constant
        bounded: Matrix = np.clip(self.output.back(np.clip(pressed, -30.0, 30.0)), self.lowest, self.highest)
        return bounded

    def to_words(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "inputs": [self.inputs.centre.tolist(), self.inputs.spread.tolist()],
            "output": [self.output.centre.tolist(), self.output.spread.tolist()],
            "weights": self.weights.tolist(),
            "constant": self.constant.tolist(),
            "range": [self.lowest, self.highest],
        }


def from_words(words: Mapping[str, Any]) -> Autoregression:
    """What `to_words` said. Raises `KeyError`, `TypeError` or `ValueError`."""
    lowest, highest = words["range"]
    return Autoregression(
        inputs=Scale(centre=np.array(words["inputs"][0]), spread=np.array(words["inputs"][1])),
        output=Scale(centre=np.array(words["output"][0]), spread=np.array(words["output"][1])),
        weights=np.array(words["weights"]),
        constant=np.array(words["constant"]),
        lowest=float(lowest),
        highest=float(highest),
    )


def inputs(hours: Matrix, exogenous: Cube, days: Indices) -> Matrix:
    """What is known of days before they begin, shape (days, inputs); none is among the first seven. Columns go by 24 hours."""
    parts = [hours[days - lag] for lag in LAGS]
    parts += [exogenous[days - lag, :, column] for column in range(exogenous.shape[2]) for lag in EXOGENOUS_LAGS]
    return np.concatenate(parts, axis=1)


def fit(rows: Matrix, weekday: Indices, prices: Matrix) -> Autoregression:
    """Fit on days with finite inputs (days, inputs) and prices (days, 24); at least two."""
    scale, output = _scale(rows), _scale(prices)
    table = np.column_stack([scale.there(rows), _dummies(weekday)])
    pressed = output.there(prices)
    middle, level = table.mean(axis=0), pressed.mean(axis=0)
    weights = _nearest_first(table - middle, pressed - level)
    lowest, highest = float(prices.min()), float(prices.max())
    beyond = (WIDEST - 1.0) * (highest - lowest)
    return Autoregression(
        inputs=scale,
        output=output,
        weights=weights,
        constant=level - middle @ weights,
        lowest=lowest - beyond,
        highest=highest + beyond,
    )


def _nearest_first(table: Matrix, outcomes: Matrix) -> Matrix:
    """Ridge weights (inputs, 24) of centred inputs and outcomes."""
    rows, width = table.shape
    own_hour = np.arange(width) % HOURS
    hourly = np.arange(width) < width - WEEKDAYS
    squares = table.T @ table if rows >= width else None
    weights = np.empty((width, HOURS))
    for hour in range(HOURS):
        apart = np.abs(own_hour - hour)
        prior = np.where(hourly, 1.0 / (1.0 + NEARNESS * np.minimum(apart, HOURS - apart)), 1.0)
        aim = outcomes[:, hour]
        if squares is not None:  # in the space of the inputs, or of the rows where they are fewer
            values, vectors = np.linalg.eigh(squares * prior[:, None] * prior)
            along = vectors.T @ (prior * (table.T @ aim))
            energy = along**2 / np.maximum(values, 1e-9)
            penalty = rows * _least_gcv(values, energy, float(aim @ aim), rows)
            weights[:, hour] = prior * (vectors @ (along / (np.maximum(values, 0.0) + penalty)))
        else:
            values, vectors = np.linalg.eigh((table * prior**2) @ table.T)
            along = vectors.T @ aim
            penalty = rows * _least_gcv(values, along**2, float(aim @ aim), rows)
            weights[:, hour] = prior**2 * (table.T @ (vectors @ (along / (np.maximum(values, 0.0) + penalty))))
    return weights


def _least_gcv(values: Values, energy: Values, total: float, rows: int) -> float:
    """The shrinkage per row with the least generalised cross-validation; `energy` is the outcome's along each direction."""
    values = np.maximum(values, 0.0)
    kept = values / (values + rows * SHRINKAGE[:, None])
    residual = total - (energy * (1.0 - (1.0 - kept) ** 2)).sum(axis=1)
    freedom = np.maximum(rows - 1.0 - kept.sum(axis=1), 1e-9)
    return float(SHRINKAGE[int(np.argmin(residual / freedom**2))])


def _scale(values: Matrix) -> Scale:
    centre = np.median(values, axis=0)
    spread = MAD_TO_DEVIATION * np.median(np.abs(values - centre), axis=0)
    plain = values.std(axis=0)
    spread = np.where(spread > 1e-9, spread, np.where(plain > 1e-9, plain, 1.0))
    return Scale(centre=centre, spread=spread)


def _dummies(weekday: Indices) -> Matrix:
    columns: Matrix = (weekday[:, None] == np.arange(WEEKDAYS)).astype(np.float64)
    return columns
