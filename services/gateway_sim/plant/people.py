"""The people of a home, from one number: how many, their hours, their days away. Appliances, light and car follow them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.gateway_sim.plant.equipment import Home
from services.gateway_sim.plant.noise import Floats, Stream
from services.gateway_sim.plant.steps import LocalDays, Steps

WEEKS_AWAY_SHARE = 0.06
"""About three weeks a year."""
_RAMP_HOURS = 0.75
"""People do not all get up in the same minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What tells this household from the next; the same all year."""

    occupants: int
    wakes_hour: float
    leaves_hour: float
    returns_hour: float
    sleeps_hour: float
    works_from_home_share: float
    electric_cooking: bool
    electric_water: bool
    charges_at_night: bool
    daily_km: float
    standby: float
    """Its share of the configured base load; 1 is average."""
    draughts: float
    """How much its house asks of heating and cooling; 1 is average."""
    gusto: float
    """How freely it uses appliances; 1 is average."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """The plan of each local day, shape (days,), in wall-clock hours; `away` is a day on holiday elsewhere."""

    calendar: LocalDays
    away: NDArray[np.bool_]
    commutes: NDArray[np.bool_]
    wakes_hour: Floats
    leaves_hour: Floats
    returns_hour: Floats
    sleeps_hour: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupancy:
    """At each instant, 0 to 1."""

    present: Floats
    awake: Floats
    """Present and awake."""


def habits_of(home: Home) -> Habits:
    """Drawn once for a home."""
    u = Stream.of(home.seed, home.site_id, "habits").uniform(np.zeros(1, dtype=np.int64), 13)[0]
    return Habits(
        # shares of household sizes as in many European and American censuses
        occupants=int(np.searchsorted([0.28, 0.62, 0.78, 0.93], u[0])) + 1,
        wakes_hour=5.8 + 1.8 * u[1],
        leaves_hour=7.6 + 1.4 * u[2],
        returns_hour=15.5 + 3.5 * u[3],
        sleeps_hour=21.8 + 2.0 * u[4],
        works_from_home_share=0.1 + 0.8 * u[5] ** 2,
        electric_cooking=bool(u[6] < 0.75),
        electric_water=bool(u[7] < 0.35),
        charges_at_night=bool(u[8] < 0.45),
        daily_km=18.0 + 40.0 * u[9],
        standby=0.7 + 0.6 * u[11],
        draughts=0.5 + u[12],
        gusto=0.6 + 0.8 * u[10],
    )


def days_of(home: Home, habits: Habits, calendar: LocalDays) -> Days:
    """What each day brings: the habit, the weekday and chance."""
    chance = Stream.of(home.seed, home.site_id, "days").uniform(calendar.index, 2)
    shift = Stream.of(home.seed, home.site_id, "hours").normal(calendar.index, 4)
    weeks, row_of_day = np.unique((calendar.index + 3) // 7, return_inverse=True)
    away = (Stream.of(home.seed, home.site_id, "weeks away").uniform(weeks)[:, 0] < WEEKS_AWAY_SHARE)[row_of_day]
    weekend = calendar.weekend
    goes_out = np.where(weekend, chance[:, 0] < 0.45, chance[:, 0] > habits.works_from_home_share)
    return Days(
        calendar=calendar,
        away=away,
        commutes=goes_out & ~away,
        wakes_hour=np.clip(habits.wakes_hour + 1.4 * weekend + 0.35 * shift[:, 0], 4.0, 11.0),
        leaves_hour=np.clip(habits.leaves_hour + 2.8 * weekend + 0.4 * shift[:, 1], 6.0, 13.5),
        returns_hour=np.clip(habits.returns_hour + 0.6 * shift[:, 2], 13.6, 21.0),
        sleeps_hour=np.clip(habits.sleeps_hour + 0.6 * weekend + 0.5 * shift[:, 3], 21.0, 26.0),
    )


def occupancy_at(steps: Steps, days: Days) -> Occupancy:
    """Who is there and awake. A night after midnight belongs to the evening before."""
    row, hour = steps.day_rows, steps.clock.hour
    up = _after(hour, days.wakes_hour[row]) * (1.0 - _after(hour, days.sleeps_hour[row]))
    late = 1.0 - _after(hour + 24.0, days.sleeps_hour[row - 1])
    out = _after(hour, days.leaves_hour[row]) * (1.0 - _after(hour, days.returns_hour[row]))
    present = np.where(days.away[row], 0.0, 1.0 - 0.85 * np.where(days.commutes[row], out, 0.0))
    return Occupancy(present=present, awake=present * np.maximum(up, late))


def _after(hour: Floats, moment: Floats) -> Floats:
    return np.clip((hour - moment) / _RAMP_HOURS + 0.5, 0.0, 1.0)
