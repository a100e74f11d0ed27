"""Quantiles of the share of clear sky: a linear quantile regression, which extrapolates, and quantile trees, averaged.

Rows weigh what they are worth in energy, so the pinball loss of a share is that of power in units of each site's peak.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

from services.forecaster.model.calibration import CORE_LEVELS, Calibration, calibrate, uncalibrated
from services.forecaster.model.clearness import MOST
from services.forecaster.model.series import Values
from shared.domain.forecast import QUANTILE_LEVELS

Matrix = NDArray[np.float64]

ROUNDS = 150
PARAMETERS = {
    "objective": "reg:quantileerror",
    "max_depth": 3,
    "max_bin": 64,
    "eta": 0.05,
    "subsample": 0.6,
    "colsample_bynode": 0.5,
    "min_child_weight": 20,
    "verbosity": 0,
}
RIDGE = 1e-3
REWEIGHTINGS = 30
NARROWEST = 0.01
"""Of the share: residuals below it weigh alike, which bounds the weights of the quantile regression."""
FLOOR = 0.002
"""The narrowest side of a band, as a share of the peak."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lessons:
    """Rows of many sites with what happened."""

    matrix: Matrix
    clear_share: Values
    """Of each row's site's peak."""
    actual_share: Values
    """Of each row's site's peak."""
    lead_hours: Values

    def __len__(self) -> int:
        return len(self.matrix)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Of any site, by rows of the columns that it was fitted to."""

    centre: Values
    spread: Values
    weights: Matrix
    """Of the standardised columns, after a constant; shape (core levels, columns + 1)."""
    booster: xgboost.Booster
    calibration: Calibration

    def quantiles(self, matrix: Matrix, clear_kw: Values, lead_hours: Values, peak_kw: Values) -> Matrix:
        """Calibrated quantiles in kW at `QUANTILE_LEVELS`, shape (rows, levels); what is by row may be of several sites."""
        return self.calibration.apply(self._core(matrix, clear_kw), lead_hours, FLOOR * peak_kw)

    def calibrated(self, proof: Lessons, *, rows_per_day: int) -> "Part":
        """With the band that holds on rows which this part has not seen."""
        core = self._core(proof.matrix, proof.clear_share)
        calibration = calibrate(core, proof.actual_share, proof.lead_hours, QUANTILE_LEVELS, floor=FLOOR, rows_per_day=rows_per_day)
        return replace(self, calibration=calibration)

    def words(self) -> dict[str, Any]:
        """All but the trees, for JSON."""
        return {
            "centre": self.centre.tolist(),
            "spread": self.spread.tolist(),
            "weights": self.weights.tolist(),
            "levels": self.calibration.levels,
            "multipliers": self.calibration.multipliers.tolist(),
        }

    def _core(self, matrix: Matrix, clear: Values) -> Matrix:
        """Uncalibrated `CORE_LEVELS` in the unit of `clear`, shape (rows, 3); 0 where that is 0, which costs nothing."""
        core: Matrix = np.zeros((len(matrix), len(CORE_LEVELS)))
        lit = clear > 0
        if lit.any():
            straight = _with_constant((matrix[lit] - self.centre) / self.spread) @ self.weights.T
            grown = self.booster.inplace_predict(matrix[lit].astype(np.float32)).reshape(-1, len(CORE_LEVELS))
            core[lit] = np.sort((straight + grown) / 2.0, axis=1).clip(0.0, MOST) * clear[lit, None]
        return core


def part_from(words: Mapping[str, Any], trees: bytes) -> Part:
    """What `words` and the booster's UBJSON say. Raises `KeyError`, `TypeError`, `ValueError` or `XGBoostError`."""
    booster = xgboost.Booster({"nthread": 1})
    booster.load_model(bytearray(trees))
    return Part(
        centre=np.array(words["centre"]),
        spread=np.array(words["spread"]),
        weights=np.array(words["weights"]),
        booster=booster,
        calibration=Calibration(levels=tuple(words["levels"]), multipliers=np.array(words["multipliers"])),
    )


def fit_part(lessons: Lessons, *, seed: int, threads: int) -> Part:
    """Uncalibrated."""
    matrix, weight = lessons.matrix, lessons.clear_share / lessons.clear_share.mean()
    target = np.clip(lessons.actual_share / lessons.clear_share, 0.0, MOST)
    centre, spread = matrix.mean(axis=0), matrix.std(axis=0) + 1e-6
    data = xgboost.QuantileDMatrix(matrix.astype(np.float32), target, weight=weight, max_bin=PARAMETERS["max_bin"], nthread=threads)
    parameters = {**PARAMETERS, "quantile_alpha": np.array(CORE_LEVELS), "seed": seed, "nthread": threads}
    return Part(
        centre=centre,
        spread=spread,
        weights=_quantile_regression(_with_constant((matrix - centre) / spread), target, weight),
        booster=xgboost.train(parameters, data, ROUNDS),
        calibration=uncalibrated(QUANTILE_LEVELS),
    )


def joined(parts: Sequence[Lessons]) -> Lessons:
    """Rows of all."""
    return Lessons(
        matrix=np.concatenate([part.matrix for part in parts]),
        clear_share=np.concatenate([part.clear_share for part in parts]),
        actual_share=np.concatenate([part.actual_share for part in parts]),
        lead_hours=np.concatenate([part.lead_hours for part in parts]),
    )


def _quantile_regression(columns: Matrix, target: Values, weight: Values) -> Matrix:
    """Linear quantiles at `CORE_LEVELS` by reweighted least squares (Schlossmacher 1973), shape (levels, columns)."""
    penalty = RIDGE * weight.sum() * np.diag([0.0] + [1.0] * (columns.shape[1] - 1))

    def solve(weights: Values) -> Values:
        weighted = columns * weights[:, None]
        found: Values = np.linalg.solve(weighted.T @ columns + penalty, weighted.T @ target)
        return found

    start = solve(weight)
    lines = []
    for level in CORE_LEVELS:
        line = start
        for _ in range(REWEIGHTINGS):
            miss = target - columns @ line
            line = solve(weight * np.where(miss > 0, level, 1.0 - level) / np.maximum(np.abs(miss), NARROWEST))
        lines.append(line)
    return np.array(lines)


def _with_constant(columns: Matrix) -> Matrix:
    return np.column_stack([np.ones(len(columns)), columns])
