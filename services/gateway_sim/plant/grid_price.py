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
    """The price of each sorted instant; it is looked up by quarters of an hour."""
    if not len(instants_us):
        return Price(price_per_kwh=np.zeros(0), carbon_intensity_g_kwh=np.zeros(0), period=np.zeros(0, dtype=np.int64))
    quarters = instants_us // _QUARTER_US
    first_quarter, first_hour = int(quarters[0]), int(quarters[0]) // 4
    every_quarter = np.arange(first_quarter, int(quarters[-1]) + 1, dtype=np.int64)
    market = market_at(home, np.arange(first_hour, int(quarters[-1]) // 4 + 1, dtype=np.int64) * HOUR_US)
    period = period_at(home, every_quarter * _QUARTER_US)
    hour = every_quarter // 4 - first_hour
    price = _moved(_levels(home.supplier)[period], market.factor[hour])
    quarters -= first_quarter
    return Price(
        price_per_kwh=price[quarters],
        carbon_intensity_g_kwh=carbon_intensity_g_kwh(market.scarcity)[hour][quarters],
        period=period[quarters],
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


def _levels(supplier: Supplier) -> Floats:
    return np.array([supplier.off_peak_price, supplier.shoulder_price, supplier.peak_price])


def _moved(level: Floats, factor: Floats) -> Floats:
    """A price by the factor of the market, scarcity always dearer; a supplier who pays off-peak goes on paying.

    A factor of 1 leaves the very same number.
    """
    price: Floats = np.where(level >= 0.0, level * factor, np.minimum(level * (2.0 - factor), 0.0))
    return np.clip(price, -HIGHEST_PRICE, HIGHEST_PRICE)
