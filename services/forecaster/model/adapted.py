"""A model shared by many sites, adapted to one: its band follows the site, and the site's baselines have their say where they earn it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.forecaster.model.baselines import ResidualBand
from services.forecaster.model.conformal import Band
from services.forecaster.model.design import design
from services.forecaster.model.ensemble import BandedBaselines
from services.forecaster.model.history import History
from services.forecaster.model.limits import Limits, dark_steps, local_hours
from services.forecaster.model.quantile import UnreadableModelError
from services.forecaster.model.split import Pairs
from shared.domain.forecast import QUANTILE_LEVELS, Target

Matrix = NDArray[np.float64]

MODEL_NAME = "pooled"
WORDS_FILE = "adapted.json"
FORMAT = 2


class Shared(Protocol):
    """What was learned from many sites."""

    def quantiles(self, history: History, pairs: Pairs) -> Matrix:
        """At `QUANTILE_LEVELS` in kW, shape (rows, levels), non-decreasing along a row."""
        ...

    def quantiles_many(self, histories: Sequence[History], pairs: Sequence[Pairs]) -> list[Matrix]:
        """`quantiles` of each of many sites, up to rounding."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapted:
    """The forecaster of one site."""

    shared: Shared
    target: Target
    limits: Limits
    band: Band = field(default_factory=lambda: Band.untouched(QUANTILE_LEVELS))
    bands: Mapping[str, ResidualBand] = field(default_factory=dict)
    """Of the baselines that have a share."""
    shares: Mapping[str, float] = field(default_factory=dict)
    """At most 1 together; the rest is the shared model's."""

    @property
    def name(self) -> str:
        return MODEL_NAME

    @property
    def columns(self) -> tuple[str, ...]:
        """Those of the shared model, which has a manifest of its own."""
        return ()

    def quantiles(self, history: History, pairs: Pairs) -> Matrix:
        """Within the limits, shape (rows, levels)."""
        return self.finished(history, pairs, self.shared.quantiles(history, pairs))

    def finished(self, history: History, pairs: Pairs, said: Matrix) -> Matrix:
        """`quantiles` from what the shared model said of the same rows."""
        series, step = history.series, pairs.step
        dark = dark_steps(series)[step]
        if self.shares:
            table = design(series, known=pairs.known, step=step)
            others = BandedBaselines(limits=self.limits, bands=self.bands).quantiles(table, hour=local_hours(series)[step], dark=dark)
            said = blended(said, others, self.shares)
        return self.limits.apply(self.band.apply(said), dark)

    def to_files(self) -> Mapping[str, bytes]:
        """Bytes by file name; the shared model is stored by itself."""
        words = {
            "format": FORMAT,
            "target": self.target.value,
            "low": self.limits.low,
            "high": self.limits.high,
            "levels": self.band.levels,
            "factors": self.band.factors.tolist(),
            "bands": {name: band.offsets.tolist() for name, band in self.bands.items()},
            "shares": dict(self.shares),
        }
        return {WORDS_FILE: json.dumps(words, indent=1).encode()}


def blended(own: Matrix, others: Mapping[str, Matrix], shares: Mapping[str, float]) -> Matrix:
    """The average, level by level: as no part decreases along a row, neither does the whole."""
    whole: Matrix = (1.0 - sum(shares.values())) * own
    for name, share in shares.items():
        whole = whole + share * others[name]
    return whole


def from_files(files: Mapping[str, bytes], shared: Shared) -> Adapted:
    """What `to_files` wrote, on a shared model. Raises `UnreadableModelError`."""
    try:
        words = json.loads(files[WORDS_FILE])
        if words["format"] != FORMAT:
            raise UnreadableModelError(f"its format is {words['format']!r}: this program reads {FORMAT}; train again")
        return Adapted(
            shared=shared,
            target=Target(words["target"]),
            limits=Limits(low=words["low"], high=words["high"]),
            band=Band(levels=tuple(words["levels"]), factors=np.array(words["factors"])),
            bands={name: ResidualBand(offsets=np.array(offsets)) for name, offsets in words["bands"].items()},
            shares={name: float(share) for name, share in words["shares"].items()},
        )
    except (AttributeError, KeyError, TypeError, ValueError) as problem:
        if isinstance(problem, UnreadableModelError):
            raise
        raise UnreadableModelError(f"{WORDS_FILE} cannot be read ({type(problem).__name__}); train again") from problem
