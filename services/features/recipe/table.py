"""Feature tables of sites: one row for each step, measured columns where the step is over, known ones beyond.

Invariants: a row depends on readings stamped before its end, and on prices and weather published by `as_of` alone; a row built from
a longer history equals the one built from `context_before` it; a site's rows are the same in whatever company they are built.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from services.features.recipe import quality, rolling
from services.features.recipe.calendar import calendar_features
from services.features.recipe.catalog import catalog
from services.features.recipe.cleaning import cleaned
from services.features.recipe.grid import on_grid, told_on_grid
from services.features.recipe.occupancy import REACH_DAYS, occupancy
from services.features.recipe.price import PricesOnGrid, prices_on
from services.features.recipe.sun import clear_sky_kw, daylight_hours, elevation_over, sun_over
from services.features.recipe.weather import Weather, weather_on
from shared.domain.site import Site
from shared.domain.tariff import Tariff
from shared.domain.time import Interval, LocalClock, TimeGrid, ceil_to, floor_to, local_clock, zone

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

_HOUR, _HOURS_3, _HOURS_24, _DAYS_3 = timedelta(hours=1), timedelta(hours=3), timedelta(hours=24), timedelta(days=3)
_WEEKS = range(0, 28, 7)
_SLACK_DAYS = 2  # a local day is no UTC day, and the context begins at a midnight


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """A site with what is known of it apart from its readings."""

    site: Site
    tariff: Tariff | None = None
    holidays: frozenset[date] = frozenset()
    """Of the country where it stands."""
    tariff_holidays: frozenset[date] = frozenset()
    """Days on which the tariff keeps its holiday prices; none where it names no calendar."""
    weather: Weather | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """Rows of many sites."""

    timestamps: pd.DatetimeIndex
    columns: Mapping[str, Values]
    """The catalog's, each of shape (sites, rows)."""

    def of(self, number: int) -> pd.DataFrame:
        """The table of one of the sites: `timestamp` and the catalog's columns."""
        return pd.DataFrame({"timestamp": self.timestamps} | {name: values[number] for name, values in self.columns.items()})


def reach(window_days: int) -> timedelta:
    """How long after a reading its traces end: what is usual learns from it, and windows hold what was cleaned by that."""
    longest_window = max(window_days, _WEEKS[-1] + 1, rolling.ENVELOPE_DAYS[-1] + _DAYS_3.days, REACH_DAYS)
    return timedelta(days=quality.REFERENCE_DAYS + longest_window + _SLACK_DAYS)


def context_before(start: datetime, window_days: int) -> datetime:
    """From where readings, prices and weather are needed to build rows from `start` on: a UTC midnight."""
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
    tariff_holidays: frozenset[date] = frozenset(),
    weather: Weather | None = None,
) -> pd.DataFrame:
    """`build_tables` of one site: `timestamp` and the catalog's columns."""
    home = Home(site=site, tariff=tariff, holidays=holidays, tariff_holidays=tariff_holidays, weather=weather)
    readings = readings.assign(site_id=site.site_id)
    return build_tables(readings=readings, homes=[home], prices=prices, interval=interval, as_of=as_of, window_days=window_days).of(0)


def build_tables(
    *,
    readings: pd.DataFrame,
    homes: Sequence[Home],
    prices: Mapping[str, pd.DataFrame],
    interval: Interval,
    as_of: datetime,
    window_days: int,
) -> Tables:
    """Rows for the steps that begin in the interval, as known at `as_of`, of homes of one resolution and one time zone.

    Readings (the key columns, those of `MEASURED`, and `quality` where it is known), prices and weather should begin at
    `context_before` the interval. A hundred homes at a time fit into a processor's memory; more are slower, not wrong.
    """
    sites = [home.site for home in homes]
    step = sites[0].resolution
    wanted = TimeGrid.over(interval, step)
    start = ceil_to(context_before(wanted.start, window_days), step)
    grid = TimeGrid(start=start, step=step, count=(wanted.end - start) // step)
    rows = slice(grid.count - wanted.count, grid.count)
    ended = np.arange(grid.count) < (as_of - grid.start) // step
    clock = local_clock(grid.starts(), zone(sites[0].timezone))
    readings = readings[readings["timestamp"] < as_of]
    site_ids = [site.site_id for site in sites]
    found = on_grid(readings, list(MEASURED.values()), grid, site_ids)
    measured = {name: found[column] for name, column in MEASURED.items()}
    told = told_on_grid(readings, grid, site_ids)
    clean = cleaned(measured, told, sites, ended=ended, elevation_deg=elevation_over(grid, sites), step=step)
    load, solar = clean.values["load_kw"], clean.values["solar_kw"]
    sky = _sky(grid, wanted, homes, solar, as_of=as_of, ended=ended)
    money = _money(grid, homes, prices, as_of=as_of)
    columns: dict[str, Values] = {
        **{name: values[:, rows] for name, values in clean.values.items()},
        "quality": clean.share[:, rows],
        "quality_flags": clean.flags[:, rows].astype(np.float64),
        **_usual(load, solar, clock, step=step, window_days=window_days, rows=rows),
        **occupancy(load, clock, step=step, rows=rows),
    }
    columns = {name: np.where(ended[rows], values, np.nan) for name, values in columns.items()}
    columns |= sky | _known_ahead(wanted, homes) | _priced(money, clock, step=step, window_days=window_days, rows=rows)
    return Tables(
        timestamps=pd.DatetimeIndex(wanted.starts()).tz_localize("UTC").as_unit("us"),
        columns={name: columns[name] for name in catalog(window_days=window_days).names},
    )


def _sky(
    grid: TimeGrid, wanted: TimeGrid, homes: Sequence[Home], solar: Values, *, as_of: datetime, ended: NDArray[np.bool_]
) -> dict[str, Values]:
    """Sun, clear sky, clearness and weather of the wanted rows; whole hours, and the days that clearness looks back on, are computed."""
    sites, step = [home.site for home in homes], grid.step
    start = floor_to(wanted.start - _DAYS_3, _HOUR)
    near = TimeGrid(start=start, step=step, count=(ceil_to(wanted.end, _HOUR) - start) // step)
    sun = sun_over(near, sites)
    rows = slice((wanted.start - start) // step, (wanted.start - start) // step + wanted.count)
    lately = slice((start - grid.start) // step, grid.count)
    clear = clear_sky_kw(sun, sites)[:, : rows.stop]
    unknown = np.flatnonzero([site.solar is None or site.latitude is None for site in sites])
    clear[unknown] = rolling.clear_sky_envelope(solar[unknown], step=step, rows=lately)
    least = np.array([[LOW_SUN_SHARE * site.solar.capacity_kw if site.solar else LOW_SUN_KW] for site in sites])
    bright = np.where(clear > np.maximum(least, 1e-6), clear, np.nan)
    made = solar[:, lately]

    def limited(ratio: Values) -> Values:
        return np.where(ended[lately][rows], np.clip(ratio, 0.0, HIGHEST_CLEARNESS), np.nan)

    weather = weather_on(near, sites, [home.weather for home in homes], sun, as_of=as_of)
    return {
        "sun_elevation_deg": sun.elevation_deg[:, rows],
        "sun_azimuth_deg": sun.azimuth_deg[:, rows],
        "clear_sky_kw": clear[:, rows],
        "clearness": limited((made / bright)[:, rows]),
        "clearness_mean_3h": limited(rolling.trailing_ratio(made, bright, window=_HOURS_3, step=step, rows=rows)),
        "clearness_mean_3d": limited(rolling.trailing_ratio(made, bright, window=_DAYS_3, step=step, rows=rows)),
        "daylight_hours": daylight_hours(sites, wanted.starts()),
        **{name: values[:, rows] for name, values in weather.items()},
    }


def _usual(load: Values, solar: Values, clock: LocalClock, *, step: timedelta, window_days: int, rows: slice) -> dict[str, Values]:
    """What was usual at the time of day and lately."""
    window, days = range(window_days), f"{window_days}d"
    loads = rolling.same_time_of_day(load, clock, step=step, days_back=window, rows=rows)
    weeks = rolling.same_time_of_day(load, clock, step=step, days_back=_WEEKS, rows=rows)
    suns = rolling.same_time_of_day(solar, clock, step=step, days_back=window, rows=rows)
    return {
        f"load_mean_{days}_hour_kw": rolling.mean(loads),
        f"load_median_{days}_hour_kw": rolling.quantile(loads, 0.5),
        "load_mean_4w_weekday_kw": rolling.mean(weeks),
        "load_mean_3h_kw": rolling.trailing_mean(load, window=_HOURS_3, step=step, rows=rows),
        "load_mean_24h_kw": rolling.trailing_mean(load, window=_HOURS_24, step=step, rows=rows),
        f"load_mean_{days}_kw": rolling.trailing_mean(load, window=timedelta(days=window_days), step=step, rows=rows),
        f"solar_mean_{days}_hour_kw": rolling.mean(suns),
    }


def _known_ahead(wanted: TimeGrid, homes: Sequence[Home]) -> dict[str, Values]:
    """Calendar, and what belongs to the site, on every row."""
    clock = local_clock(wanted.starts(), zone(homes[0].site.timezone))
    calendars = {holidays: calendar_features(clock, holidays=holidays) for holidays in {home.holidays for home in homes}}
    offset = (clock.date.astype("datetime64[us]") - wanted.starts()) / np.timedelta64(1, "h") + clock.hour
    of_site = {
        "utc_offset_hours": [offset for _ in homes],
        "solar_capacity_kw": [np.array(home.site.solar.capacity_kw if home.site.solar else 0.0) for home in homes],
        "battery_capacity_kwh": [np.array(home.site.battery.capacity_kwh if home.site.battery else 0.0) for home in homes],
        "ev_charge_rate_kw": [np.array(home.site.ev.max_charge_rate_kw if home.site.ev else 0.0) for home in homes],
    }
    columns = {name: [calendars[home.holidays][name] for home in homes] for name in next(iter(calendars.values()))} | of_site
    return {name: np.stack([np.broadcast_to(value, (wanted.count,)) for value in values]) for name, values in columns.items()}


def _money(grid: TimeGrid, homes: Sequence[Home], prices: Mapping[str, pd.DataFrame], *, as_of: datetime) -> list[PricesOnGrid]:
    """Of each home; homes of one tariff share its prices."""
    found: dict[tuple[str, frozenset[date]], PricesOnGrid] = {}
    chosen = []
    for home in homes:
        key = (repr(home.tariff), home.tariff_holidays)
        if key not in found:
            found[key] = prices_on(grid, tariff=home.tariff, series=prices, holidays=home.tariff_holidays, as_of=as_of)
        chosen.append(found[key])
    return chosen


def _priced(money: Sequence[PricesOnGrid], clock: LocalClock, *, step: timedelta, window_days: int, rows: slice) -> dict[str, Values]:
    means: dict[int, Values] = {}
    for price in money:
        if id(price) not in means:
            values = price.series_per_kwh
            usual = rolling.mean(rolling.same_time_of_day(values, clock, step=step, days_back=range(window_days), rows=rows))
            means[id(price)] = np.where(np.isfinite(values[rows]), usual, np.nan)
    return {
        "price_per_kwh": np.stack([price.series_per_kwh[rows] for price in money]),
        "export_price_per_kwh": np.stack([price.export_per_kwh[rows] for price in money]),
        "price_known_ahead_hours": np.stack([price.known_ahead_hours[rows] for price in money]),
        f"price_mean_{window_days}d_hour_per_kwh": np.stack([means[id(price)] for price in money]),
    }
