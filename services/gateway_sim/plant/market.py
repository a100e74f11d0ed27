"""The region's power market by the hour: how scarce power is, and what that makes of a supplier's price.

Scarcity is what is asked less what sun and wind give, in units in which a usual hour is 0 and its standard deviation about 1.
Prices answer to it as merit orders do: flat in the middle, steep at both ends. Their inverse hyperbolic sine is nearly normal
(Uniejewski, Weron & Ziel 2018, doi:10.1109/TPWRS.2017.2734563), so the answer here is the hyperbolic sine: scarce hours cost
several times the usual, and with sun, wind and low demand together the price falls below zero.
"""

from dataclasses import dataclass

import numpy as np

from services.gateway_sim.plant.equipment import Home
from services.gateway_sim.plant.noise import DAY_US, HOUR_US, Floats, Integers, Stream
from services.gateway_sim.plant.steps import instants64
from services.gateway_sim.plant.sun import sun_at
from services.gateway_sim.plant.tariff_periods import working_days
from services.gateway_sim.plant.weather import fronts_at
from shared.domain.time import local_clock, zone

DEMAND_LEFT = 0.1
"""How much of demand the price shows beyond its time-of-use periods, which span more of a day than the day-ahead prices of Germany."""
AMPLITUDE = 1.15
"""Change of the factor with a unit of strain, per unit of volatility.

At volatility 0.15 some 0.6 % of the hours are negative and as many above three times the median, which is within what German
years from 2015 on show; at 1 a sixth of the hours is negative: a little more than in New South Wales.
"""
CURVE = 0.30
SURPLUS_FROM, SURPLUS_FALL = 1.2, 2.2
"""The strain below which surplus has to be paid for, and how fast that grows."""
HIGHEST_FACTOR, LOWEST_FACTOR = 50.0, -5.0
"""Of the supplier's price: markets have caps (Australia's is 200 times its mean, its floor minus 10 times)."""
_SPIKE_HOURS = 8
"""A spike has decayed to a fiftieth after this."""
_SPIKE_MEMORY_HOURS = 2.0


@dataclass(frozen=True, slots=True)
class Market:
    """At each hour, shape (hours,)."""

    scarcity: Floats
    """Demand less sun and wind; known a day ahead, and what carbon intensity follows."""
    factor: Floats
    """Of the supplier's price; exactly 1 without volatility."""

    def held(self, times: int, count: int) -> "Market":
        """The first so many, each hour given several times."""
        return Market(scarcity=np.repeat(self.scarcity, times)[:count], factor=np.repeat(self.factor, times)[:count])


def market_at(home: Home, hours_us: Integers) -> Market:
    """The market of a home's region in consecutive hours of UTC, given by their starts."""
    early = hours_us[:1] + np.arange(-_SPIKE_HOURS, 0, dtype=np.int64) * HOUR_US if len(hours_us) else hours_us
    wide_us = np.concatenate([early, hours_us])
    demand, supply = _demand(home, wide_us + HOUR_US // 2), _supply(home, wide_us)
    scarcity = demand - supply
    volatility = home.supplier.volatility
    if volatility == 0.0:
        return Market(scarcity=scarcity[len(early) :], factor=np.ones(len(hours_us)))
    # the supplier's periods carry most of the usual day and week already
    strain = (DEMAND_LEFT * demand - supply)[len(early) :] + _mood(home, hours_us)
    factor = 1.0 + volatility * (AMPLITUDE * _answer(strain) + _spikes(home, wide_us, scarcity))
    return Market(scarcity=scarcity[len(early) :], factor=np.clip(factor, LOWEST_FACTOR, HIGHEST_FACTOR))


def _answer(strain: Floats) -> Floats:
    """What strain makes of the price, in its own units: steeper at both ends, steepest where plants pay to keep running."""
    surplus = np.maximum(-strain - SURPLUS_FROM, 0.0)
    answer: Floats = np.sinh(CURVE * strain) / CURVE - SURPLUS_FALL * surplus**2
    return answer


def _supply(home: Home, hours_us: Integers) -> Floats:
    """Of sun and wind, above the mean of the year."""
    latitude, longitude = home.market_coordinates
    sunshine = np.maximum(sun_at(latitude, longitude, hours_us + HOUR_US // 2).up, 0.0)
    clear = np.clip(0.74 - 0.24 * fronts_at(home, hours_us), 0.2, 1.1)
    wind = Stream.of(home.seed, home.place, "wind").persistent(hours_us, spacing_us=3 * HOUR_US, memory_us=20 * HOUR_US)
    supply: Floats = 1.65 * (sunshine * clear - 0.20) + 0.60 * wind
    return supply


def _demand(home: Home, middles_us: Integers) -> Floats:
    """Of a working day: least at night, two peaks, and lower all day when nobody works."""
    clock = local_clock(instants64(middles_us), zone(home.timezone))
    hour = clock.hour
    shape = 0.85 * _bell(hour, 19.0, 2.4) + 0.60 * _bell(hour, 8.5, 2.2) + 0.35 * _bell(hour, 13.0, 3.5) - 0.40 * _bell(hour, 3.5, 2.6)
    working = working_days(home, clock)
    return shape - 0.32 + np.where(working, 0.22, -0.55)


def _mood(home: Home, hours_us: Integers) -> Floats:
    """What fuel, outages and traders add: weeks, days and hours that return to their mean.

    Hours add little: those of a day-ahead price resemble their neighbours (0.9 and more, without the steps of a time of use).
    """
    weeks = Stream.of(home.seed, home.place, "market weeks").persistent(hours_us, spacing_us=DAY_US, memory_us=14 * DAY_US)
    days = Stream.of(home.seed, home.place, "market days").persistent(hours_us, spacing_us=DAY_US // 2, memory_us=2 * DAY_US)
    hours = Stream.of(home.seed, home.place, "market hours").persistent(hours_us, spacing_us=HOUR_US, memory_us=3 * HOUR_US)
    mood: Floats = 0.50 * weeks + 0.50 * days + 0.06 * hours
    return mood


def _spikes(home: Home, wide_us: Integers, scarcity: Floats) -> Floats:
    """Rare, in scarce hours, decaying over hours; the first `_SPIKE_HOURS` of the hours are only what the others remember."""
    chance = Stream.of(home.seed, home.place, "market spikes").uniform(wide_us // HOUR_US, 2)
    begins = chance[:, 0] < 0.004 * np.clip(scarcity, 0.0, 2.5)
    # Pareto of index 2: most are moderate, a few are not
    height = np.where(begins, np.minimum(5.0 / np.sqrt(chance[:, 1]), 40.0), 0.0)
    count = len(wide_us) - _SPIKE_HOURS
    total = np.zeros(max(count, 0))
    for age in range(_SPIKE_HOURS if count > 0 else 0):
        total += np.exp(-age / _SPIKE_MEMORY_HOURS) * height[_SPIKE_HOURS - age : _SPIKE_HOURS - age + count]
    return total


def _bell(hour: Floats, middle: float, width: float) -> Floats:
    away = (hour - middle + 12.0) % 24.0 - 12.0
    bell: Floats = np.exp(-((away / width) ** 2))
    return bell
