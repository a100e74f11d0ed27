"""What the supplier asks: a time-of-use price, moved by the region's hourly day-ahead market; and what a kWh emits.

A price holds for one hour of UTC, and changes also where the local hour does (zones that are a fraction of an hour
away). A local day's prices are announced at 13:00 of the day before.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from services.gateway_sim.plant.carbon import carbon_intensity_g_kwh
from services.gateway_sim.plant.equipment import Home, Supplier
from services.gateway_sim.plant.market import market_at
from services.gateway_sim.plant.noise import HOUR_US, Floats, Integers
from services.gateway_sim.plant.steps import instants64
from services.gateway_sim.plant.tariff_periods import period_at
from shared.domain.time import Interval, TimeGrid, instant64, local_clock, local_day, local_days, zone

ANNOUNCED_AT = time(13)
"""Local time of the day before, when European day-ahead auctions are known."""
HIGHEST_PRICE = 1000.0
"""Per kWh, either way: what a reading may hold."""

_QUARTER = timedelta(minutes=15)
_QUARTER_US = HOUR_US // 4
"""All zones in use are whole quarters of an hour away from UTC."""


@dataclass(frozen=True, slots=True)
class Price:
    """In force at each instant, shape (n,)."""

    price_per_kwh: Floats
    carbon_intensity_g_kwh: Floats
    period: NDArray[np.int64]
    """Index in `TIME_OF_USE_PERIODS`."""


@dataclass(frozen=True, slots=True)
class PriceList:
    """Prices as announced: each holds until the next one. Shape (n,)."""

    timestamp: NDArray[np.datetime64]
    price_per_kwh: Floats
    published_at: NDArray[np.datetime64]


def price_at(home: Home, instants_us: Integers) -> Price:
    """The price of each sorted instant; it is looked up by the hour, or the quarter where clocks need it."""
    if not len(instants_us):
        return Price(price_per_kwh=np.zeros(0), carbon_intensity_g_kwh=np.zeros(0), period=np.zeros(0, dtype=np.int64))
    first_us, last_us = int(instants_us[0]) // HOUR_US * HOUR_US, int(instants_us[-1])
    hours_us = np.arange(first_us, last_us + 1, HOUR_US, dtype=np.int64)
    market, spans_us = market_at(home, hours_us), HOUR_US
    if not _whole_hours(home, hours_us):
        hours_us, spans_us = np.arange(first_us, last_us + 1, _QUARTER_US, dtype=np.int64), _QUARTER_US
        market = market.held(HOUR_US // _QUARTER_US, len(hours_us))
    period = period_at(home, hours_us)
    row = (instants_us - first_us) // spans_us
    return Price(
        price_per_kwh=_moved(_levels(home.supplier)[period], market.factor).take(row),
        carbon_intensity_g_kwh=carbon_intensity_g_kwh(market.scarcity).take(row),
        period=period.take(row),
    )


def price_list(home: Home, interval: Interval) -> PriceList:
    """The announced prices of an interval: a row at every full hour, UTC or local."""
    grid = TimeGrid.over(interval, _QUARTER)
    starts = grid.starts().astype(np.int64)
    clock = local_clock(grid.starts(), zone(home.timezone))
    starts = starts[(starts % HOUR_US == 0) | (clock.hour % 1.0 == 0.0)]
    moments = instants64(starts)
    local_dates = local_clock(moments, zone(home.timezone)).date
    dates, row = np.unique(local_dates, return_inverse=True)
    published = np.array([published_at(day.item(), zone(home.timezone)) for day in dates], dtype="datetime64[us]")
    return PriceList(
        timestamp=moments,
        price_per_kwh=price_at(home, starts).price_per_kwh,
        published_at=published[row] if len(dates) else np.zeros(0, dtype="datetime64[us]"),
    )


def published_at(day: date, tz: ZoneInfo) -> np.datetime64:
    """The moment at which the prices of a local day are announced."""
    moment = datetime.combine(day - timedelta(days=1), ANNOUNCED_AT, tzinfo=tz)
    return instant64(moment)


def known_until(home: Home, now: datetime) -> datetime:
    """The end of the last local day whose prices are announced at a moment."""
    tz = zone(home.timezone)
    today = now.astimezone(tz)
    ahead = 1 if today.time() >= ANNOUNCED_AT else 0
    return local_day(today.date() + timedelta(days=ahead), tz).end


def whole_days(home: Home, interval: Interval) -> Interval:
    """The local days that an interval touches, as one interval."""
    days = [whole for _, whole in local_days(interval, zone(home.timezone))]
    return Interval(start=days[0].start, end=days[-1].end) if days else interval


def _whole_hours(home: Home, hours_us: Integers) -> bool:
    """Whether every hour of UTC is one of the wall clock; else a price can change within it."""
    return bool((local_clock(instants64(hours_us), zone(home.timezone)).hour % 1.0 == 0.0).all())


def _levels(supplier: Supplier) -> Floats:
    return np.array([supplier.off_peak_price, supplier.shoulder_price, supplier.peak_price])


def _moved(level: Floats, factor: Floats) -> Floats:
    """A price by the factor of the market, scarcity always dearer; a supplier who pays off-peak goes on paying.

    A factor of 1 leaves the very same number.
    """
    price: Floats = np.where(level >= 0.0, level * factor, np.minimum(level * (2.0 - factor), 0.0))
    return np.clip(price, -HIGHEST_PRICE, HIGHEST_PRICE)
