"""What a target can physically be: powers are not negative, generation stays below its rating and is 0 in the dark."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.forecaster.model.series import Indices, Series
from shared.domain.forecast import Target

Matrix = NDArray[np.float64]

RATING_MARGIN = 1.05
"""Short means over a rating happen at the edges of clouds; what was measured beyond a stated rating widens it by this much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one target; None is no bound."""

    low: float | None
    high: float | None

    def apply(self, quantiles: Matrix, dark: NDArray[np.bool_]) -> Matrix:
        """Quantiles of shape (rows, levels) within the bounds, 0 where it is dark, non-decreasing along a row."""
        bounded = quantiles if self.low is None and self.high is None else np.clip(quantiles, self.low, self.high)
        ordered: Matrix = np.maximum.accumulate(np.where(dark[:, None], 0.0, bounded), axis=1)
        return ordered


def limits(series: Series, *, known: int, rating_kw: float | None) -> Limits:
    """Bounds from the target, its rating and what was measured before `known`."""
    if series.target is Target.PRICE:
        return Limits(low=None, high=None)
    if series.target is Target.LOAD:
        return Limits(low=0.0, high=None)
    seen = series.values[:known]
    seen = seen[np.isfinite(seen)]
    most = RATING_MARGIN * float(seen.max()) if len(seen) else 0.0
    return Limits(low=0.0, high=max(rating_kw or 0.0, most) or None)


def dark_steps(series: Series) -> NDArray[np.bool_]:
    """Steps in which the sun is below the horizon from beginning to end, shape (count,); none for anything but solar."""
    if series.target is not Target.SOLAR:
        return np.zeros(series.count, dtype=bool)
    down = series.ahead_or_nan("sun_elevation_deg") < 0.0
    clear = series.ahead_or_nan("clear_sky_kw")
    before, after = np.roll(down, 1), np.roll(down, -1)
    before[0], after[-1] = down[0], down[-1]
    # the column stands for one moment of the step, so its neighbours must be dark too
    dark: NDArray[np.bool_] = down & before & after & ~(clear > 0.0)
    return dark


def local_hours(series: Series) -> Indices:
    """The hour of the local day of each step, shape (count,)."""
    hours: Indices = series.steps_of_day() // series.per_hour
    return hours
