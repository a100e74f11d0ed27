"""Weather on the grid of sites: for a step that has begun what was forecast a day before it, for a later one the newest forecast.

Invariant: a step depends on forecasts issued by `as_of` alone; one that has begun on those of a day before it, where there are any.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from services.features.recipe.sun import Sun, array_kw, means
from shared.domain.site import Site
from shared.domain.time import TimeGrid, instant64

Values = NDArray[np.float64]

DAY_AHEAD = timedelta(hours=24)
"""So long before its hour the weather of the past was forecast: known to every forecast of a day ahead."""
HEATING_BELOW_CELSIUS = 15.0
"""Outside; sun and people warm a house by a few degrees (VDI 3807)."""
COOLING_ABOVE_CELSIUS = 22.0
LOW_SUN_W_M2 = 20.0
"""Of a clear sky; below it a share of it says nothing."""
HIGHEST_INDEX = 1.5
_HOUR = np.timedelta64(1, "h")
_HELD = ("temperature_celsius", "cloud_cover_percent", "wind_speed_m_s")
_LIGHT = ("ghi_w_m2", "dni_w_m2", "dhi_w_m2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """`WEATHER_FORECAST_COLUMNS` of one place, one row for each hour."""

    newest: pd.DataFrame
    """Of what was issued by now the newest."""
    day_ahead: pd.DataFrame
    """Of what was issued `DAY_AHEAD` of each hour the newest."""


def weather_on(grid: TimeGrid, sites: Sequence[Site], weather: Sequence[Weather | None], sun: Sun, *, as_of: datetime) -> dict[str, Values]:
    """Columns of shape (sites, steps), NaN where no weather is known."""
    hours = (
        np.arange(grid.starts()[0].astype("datetime64[h]"), instant64(grid.end) + _HOUR, _HOUR)
        if grid.count
        else np.empty(0, "datetime64[h]")
    )
    hour = ((grid.starts() - hours[:1]) // _HOUR).astype(np.int64)
    of_place = {id(one): _hours(one, hours, as_of) for one in {id(one): one for one in weather}.values()}
    by_hour = np.stack([of_place[id(one)] for one in weather])
    held = dict(zip((*_HELD, *_LIGHT, "issued"), np.moveaxis(by_hour, 1, 0), strict=True))
    columns = {name: held[name][:, hour] for name in _HELD}
    columns |= _degrees(columns["temperature_celsius"], held["temperature_celsius"], hour)
    columns |= _light(sites, sun, {name: held[name] for name in _LIGHT}, hour, columns["temperature_celsius"])
    ahead = (grid.starts() - np.datetime64(0, "us")) / _HOUR - held["issued"][:, hour]
    columns["weather_known_ahead_hours"] = ahead
    columns["weather_is_perfect"] = np.where(np.isnan(ahead), np.nan, (ahead < 0).astype(np.float64))
    return columns


def _hours(weather: Weather | None, hours: NDArray[np.datetime64], as_of: datetime) -> Values:
    """The values and the issue (hours since the epoch) of each hour, shape (columns, hours)."""
    table = np.full((len(_HELD) + len(_LIGHT) + 1, len(hours)), np.nan)
    now = instant64(as_of)
    for rows, only_past in ((weather.newest, False), (weather.day_ahead, True)) if weather else ():
        stamps, issued = (rows[name].to_numpy(dtype="datetime64[us]") for name in ("timestamp", "issued_at"))
        place = ((stamps - hours[:1]) // _HOUR).astype(np.int64)
        use = (place >= 0) & (place < len(hours)) & (issued <= now)
        if only_past:
            use &= stamps <= now
        values = rows[[*_HELD, *_LIGHT]].to_numpy(dtype=np.float64)
        since = (issued - np.datetime64(0, "us")) / _HOUR
        table[:, place[use]] = np.column_stack([values, since])[use].T
    return table


def _degrees(now: Values, by_hour: Values, hour: NDArray[np.int64]) -> dict[str, Values]:
    """Of the step, and of the day before: walls remember."""
    known = np.isfinite(by_hour)
    sums, counts = (
        np.concatenate([np.zeros((len(by_hour), 1)), np.cumsum(each, axis=-1)], axis=-1) for each in (np.where(known, by_hour, 0.0), known)
    )
    begin = np.maximum(hour - 23, 0)
    count = counts[:, hour + 1] - counts[:, begin]
    mean = np.where(count >= 12, (sums[:, hour + 1] - sums[:, begin]) / np.maximum(count, 1), np.nan)
    return {
        "temperature_mean_24h_celsius": mean,
        "heating_kelvin": np.maximum(HEATING_BELOW_CELSIUS - now, 0.0),
        "cooling_kelvin": np.maximum(now - COOLING_ABOVE_CELSIUS, 0.0),
    }


def _light(sites: Sequence[Site], sun: Sun, by_hour: dict[str, Values], hour: NDArray[np.int64], air: Values) -> dict[str, Values]:
    """Light of hours on the parts of steps, in the shape of a clear sky's within the hour, and what arrays make of it."""
    fine = np.repeat(hour, sun.parts)
    clear = (sun.clear_ghi_w_m2, sun.clear_dni_w_m2, sun.clear_dhi_w_m2)
    share, light = {}, {}
    for (name, values), sky in zip(by_hour.items(), clear, strict=True):
        usual = _hourly(sky, fine, values.shape[-1])
        index = np.where(usual > LOW_SUN_W_M2, values / np.where(usual > LOW_SUN_W_M2, usual, 1.0), np.nan)
        share[name] = np.clip(index, 0.0, HIGHEST_INDEX)
        light[name] = np.where(np.isfinite(index), np.clip(index, 0.0, HIGHEST_INDEX), 0.0)[:, fine] * sky + 0.0 * values[:, fine]
    power = array_kw(
        sun, sites, dni=light["dni_w_m2"], ghi=light["ghi_w_m2"], dhi=light["dhi_w_m2"], air_celsius=np.repeat(air, sun.parts, axis=-1)
    )
    return {
        "ghi_w_m2": means(light["ghi_w_m2"], sun.parts),
        "clear_sky_index": share["ghi_w_m2"][:, hour],
        "weather_solar_kw": power,
    }


def _hourly(values: Values, hour: NDArray[np.int64], count: int) -> Values:
    """Means of what falls into each hour, shape (sites, hours); an hour that the grid begins or ends within by what there is of it."""
    begins = np.flatnonzero(np.diff(hour, prepend=-1))
    means_of = np.zeros((len(values), count))
    if len(begins):
        sizes = np.diff(begins, append=len(hour))
        means_of[:, hour[begins]] = np.add.reduceat(values, begins, axis=-1) / sizes
    return means_of
