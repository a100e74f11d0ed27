"""The model that serves: quantile trees averaged, level by level, with the banded baselines.

Each forecaster's share falls with its pinball loss on recent forecasts that neither had seen (combining by inverse errors,
Bates and Granger 1969; level by level, Lichtendahl, Grushka-Cockayne and Winkler 2013). Where the trees learned the home they
speak nearly alone; where they did not, it is the baselines that do, so that the whole is hardly ever worse than the best part.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.forecaster.model import baselines, quantile
from services.forecaster.model.baselines import ResidualBand
from services.forecaster.model.design import Design, design
from services.forecaster.model.history import History
from services.forecaster.model.limits import Limits, dark_steps, local_hours
from services.forecaster.model.quantile import QuantileModel, UnreadableModelError
from services.forecaster.model.series import Indices
from services.forecaster.model.split import Pairs
from shared.domain.forecast import Target

Matrix = NDArray[np.float64]

MODEL_NAME = "quantile_ensemble"
ENSEMBLE_FILE = "ensemble.json"
FORMAT = 1

POWER = 12.0
"""A share goes with the loss to the power of minus this: a tenth more loss leaves a third of the share."""

TREES_PRIOR = 8.0
"""The share of the trees before anything was measured, in units of one baseline's. Both were chosen over homes of
three continents, not for one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BandedBaselines:
    """The baselines of a site, each with what its residuals were."""

    limits: Limits
    bands: Mapping[str, ResidualBand]
    """Of every baseline, at `QUANTILE_LEVELS`."""

    def quantiles(self, design: Design, *, hour: Indices, dark: NDArray[np.bool_]) -> dict[str, Matrix]:
        """Of every baseline within the limits, each of shape (rows, levels). `hour` and `dark` are those of each row's step."""
        return {name: self.limits.apply(band.quantiles(baselines.point(design, name), hour), dark) for name, band in self.bands.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensemble:
    """Trees and baselines fitted to the same rows, with what each has to say."""

    trees: QuantileModel
    bands: Mapping[str, ResidualBand]
    """Of every baseline, at `QUANTILE_LEVELS`."""
    shares: Mapping[str, float]
    """Of baselines in the average, none negative, at most 1 together; the rest is the trees'."""

    def quantiles(self, history: History, pairs: Pairs) -> Matrix:
        """Calibrated quantiles within the limits, shape (rows, levels)."""
        series, step = history.series, pairs.step
        table = design(series, known=pairs.known, step=step)
        hour, dark = local_hours(series)[step], dark_steps(series)[step]
        trees = self.trees.quantiles(table, hour=hour, dark=dark, lead_hours=pairs.lead_hours(series))
        return self.average(trees, self.baselines(table, hour=hour, dark=dark))

    def baselines(self, design: Design, *, hour: Indices, dark: NDArray[np.bool_]) -> dict[str, Matrix]:
        """Every baseline's quantiles within the limits, each of shape (rows, levels)."""
        return BandedBaselines(limits=self.trees.limits, bands=self.bands).quantiles(design, hour=hour, dark=dark)

    @property
    def name(self) -> str:
        return MODEL_NAME

    @property
    def target(self) -> Target:
        return self.trees.target

    @property
    def columns(self) -> tuple[str, ...]:
        return self.trees.names

    def average(self, trees: Matrix, others: Mapping[str, Matrix]) -> Matrix:
        """Quantiles of the whole from those of its parts; as each part does not decrease along a row, neither does the whole."""
        whole: Matrix = max(0.0, 1.0 - sum(self.shares.values())) * trees
        for name, share in self.shares.items():
            whole = whole + share * others[name]
        return whole

    def to_files(self) -> dict[str, bytes]:
        """Bytes by file name: those of the trees, and the rest as JSON."""
        words = {
            "format": FORMAT,
            "shares": dict(self.shares),
            "bands": {name: band.offsets.tolist() for name, band in self.bands.items()},
        }
        return {**self.trees.to_files(), ENSEMBLE_FILE: json.dumps(words, indent=1).encode()}


def shares_by_loss(trees_loss: float, baseline_losses: Mapping[str, float]) -> dict[str, float]:
    """Shares of the baselines from mean pinball losses on the same rows. Equal losses give the prior."""
    best = min(trees_loss, *baseline_losses.values())

    def merit(loss: float) -> float:
        return (best / loss) ** POWER if loss > 0 else 1.0

    merits = {name: merit(loss) for name, loss in baseline_losses.items()}
    total = TREES_PRIOR * merit(trees_loss) + sum(merits.values())
    return {name: own / total for name, own in merits.items()}


def from_files(files: Mapping[str, bytes]) -> Ensemble:
    """The ensemble that `to_files` wrote. Raises `UnreadableModelError`."""
    trees = quantile.from_files(files)
    try:
        words = json.loads(files[ENSEMBLE_FILE])
        if words["format"] != FORMAT:
            raise UnreadableModelError(f"ensemble format is {words['format']!r}: this program reads {FORMAT}; train again")
        bands = {name: ResidualBand(offsets=np.array(offsets)) for name, offsets in words["bands"].items()}
        return Ensemble(trees=trees, bands=bands, shares={name: float(share) for name, share in words["shares"].items()})
    except (AttributeError, KeyError, TypeError, ValueError) as problem:
        if isinstance(problem, UnreadableModelError):
            raise
        raise UnreadableModelError(f"{ENSEMBLE_FILE} cannot be read ({type(problem).__name__}); train again") from problem
