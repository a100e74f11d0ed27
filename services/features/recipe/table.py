"""The feature table of a site: one row for each step, measured columns where the step is over, known ones beyond.

Invariants: a row depends on readings stamped before its end and on prices published by `as_of` alone; a row built from
a longer history equals the one built from `context_before` it.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from services.features.recipe import quality, rolling
from services.features.recipe.calendar import calendar_features
from services.features.recipe.catalog import catalog
from services.features.recipe.grid import Gridded, on_grid
from services.features.recipe.price import prices_on
from services.features.recipe.sun import sun_over
from shared.domain.site import Site
from shared.domain.tariff import Tariff
from shared.domain.time import Interval, LocalClock, TimeGrid, ceil_to, local_clock, zone

Values = NDArray[np.float64]

MEASURED = {
    "load_kw": "total_load_kw",
    "solar_kw": "solar_generation_kw",
    "battery_power_kw": "battery_power_kw",
    "ev_kw": "ev_charging_kw",
}
"""Measured feature: column of the readings."""
LOW_SUN_SHARE = 0.02
"""Of rated power; below it generation over clear sky says nothing."""
LOW_SUN_KW = 0.05
HIGHEST_CLEARNESS = 1.5

_HOURS_3, _HOURS_24, _DAYS_3 = timedelta(hours=3), timedelta(hours=24), timedelta(days=3)
_WEEKS = range(0, 28, 7)
_SLACK_DAYS = 2  # a local day is no UTC day, and the context begins at a midnight


def reach(window_days: int) -> timedelta:
    """How long after a reading its traces end: what is usual learns from it, and windows hold what was cleaned by that."""
    longest_window = max(window_days, _WEEKS[-1] + 1, rolling.ENVELOPE_DAYS[-1] + _DAYS_3.days)
    return timedelta(days=quality.REFERENCE_DAYS + longest_window + _SLACK_DAYS)


def context_before(start: datetime, window_days: int) -> datetime:
    """From where readings and prices are needed to build rows from `start` on: a UTC midnight."""
    day = (start.astimezone(UTC) - reach(window_days)).date()
    return datetime.combine(day, time(0), tzinfo=UTC)


def build_table(
    *,
    readings: pd.DataFrame,
    site: Site,
    tariff: Tariff | None,
    prices: Mapping[str, pd.DataFrame],
    holidays: frozenset[date],
    interval: Interval,
    as_of: datetime,
    window_days: int,
) -> pd.DataFrame:
    """`timestamp` and the catalog's columns for the steps that begin in the interval, as known at `as_of`.

    Readings (the key columns and those of `MEASURED`) and prices should begin at `context_before` the interval.
    """
    step = site.resolution
    wanted = TimeGrid.over(interval, step)
    start = ceil_to(context_before(wanted.start, window_days), step)
    grid = TimeGrid(start=start, step=step, count=(wanted.end - start) // step)
    readings = readings[readings["timestamp"] < as_of]
    ended = np.arange(grid.count) < (as_of - grid.start) // step
    clock = local_clock(grid.starts(), zone(site.timezone))
    sun = sun_over(grid, site)
    money = prices_on(grid, tariff=tariff, series=prices, holidays=holidays, as_of=as_of)
    measured = {name: on_grid(readings, column, grid) for name, column in MEASURED.items()}
    load, solar, share = _cleaned(measured, site, ended=ended, elevation_deg=sun.elevation_deg, step=step)
    clear_sky = sun.clear_sky_kw
    if site.solar is None or site.latitude is None:
        clear_sky = rolling.clear_sky_envelope(solar, step=step)
    columns: dict[str, Values] = {
        "load_kw": load,
        "solar_kw": solar,
        "battery_power_kw": np.where(ended, measured["battery_power_kw"].values, np.nan),
        "ev_kw": np.where(ended, measured["ev_kw"].values, np.nan),
        "quality": np.where(ended, share, np.nan),
        **calendar_features(clock, holidays=holidays),
        "sun_elevation_deg": sun.elevation_deg,
        "clear_sky_kw": clear_sky,
        "price_per_kwh": money.series_per_kwh,
        "export_price_per_kwh": money.export_per_kwh,
        "price_known_ahead_hours": money.known_ahead_hours,
    }
    usual = _usual(load, solar, money.series_per_kwh, clock, step=step, window_days=window_days, ended=ended)
    columns |= usual | _clearness(solar, clear_sky, site, step, ended)
    return _frame(columns, grid, rows=slice(grid.count - wanted.count, grid.count), window_days=window_days)


def _cleaned(
    measured: Mapping[str, Gridded], site: Site, *, ended: NDArray[np.bool_], elevation_deg: Values, step: timedelta
) -> tuple[Values, Values, Values]:
    """Load and solar of ended steps without their defects, and the share of good samples."""
    load = np.where(ended, measured["load_kw"].values, np.nan)
    solar = np.where(ended, measured["solar_kw"].values, np.nan)
    load_flags = quality.load_flags(load, step=step)
    rated = site.solar.capacity_kw if site.solar else None
    solar_flags = quality.solar_flags(solar, step=step, rated_kw=rated, elevation_deg=elevation_deg)
    share = np.where(load_flags == 0, measured["load_kw"].share, 0.0)
    if site.solar is not None:
        share = np.minimum(share, np.where(solar_flags == 0, measured["solar_kw"].share, 0.0))
    return quality.clean(load, load_flags), quality.clean(solar, solar_flags), share


def _usual(
    load: Values, solar: Values, price: Values, clock: LocalClock, *, step: timedelta, window_days: int, ended: NDArray[np.bool_]
) -> dict[str, Values]:
    """What was usual at the time of day and lately; measured ones are NaN where the step is not over."""

    def at_this_time(values: Values, days: range) -> Values:
        return rolling.same_time_of_day(values, clock, step=step, days_back=days)

    window, days = range(window_days), f"{window_days}d"
    loads = at_this_time(load, window)
    measured = {
        f"load_mean_{days}_hour_kw": rolling.mean(loads),
        f"load_median_{days}_hour_kw": rolling.quantile(loads, 0.5),
        "load_mean_4w_weekday_kw": rolling.mean(at_this_time(load, _WEEKS)),
        "load_mean_3h_kw": rolling.trailing_mean(load, window=_HOURS_3, step=step),
        "load_mean_24h_kw": rolling.trailing_mean(load, window=_HOURS_24, step=step),
        f"load_mean_{days}_kw": rolling.trailing_mean(load, window=timedelta(days=window_days), step=step),
        f"solar_mean_{days}_hour_kw": rolling.mean(at_this_time(solar, window)),
    }
    known = np.isfinite(price)
    price_mean = np.where(known, rolling.mean(at_this_time(price, window)), np.nan)
    return {name: np.where(ended, values, np.nan) for name, values in measured.items()} | {f"price_mean_{days}_hour_per_kwh": price_mean}


def _clearness(solar: Values, clear_sky: Values, site: Site, step: timedelta, ended: NDArray[np.bool_]) -> dict[str, Values]:
    least = LOW_SUN_SHARE * site.solar.capacity_kw if site.solar else LOW_SUN_KW
    bright = np.where(clear_sky > max(least, 1e-6), clear_sky, np.nan)

    def limited(ratio: Values) -> Values:
        return np.where(ended, np.clip(ratio, 0.0, HIGHEST_CLEARNESS), np.nan)

    return {
        "clearness": limited(solar / bright),
        "clearness_mean_3h": limited(rolling.trailing_ratio(solar, bright, window=_HOURS_3, step=step)),
        "clearness_mean_3d": limited(rolling.trailing_ratio(solar, bright, window=_DAYS_3, step=step)),
    }


def _frame(columns: Mapping[str, Values], grid: TimeGrid, *, rows: slice, window_days: int) -> pd.DataFrame:
    stamps = pd.DatetimeIndex(grid.starts()[rows]).tz_localize("UTC").as_unit("us")
    names = catalog(window_days=window_days).names
    return pd.DataFrame({"timestamp": stamps} | {name: columns[name][rows] for name in names})
