"""Quantile regression trees on the deviation from a seasonal base, mixed with that base's own band.

xgboost's `reg:quantileerror` fits `CORE_LEVELS`; `calibration` derives the others. Training is seeded and single-purpose:
the same rows give the same bytes on the same number of threads.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import xgboost
from numpy.typing import NDArray

from services.forecaster.model import baselines
from services.forecaster.model.baselines import ResidualBand
from services.forecaster.model.calibration import CORE_LEVELS, Calibration, uncalibrated
from services.forecaster.model.design import Design
from services.forecaster.model.limits import Limits
from services.forecaster.model.series import Indices, Values
from shared.domain.forecast import QUANTILE_LEVELS, Target

Matrix = NDArray[np.float64]

TREES_FILE = "trees.ubj"
WORDS_FILE = "model.json"
FORMAT = 1

ROUNDS = 60
PARAMETERS = {
    "objective": "reg:quantileerror",
    "tree_method": "hist",
    "max_depth": 4,
    "max_bin": 64,
    "eta": 0.1,
    "subsample": 0.7,
    "colsample_bytree": 0.6,
    "min_child_weight": 40,
    "nthread": 1,
    "verbosity": 0,
}
"""Chosen by rolling-origin pinball on homes of three continents. One thread, so that equal training gives equal bytes and a
busy machine does not spin; fits run side by side instead."""

FLOOR_SHARE = 0.01
"""The narrowest side of a band, as a share of the target's mean magnitude."""

START_WEIGHT = 0.7
"""Share of the trees in the mixture before it was measured."""


class UnreadableModelError(ValueError):
    """Stored bytes that are no model of this program. Its text is one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantileModel:
    """A fitted model: gives quantiles for rows of a design with the same columns."""

    booster: xgboost.Booster
    names: tuple[str, ...]
    target: Target
    base: str
    band: ResidualBand
    """Of the base, at `CORE_LEVELS`."""
    limits: Limits
    floor: float
    weight: float = START_WEIGHT
    calibration: Calibration

    def parts(self, design: Design, hour: Indices) -> tuple[Matrix, Matrix]:
        """`CORE_LEVELS` of the trees and of the base, each of shape (rows, 3)."""
        points = baselines.point(design, self.base)
        columns = [design.names.index(name) for name in self.names]
        raw = self.booster.inplace_predict(design.matrix[:, columns].astype(np.float32)).reshape(len(design), len(CORE_LEVELS))
        return np.sort(raw.astype(np.float64), axis=1) + points[:, None], self.band.quantiles(points, hour)

    def quantiles(self, design: Design, *, hour: Indices, dark: NDArray[np.bool_], lead_hours: Values) -> Matrix:
        """Calibrated quantiles within the limits, shape (rows, levels). `hour` and `dark` are those of each row's step."""
        if not len(design):
            return np.empty((0, len(self.calibration.levels)))
        trees, base = self.parts(design, hour)
        return self.finish(mix(trees, base, self.weight), dark=dark, lead_hours=lead_hours)

    def finish(self, core: Matrix, *, dark: NDArray[np.bool_], lead_hours: Values) -> Matrix:
        """From mixed `CORE_LEVELS` to calibrated quantiles within the limits."""
        return self.limits.apply(self.calibration.apply(core, lead_hours, self.floor), dark)

    def tuned(self, *, weight: float, calibration: Calibration) -> "QuantileModel":
        return replace(self, weight=weight, calibration=calibration)

    def to_files(self) -> dict[str, bytes]:
        """Bytes by file name: the trees as UBJSON, everything else as JSON."""
        words = {
            "format": FORMAT,
            "target": self.target.value,
            "names": self.names,
            "base": self.base,
            "band": self.band.offsets.tolist(),
            "low": self.limits.low,
            "high": self.limits.high,
            "floor": self.floor,
            "weight": self.weight,
            "levels": self.calibration.levels,
            "multipliers": self.calibration.multipliers.tolist(),
        }
        return {TREES_FILE: bytes(self.booster.save_raw("ubj")), WORDS_FILE: json.dumps(words, indent=1, sort_keys=True).encode()}


def mix(trees: Matrix, base: Matrix, weight: float) -> Matrix:
    """The average of two sets of quantiles, level by level; `weight` is the share of the trees."""
    mixed: Matrix = weight * trees + (1.0 - weight) * base
    return mixed


def fit(design: Design, actual: Values, *, target: Target, base: str, hour: Indices, limits: Limits, seed: int) -> QuantileModel:
    """Fit on rows with finite outcomes. Columns without two different values are left out."""
    matrix = design.matrix
    lowest, highest = np.fmin.reduce(matrix, axis=0), np.fmax.reduce(matrix, axis=0)
    kept = [index for index in range(matrix.shape[1]) if highest[index] > lowest[index]]
    points = baselines.point(design, base)
    data = xgboost.QuantileDMatrix(matrix[:, kept].astype(np.float32), actual - points, max_bin=PARAMETERS["max_bin"])
    booster = xgboost.train({**PARAMETERS, "quantile_alpha": np.array(CORE_LEVELS), "seed": seed}, data, ROUNDS)
    return QuantileModel(
        booster=booster,
        names=tuple(design.names[index] for index in kept),
        target=target,
        base=base,
        band=baselines.residual_band(points, actual, hour, CORE_LEVELS),
        limits=limits,
        floor=FLOOR_SHARE * float(np.abs(actual).mean()),
        calibration=uncalibrated(QUANTILE_LEVELS),
    )


def from_files(files: Mapping[str, bytes]) -> QuantileModel:
    """The model that `to_files` wrote. Raises `UnreadableModelError`."""
    try:
        words = json.loads(files[WORDS_FILE])
        if words["format"] != FORMAT:
            raise UnreadableModelError(f"model format is {words['format']!r}: this program reads {FORMAT}; train again")
        booster = xgboost.Booster({"nthread": PARAMETERS["nthread"]})
        booster.load_model(bytearray(files[TREES_FILE]))
        return QuantileModel(
            booster=booster,
            names=tuple(words["names"]),
            target=Target(words["target"]),
            base=words["base"],
            band=ResidualBand(offsets=np.array(words["band"])),
            limits=Limits(low=words["low"], high=words["high"]),
            floor=words["floor"],
            weight=words["weight"],
            calibration=Calibration(levels=tuple(words["levels"]), multipliers=np.array(words["multipliers"])),
        )
    except (KeyError, TypeError, ValueError, xgboost.core.XGBoostError) as problem:
        if isinstance(problem, UnreadableModelError):
            raise
        raise UnreadableModelError(f"model file cannot be read ({type(problem).__name__}); train again") from problem
