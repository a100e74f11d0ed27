"""Named simple forecasts: what a model must beat, and what serves where no model can.

Each is a column of the design matrix; its quantiles are the empirical residuals of its own past at that hour of the day.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.forecaster.model.design import Design
from services.forecaster.model.series import Indices, Values
from shared.domain.forecast import Target

Matrix = NDArray[np.float64]

COLUMN = {
    "yesterday": "day_1",
    "last_week": "last_week",
    "mean_7d": "mean_7d",
    "median_7d": "median_7d",
    "clear_sky_x_clearness": "clear_sky_x_clearness",
}
"""Baseline name: its column of the design."""

ORDER = ("mean_7d", "median_7d", "last_week", "level_7d", "level_28d", "latest")
"""What stands in where a baseline's own column is missing: the first of these that is there, else 0."""

HOURS = 24
FEWEST_PER_HOUR = 20
"""Residuals that an hour of the day needs for quantiles of its own; with fewer it takes those of all hours."""


def baseline_names(target: Target) -> tuple[str, ...]:
    """The baselines of a target, in the order in which ties are decided."""
    common = ("median_7d", "mean_7d", "yesterday", "last_week")
    return ("clear_sky_x_clearness", *common) if target is Target.SOLAR else common


def point(design: Design, name: str) -> Values:
    """The point forecast of a baseline for each row, always finite."""
    values = design.column(COLUMN[name]).copy()
    for stand_in in ORDER:
        missing = ~np.isfinite(values)
        if not missing.any():
            return values
        values[missing] = design.column(stand_in)[missing]
    return np.nan_to_num(values, nan=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualBand:
    """Quantiles of a baseline's residuals by hour of the day, shape (24, levels)."""

    offsets: Matrix

    def quantiles(self, points: Values, hour: Indices) -> Matrix:
        """Quantiles around points, shape (rows, levels)."""
        banded: Matrix = points[:, None] + self.offsets[hour]
        return banded


def residual_band(points: Values, actual: Values, hour: Indices, levels: Sequence[float]) -> ResidualBand:
    """Learn a band from past points and what happened (rows without a measurement are left out)."""
    usable = np.isfinite(actual) & np.isfinite(points)
    residual, hour = (actual - points)[usable], hour[usable]
    if not len(residual):
        return ResidualBand(offsets=np.zeros((HOURS, len(levels))))
    whole = np.quantile(residual, levels)
    rows = [np.quantile(own, levels) if len(own := residual[hour == number]) >= FEWEST_PER_HOUR else whole for number in range(HOURS)]
    return ResidualBand(offsets=np.array(rows))
