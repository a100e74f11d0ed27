"""Bands that follow a site: after each forecast the sides on which too much was missed grow, the others shrink.

Quantile tracking (Gibbs and Candes 2021, "Adaptive conformal inference under distribution shift"; Angelopoulos, Candes and
Tibshirani 2023): whatever happens, the long-run share of misses at each level goes to what the level promises.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from services.forecaster.model.series import Values

Matrix = NDArray[np.float64]

GAIN = 0.1
"""How fast a side follows: a forecast that missed a share `m` too often scales it by exp(`GAIN` m / sqrt(promised share))."""
LEAST, MOST = 0.2, 5.0
"""Bounds of the factors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """How far each quantile is from the median, in units of what the model says."""

    levels: tuple[float, ...]
    factors: Values
    """Shape (levels,)."""

    @staticmethod
    def untouched(levels: Sequence[float]) -> "Band":
        return Band(levels=tuple(levels), factors=np.ones(len(levels)))

    def apply(self, quantiles: Matrix) -> Matrix:
        """Shape (rows, levels), non-decreasing along a row; the median stays."""
        middle = quantiles[:, self._middle, None]
        side = np.sign(np.asarray(self.levels) - 0.5)
        apart = side * np.maximum(side * (quantiles - middle) * self.factors, 0.0)
        lower, upper = apart[:, : self._middle + 1], apart[:, self._middle :]
        lower = np.minimum.accumulate(lower[:, ::-1], axis=1)[:, ::-1]
        moved: Matrix = middle + np.concatenate([lower, np.maximum.accumulate(upper, axis=1)[:, 1:]], axis=1)
        return moved

    def learnt(self, quantiles: Matrix, actual: Values) -> "Band":
        """After one forecast by this band, of shape (rows, levels), and what happened, shape (rows,); NaN teaches nothing."""
        measured = np.isfinite(actual)
        if not measured.any():
            return self
        levels = np.asarray(self.levels)
        promised = np.minimum(levels, 1.0 - levels)
        beyond = np.where(levels < 0.5, actual[measured, None] < quantiles[measured], actual[measured, None] > quantiles[measured])
        surplus = (beyond.mean(axis=0) - promised) / np.sqrt(promised)
        factors = np.clip(self.factors * np.exp(GAIN * surplus), LEAST, MOST)
        factors[self._middle] = 1.0
        return replace(self, factors=factors)

    @property
    def _middle(self) -> int:
        return self.levels.index(0.5)
