"""What is known at an issue about the share of clear sky that will reach the array: the last days, the hour, the forecast.

A row (`known`, `step`) reads measurements before `known` alone, and of later steps what is known ahead alone.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.forecaster.model.clearsky import AZIMUTH, ELEVATION, light
from services.forecaster.model.series import Indices, Series, Values
from services.forecaster.model.skyforecast import RADIATION, has_forecast

Matrix = NDArray[np.float64]

LEVEL_DAYS = (1, 3, 7, 28)
SAME_HOUR = ((1, 1, 0.3), (3, 1, 0.3), (7, 0, 0.5), (28, 0, 1.0))
"""Days, hours to either side, and the hours at peak power that the level of those days counts for."""
TYPICAL = 0.7
"""Clearness where nothing was ever measured."""
MOST = 3.0
CLOUD = "cloud_cover"
PLAIN_WEATHER = ("temperature_2m", "relative_humidity_2m", "wind_speed_10m")
"""Forecasts of a step, under the names and in the units (W/m2, share, Celsius, %, m/s) of Open-Meteo but for the cloud's share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearness:
    """Rows of one site."""

    matrix: Matrix
    """Shape (rows, columns), finite."""
    clear_kw: Values
    """Under a clear sky, of each row's step."""
    share: Values
    """`clear_kw` over its peak: how much a row matters."""


def clearness(series: Series, clear: Values, expected: Values, *, known: Indices, step: Indices) -> Clearness:
    """Rows for pairs with `known <= step`, both of shape (rows,); the same columns for every series with the same weather.

    `clear` and `expected` are the powers of every step under a clear and under the forecast sky, shape (count,).
    """
    peak = max(float(clear.max(initial=0.0)), 1e-9)
    columns = [*_recent(series, clear, peak, known, step), *_sun(series, step), clear[step] / peak, (step - known) / series.per_day]
    if has_forecast(series):
        columns += _forecast(series, clear, expected, peak, step)
    matrix = np.nan_to_num(np.column_stack(columns), nan=0.0)
    return Clearness(matrix=matrix, clear_kw=clear[step], share=clear[step] / peak)


def _recent(series: Series, clear: Values, peak: float, known: Indices, step: Indices) -> list[Values]:
    """Clearness of the last days as a whole, at the hour, of the last half day and of its best and worst days."""
    usable = np.isfinite(series.values) & (clear > 0)
    seen = np.concatenate([[0.0], np.cumsum(np.where(usable, series.values, 0.0))])
    possible = np.concatenate([[0.0], np.cumsum(np.where(usable, clear, 0.0))])
    day, hour, count = series.per_day, series.per_hour, series.count
    hour_at_peak = peak * hour

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
    columns = [level[days] for days in LEVEL_DAYS]
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


def _sun(series: Series, step: Indices) -> list[Values]:
    """How high it stands, how high it gets within the day, and how far it is from noon (morning below 0)."""
    height = np.nan_to_num(series.ahead_or_nan(ELEVATION)).clip(0.0)
    slope = np.gradient(height) if series.count > 1 else height
    half = series.per_day // 2
    around = np.lib.stride_tricks.sliding_window_view(np.pad(height, half, mode="edge"), 2 * half + 1).max(axis=1)
    top = np.maximum(around, 1.0)
    from_noon = np.where(slope > 0, -1.0, 1.0) * (1.0 - height / top)
    return [np.sin(np.deg2rad(height))[step], np.sin(np.deg2rad(top))[step], from_noon[step]]


def _forecast(series: Series, clear: Values, expected: Values, peak: float, step: Indices) -> list[Values]:
    """The forecast's own clearness at the step, around it and over its day; its clouds; what else it says."""
    sky = light(series.ahead_or_nan(ELEVATION), series.ahead_or_nan(AZIMUTH))
    above = sky[:, 0] + sky[:, 3]
    radiation = np.nan_to_num(series.ahead_or_nan(RADIATION)).clip(0.0) / 1000.0
    index = np.where(above > 0.02, np.clip(radiation / np.maximum(above, 0.02), 0.0, 1.3), 0.0)
    hour, day, last = series.per_hour, series.per_day, series.count - 1

    def near(values: Values, hours: int) -> Values:
        found: Values = values[np.clip(step + hours * hour, 0, last)]
        return found

    def mean(half: int) -> Values:
        light_sum, clear_sum = (np.concatenate([[0.0], np.cumsum(each)]) for each in (radiation, above))
        low, high = np.clip(step - half, 0, series.count), np.clip(step + half + 1, 0, series.count)
        share: Values = np.clip((light_sum[high] - light_sum[low]) / np.maximum(clear_sum[high] - clear_sum[low], 1e-3), 0.0, 1.3)
        return share

    through = np.clip(expected / np.maximum(clear, 0.02 * peak), 0.0, 1.5)
    columns = [near(through, hours) for hours in (-1, 0, 1)] + [expected[step] / peak]
    columns += [near(index, hours) for hours in (-1, 0, 1)] + [mean(2 * hour), mean(day // 2), near(radiation, 0)]
    cloud = series.ahead_or_nan(CLOUD)
    columns += [near(cloud, hours) for hours in (-1, 0, 1)]
    return columns + [near(series.ahead_or_nan(name), 0) for name in PLAIN_WEATHER]
