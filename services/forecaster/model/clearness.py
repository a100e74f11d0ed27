"""What is known at an issue about the share of clear sky that will reach the array: the last days, the hour, the sun.

A row (`known`, `step`) reads measurements before `known` alone, and of later steps what is known ahead alone.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.forecaster.model.clearsky import ELEVATION
from services.forecaster.model.series import Indices, Series, Values

Matrix = NDArray[np.float64]

LEVEL_DAYS = (1, 3, 7, 28)
SAME_HOUR = ((1, 1, 0.3), (3, 1, 0.3), (7, 0, 0.5), (28, 0, 1.0))
"""Days, hours to either side, and the hours at peak power that the level of those days counts for."""
TYPICAL = 0.7
"""Clearness where nothing was ever measured."""
MOST = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearness:
    """Rows of one site."""

    matrix: Matrix
    """Shape (rows, columns), finite."""
    clear_kw: Values
    """Under a clear sky, of each row's step."""
    share: Values
    """`clear_kw` over its peak: how much a row matters."""


def clearness(series: Series, values: Values, clear: Values, *, known: Indices, step: Indices) -> Clearness:
    """Rows for pairs with `known <= step`, both of shape (rows,).

    `values` are those of the series that count, `clear` is the power of every step under a clear sky, both of shape (count,).
    """
    peak = _peak(clear)
    columns = [
        *_recent(series, values, clear, known=known, step=step),
        *_sun(series, step),
        clear[step] / peak,
        (step - known) / series.per_day,
    ]
    matrix = np.nan_to_num(np.column_stack(columns), nan=0.0)
    return Clearness(matrix=matrix, clear_kw=clear[step], share=clear[step] / peak)


def _recent(series: Series, values: Values, clear: Values, *, known: Indices, step: Indices) -> list[Values]:
    """Clearness of the last days as a whole, how much that rests on, at the hour, of the last half day and of its best and worst days."""
    usable = np.isfinite(values) & (clear > 0)
    seen = np.concatenate([[0.0], np.cumsum(np.where(usable, values, 0.0))])
    possible = np.concatenate([[0.0], np.cumsum(np.where(usable, clear, 0.0))])
    day, hour, count = series.per_day, series.per_hour, series.count
    hour_at_peak = _peak(clear) * hour

    def between(low: Indices, high: Indices) -> tuple[Values, Values]:
        low, high = np.clip(low, 0, count), np.clip(np.maximum(high, low), 0, count)
        return seen[high] - seen[low], possible[high] - possible[low]

    def share(low: Indices, high: Indices, other: Values) -> Values:
        top, bottom = between(low, high)
        return np.clip(np.where(bottom > 1e-2 * hour_at_peak, top / np.maximum(bottom, 1e-12), other), 0.0, MOST)

    level: dict[int, Values] = {}
    fuller = np.full(len(known), TYPICAL)
    for days in reversed(LEVEL_DAYS):
        fuller = level[days] = share(known - days * day, known, fuller)
    week = np.column_stack([share(known - (back + 1) * day, known - back * day, level[7]) for back in range(7)])
    columns = [level[days] for days in LEVEL_DAYS] + [np.log1p(between(known - LEVEL_DAYS[-1] * day, known)[1] / hour_at_peak)]
    columns += [week.std(axis=1), week.max(axis=1), week.min(axis=1)]
    columns += [share(known - hours * hour, known, level[1]) for hours in (2, 12)]
    first = (step - known) // day + 1
    for days, half, prior in SAME_HOUR:
        centre = step[:, None] - (first[:, None] + np.arange(days)) * day
        low, width = centre - half * hour - hour // 2, (2 * half + 1) * hour
        top, bottom = between(low, np.minimum(low + max(width, 1), known[:, None]))
        weight = prior * hour_at_peak
        columns.append(np.clip((top.sum(axis=1) + weight * level[days]) / (bottom.sum(axis=1) + weight), 0.0, MOST))
    return columns


def _peak(clear: Values) -> float:
    return max(float(clear.max(initial=0.0)), 1e-9)


def _sun(series: Series, step: Indices) -> list[Values]:
    """How high it stands, how high it gets within the day, and how far it is from noon (morning below 0)."""
    half = series.per_day // 2
    first, last = (int(step.min()), int(step.max())) if len(step) else (0, 0)
    begin, end = max(0, first - half - 1), min(series.count, last + half + 2)
    height = np.nan_to_num(series.ahead_or_nan(ELEVATION)[begin:end]).clip(0.0)
    slope = np.gradient(height) if len(height) > 1 else height
    hourly = step[:, None] - begin + np.arange(-12, 13) * series.per_hour
    top = np.maximum(height[np.clip(hourly, 0, len(height) - 1)].max(axis=1), 1.0)
    own = height[step - begin]
    from_noon = np.where(slope[step - begin] > 0, -1.0, 1.0) * (1.0 - own / top)
    return [np.sin(np.deg2rad(own)), np.sin(np.deg2rad(top)), from_noon]
