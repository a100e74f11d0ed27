"""Tables of quality: a model beside every baseline, by how far ahead and by hour of the day, on the same rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from services.forecaster.model import metrics
from services.forecaster.model.baselines import HOURS
from services.forecaster.model.judged import Judged
from services.forecaster.model.series import Indices, Values
from shared.domain.forecast import QUANTILE_LEVELS

Matrix = NDArray[np.float64]
Number = TypeVar("Number", bound=np.generic)

HORIZONS = {"0-6 h": (0.0, 6.0), "6-24 h": (6.0, 24.0), "24-48 h": (24.0, 48.0), "0-48 h": (0.0, 48.0)}
WHOLE = "0-48 h"
LEADS = (0, 1, 2, 3, 6, 9, 12, 18, 24, 36, 48)
"""Edges in hours of the finer table by lead time: errors grow fastest in the first hours."""
MODEL = "model"
_LOW, _MEDIAN, _HIGH = (QUANTILE_LEVELS.index(level) for level in (0.1, 0.5, 0.9))


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One forecaster on some of the rows. Losses are in the unit of the target; NaN where nothing was to be scored."""

    name: str
    horizon: str
    """Which rows: a range of lead times, or an hour of the day."""
    pinball: float
    mae: float
    nmae: float
    coverage_80: float
    """Share of what happened inside the band from 0.1 to 0.9; nights are left out of solar."""
    width_80: float
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """Forecasts by name beside what happened, rows without a measurement left out."""

    actual: Values
    lead_hours: Values
    dark: NDArray[np.bool_]
    issue: NDArray[np.int64]
    known: NDArray[np.int64]
    step: NDArray[np.int64]
    quantiles: Mapping[str, Matrix]

    def losses(self) -> dict[str, float]:
        """Mean pinball loss of each forecaster over all rows."""
        return {name: metrics.pinball(self.actual, values, QUANTILE_LEVELS) for name, values in self.quantiles.items()}

    def against_baselines(self) -> float:
        """Loss of the model over that of the best baseline on the same rows."""
        losses = self.losses()
        own, best = losses.pop(MODEL), min(losses.values())
        return own / best if best > 0 else float("inf")

    def scores(self) -> list[Score]:
        """Every forecaster at every horizon that has rows."""
        return self._table({label: self._within(*edges) for label, edges in HORIZONS.items()})

    def by_lead(self) -> list[Score]:
        """Every forecaster by hours ahead, finer than `scores`."""
        return self._table({f"{low}-{high} h": self._within(low, high) for low, high in pairwise(LEADS)})

    def by_hour(self, local_hour: Indices) -> list[Score]:
        """Every forecaster by the local hour of the step, given that of every step of the series."""
        own = local_hour[self.step]
        return self._table({f"{hour:02d}:00": own == hour for hour in range(HOURS)})

    def _within(self, low: float, high: float) -> NDArray[np.bool_]:
        inside: NDArray[np.bool_] = (self.lead_hours >= low) & (self.lead_hours < high)
        return inside

    def _table(self, slices: Mapping[str, NDArray[np.bool_]]) -> list[Score]:
        return [self._score(name, label, rows) for label, rows in slices.items() if rows.any() for name in self.quantiles]

    def _score(self, name: str, label: str, rows: NDArray[np.bool_]) -> Score:
        actual, values = self.actual[rows], self.quantiles[name][rows]
        bright = rows & ~self.dark
        band = self.quantiles[name][bright]
        return Score(
            name=name,
            horizon=label,
            pinball=metrics.pinball(actual, values, QUANTILE_LEVELS),
            mae=metrics.mean_absolute_error(actual, values[:, _MEDIAN]),
            nmae=metrics.normalised_mae(actual, values[:, _MEDIAN]),
            coverage_80=metrics.coverage(self.actual[bright], band[:, _LOW], band[:, _HIGH]),
            width_80=metrics.mean_width(band[:, _LOW], band[:, _HIGH]),
            rows=int(rows.sum()),
        )


def outcomes(tested: Sequence[Judged], *, known: int | None = None) -> Outcomes | None:
    """The folds' rows whose outcome was measured, and known before `known` where that is given; None for none."""
    chosen = [np.isfinite(fold.actual) & (fold.pairs.step < known if known is not None else True) for fold in tested]
    if not any(rows.any() for rows in chosen):
        return None

    def together(parts: Sequence[NDArray[Number]]) -> NDArray[Number]:
        return np.concatenate([part[rows] for part, rows in zip(parts, chosen, strict=True)])

    names = list(tested[0].baselines)
    quantiles = {MODEL: together([fold.quantiles for fold in tested])}
    quantiles |= {name: together([fold.baselines[name] for fold in tested]) for name in names}
    return Outcomes(
        actual=together([fold.actual for fold in tested]),
        lead_hours=together([fold.lead_hours for fold in tested]),
        dark=together([fold.dark for fold in tested]),
        issue=together([fold.pairs.issue for fold in tested]),
        known=together([fold.pairs.known for fold in tested]),
        step=together([fold.pairs.step for fold in tested]),
        quantiles=quantiles,
    )
