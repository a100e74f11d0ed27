"""Conformal calibration: how far the truth has lain from recent forecasts, in units of their own band, by lead time.

Scores are normalised by the side of the band on which the truth fell (Romano, Patterson and Candes 2019, with the local
scale of Lei et al. 2018), so one table of multipliers widens or narrows wide and narrow hours alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.forecaster.model.series import Values

Matrix = NDArray[np.float64]

CORE_LEVELS = (0.1, 0.5, 0.9)
"""What a model itself gives; calibration derives the other levels."""

LEAD_EDGES_HOURS = (0.0, 6.0, 24.0)
"""Beginnings of the lead-time buckets."""

PRIOR_DAYS = 8
"""Days of outcomes that count as much as the multipliers that hold before anything is learned."""

OVERCONFIDENCE = 1.3
"""How much wider the truth spreads around unseen days than the trees' band, before that was measured at a site."""

_NORMAL = {0.05: -1.2835, 0.1: -1.0, 0.25: -0.5263, 0.5: 0.0, 0.75: 0.5263, 0.9: 1.0, 0.95: 1.2835}
"""Standard normal quantiles over that of level 0.9: what holds before anything is learned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Multipliers of the band's sides, shape (lead buckets, levels), non-decreasing along a row."""

    levels: tuple[float, ...]
    multipliers: Matrix

    def apply(self, core: Matrix, lead_hours: Values, floor: float | Values) -> Matrix:
        """Quantiles of shape (rows, levels) from `CORE_LEVELS` of shape (rows, 3); sides are at least `floor` wide, one or by row."""
        below, above = _sides(core, floor)
        factor = self.multipliers[bucket(lead_hours)]
        spread: Matrix = core[:, 1][:, None] + factor * np.where(factor < 0, below[:, None], above[:, None])
        return spread


def uncalibrated(levels: Sequence[float]) -> Calibration:
    """The multipliers of a normal distribution, widened as models need that have seen their own past alone."""
    row = [OVERCONFIDENCE * _NORMAL[level] for level in levels]
    return Calibration(levels=tuple(levels), multipliers=np.tile(row, (len(LEAD_EDGES_HOURS), 1)))


def calibrate(core: Matrix, actual: Values, lead_hours: Values, levels: Sequence[float], *, floor: float, rows_per_day: int) -> Calibration:
    """Learn multipliers from forecasts and what happened; rows without a measurement or a band teach nothing."""
    start = uncalibrated(levels)
    below, above = _sides(core, floor)
    usable = np.isfinite(actual) & (core[:, 2] > core[:, 0])
    miss = (actual - core[:, 1])[usable]
    scores = miss / np.where(miss < 0, below[usable], above[usable])
    buckets = bucket(lead_hours)[usable]
    rows = []
    for number, prior in enumerate(start.multipliers):
        own = scores[buckets == number]
        if not len(own):
            rows.append(prior)
            continue
        weight = len(own) / (len(own) + PRIOR_DAYS * rows_per_day)
        rows.append(np.maximum.accumulate(weight * np.quantile(own, levels) + (1.0 - weight) * prior))
    return Calibration(levels=tuple(levels), multipliers=np.array(rows))


def bucket(lead_hours: Values) -> NDArray[np.int64]:
    """The lead-time bucket of each row."""
    return np.searchsorted(LEAD_EDGES_HOURS, np.maximum(lead_hours, 0.0), side="right").astype(np.int64) - 1


def _sides(core: Matrix, floor: float | Values) -> tuple[Values, Values]:
    return np.maximum(core[:, 1] - core[:, 0], floor), np.maximum(core[:, 2] - core[:, 1], floor)
