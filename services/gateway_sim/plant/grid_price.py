"""What the supplier asks: a time-of-use price by local hour and weekday, moved by an hourly day-ahead market; carbon.

A price holds for one hour of UTC, and changes also where the local hour does (zones that are a fraction of an hour
away). A local day's prices are announced at 13:00 of the day before.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from services.gateway_sim.plant.equipment import Home
from services.gateway_sim.plant.noise import DAY_US, HOUR_US, Floats, Integers, Stream
from services.gateway_sim.plant.steps import instants64
from services.gateway_sim.plant.sun import sun_at
from shared.domain.reading import TIME_OF_USE_PERIODS
from shared.domain.time import Interval, TimeGrid, instant64, local_clock, local_day, local_days, zone

ANNOUNCED_AT = time(13)
"""Local time of the day before, when European day-ahead auctions are known."""
MEAN_CARBON_G_KWH = 380.0

_QUARTER = timedelta(minutes=15)


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
    """The price of each sorted instant."""
    period = _period(instants_us, zone(home.timezone))
    supplier = home.supplier
    level = np.array([supplier.off_peak_price, supplier.shoulder_price, supplier.peak_price])[period]
    hours_us = instants_us // HOUR_US * HOUR_US
    sunshine = np.maximum(sun_at(home.latitude, home.longitude, hours_us + HOUR_US // 2).up, 0.0)
    return Price(
        price_per_kwh=level * _market(home, hours_us, sunshine), carbon_intensity_g_kwh=_carbon(home, instants_us, sunshine), period=period
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


def _period(instants_us: Integers, tz: ZoneInfo) -> NDArray[np.int64]:
    """Peak from 16 to 21 on weekdays, off-peak from 23 to 7, shoulder between."""
    clock = local_clock(instants64(instants_us), tz)
    off_peak = (clock.hour < 7.0) | (clock.hour >= 23.0)
    peak = (clock.hour >= 16.0) & (clock.hour < 21.0) & (clock.weekday < 5)
    names = TIME_OF_USE_PERIODS
    return np.select([off_peak, peak], [names.index("off_peak"), names.index("peak")], default=names.index("shoulder"))


def _market(home: Home, hours_us: Integers, sunshine: Floats) -> Floats:
    """A factor around 1: days and hours that persist, cheaper in sunshine, rare spikes; exactly 1 without volatility."""
    volatility = home.supplier.volatility
    if volatility == 0.0:
        return np.ones(len(hours_us))
    days = Stream.of(home.seed, home.place, "market days").persistent(hours_us, spacing_us=DAY_US // 2, memory_us=2 * DAY_US)
    hours = Stream.of(home.seed, home.place, "market hours").persistent(hours_us, spacing_us=HOUR_US, memory_us=4 * HOUR_US)
    rare = Stream.of(home.seed, home.place, "market spikes").uniform(hours_us // HOUR_US, 2)
    spike = np.where(rare[:, 0] < 0.02 * volatility, volatility * (4.0 + 10.0 * rare[:, 1]), 0.0)
    factor: Floats = np.exp(volatility * (0.8 * days + 0.6 * hours) - volatility**2 / 2.0) * (1.0 + volatility * (0.3 - sunshine)) + spike
    return np.maximum(factor, 0.0)


def _carbon(home: Home, instants_us: Integers, sunshine: Floats) -> Floats:
    """Lower while the sun feeds the grid, higher in the local evening when it has gone."""
    solar_hour = (instants_us / HOUR_US + home.longitude / 15.0) % 24.0
    evening = np.exp(-(((solar_hour - 19.5) / 2.0) ** 2))
    wind = Stream.of(home.seed, home.place, "wind").persistent(instants_us, spacing_us=3 * HOUR_US, memory_us=18 * HOUR_US)
    return np.clip(MEAN_CARBON_G_KWH * (1.08 - 0.45 * sunshine + 0.18 * evening - 0.12 * wind), 20.0, 900.0)
