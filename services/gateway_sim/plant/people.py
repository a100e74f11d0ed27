"""The people of a home, from one number: who they are, and what each day brings them. Appliances, light, heat and car follow."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from services.gateway_sim.plant.away import Trips, trips_of
from services.gateway_sim.plant.equipment import Home
from services.gateway_sim.plant.noise import DAY_US, Floats, Integers, Stream
from services.gateway_sim.plant.steps import LocalDays
from shared.domain.time import EPOCH


class Role(IntEnum):
    """What calls a person out of the house, a row of `_ROLES`."""

    WORKER = 0
    PART_TIME = 1
    PUPIL = 2
    HOME_OFFICE = 3
    AT_HOME = 4
    SHIFT = 5


# share of working days spent out (the others: leave at home, sickness, school holidays), hour of leaving, hours out, and how much
# these two scatter from day to day
_ROLES = np.array([
    (0.86, 8.0, 9.2, 0.25, 0.8),
    (0.78, 8.4, 5.0, 0.30, 0.8),
    (0.80, 7.7, 6.8, 0.15, 0.9),
    (0.30, 8.4, 8.0, 0.50, 1.5),
    (0.60, 10.4, 2.8, 1.30, 1.1),
    (0.90, 5.2, 9.0, 0.15, 0.4),
])  # fmt: skip
_ROTA = np.array([5.2, 13.3, 21.3])
"""Leaving for the early, the late and the night shift, a week each."""
ROOMY_KW = 0.25
"""Configured base load of a middling home of Europe."""
_HOUSEHOLDS: tuple[tuple[float, tuple[tuple[Role, ...], ...]], ...] = (
    # shares as in European and American censuses, with the members each kind of household may have
    (0.25, ((Role.AT_HOME,), (Role.AT_HOME, Role.AT_HOME), (Role.AT_HOME, Role.AT_HOME))),
    (0.26, (
        (Role.WORKER, Role.PART_TIME, Role.PUPIL), (Role.WORKER, Role.PART_TIME, Role.PUPIL, Role.PUPIL),
        (Role.WORKER, Role.WORKER, Role.PUPIL, Role.PUPIL), (Role.WORKER, Role.AT_HOME, Role.PUPIL, Role.PUPIL, Role.PUPIL),
    )),
    (0.28, ((Role.WORKER,), (Role.WORKER, Role.WORKER), (Role.WORKER, Role.PART_TIME))),
    (0.15, ((Role.HOME_OFFICE,), (Role.HOME_OFFICE, Role.WORKER), (Role.HOME_OFFICE, Role.HOME_OFFICE, Role.PUPIL))),
    (0.06, ((Role.SHIFT,), (Role.SHIFT, Role.PART_TIME), (Role.SHIFT, Role.WORKER, Role.PUPIL, Role.PUPIL))),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What tells this household from the next; the same all year."""

    roles: tuple[Role, ...]
    """Of each of its members; the first drives the car."""
    earlier_hours: Floats
    """How much earlier than usual each member's day begins."""
    dinner_hour: float
    sleeps_hour: float
    evenings_out_share: float
    weekends_away_share: float
    electric_cooking: bool
    electric_water: bool
    night_tariff: bool
    """Whether timers start the water heater and the car late at night."""
    timers: bool
    """Whether washing machine and dishwasher run when nobody is home."""
    standby: float
    """What it draws without rest, as a share of the configured base load; 0.75 is average: most of us round up."""
    draughts: float
    """How much its house asks of heating and cooling; 1 is average."""
    gusto: float
    """How freely it uses appliances; 1 is average."""
    room: float
    """How much there is to switch on, by what is configured to draw without rest: the larger the home, the more; 1 at `ROOMY_KW`."""
    whims: float
    """How much its hours scatter from day to day; 1 is average."""

    @property
    def occupants(self) -> int:
        return len(self.roles)


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """The plan of each local day in wall-clock hours, beyond 24 on the next; shape (days,) or (days, people)."""

    calendar: LocalDays
    rest: NDArray[np.bool_]
    """Weekends and public holidays."""
    away: NDArray[np.bool_]
    """Whether the night after the day is spent elsewhere."""
    trips: Trips
    activity: Floats
    """How much is done at home, 1 on average: busy and quiet weeks, more in winter."""
    out: NDArray[np.bool_]
    leaves_hour: Floats
    returns_hour: Floats
    wakes_hour: Floats
    sleeps_hour: Floats
    """In the evening of the day, until `wakes_hour` of the next."""
    evening_out: NDArray[np.bool_]
    evening_from_hour: Floats
    evening_until_hour: Floats


def habits_of(home: Home) -> Habits:
    """Drawn once for a home."""
    stream = Stream.of(home.seed, home.site_id, "habits")
    u, bell = stream.uniform(np.zeros(1, dtype=np.int64), 10)[0], stream.normal(np.ones(1, dtype=np.int64), 14)[0]
    kind = int(np.searchsorted(np.cumsum([share for share, _ in _HOUSEHOLDS])[:-1], u[0]))
    members = _HOUSEHOLDS[kind][1]
    roles = members[int(u[1] * len(members))]
    size = float(np.sqrt(len(roles) / 2.0))
    return Habits(
        roles=roles,
        earlier_hours=0.6 * bell[0] + 0.5 * bell[9:][: len(roles)],
        dinner_hour=18.4 + 0.9 * float(np.clip(bell[1], -2.0, 2.0)),
        sleeps_hour=22.7 + 0.7 * float(np.clip(bell[0] + bell[2], -2.5, 2.5)),
        evenings_out_share=0.04 + 0.22 * u[2] ** 2,
        weekends_away_share=0.02 + 0.14 * u[3] ** 2,
        electric_cooking=bool(u[4] < 0.70),
        # who heats with gas has hot water from the same boiler as a rule
        electric_water=bool(u[5] < (0.35 if home.household.hvac_capacity_kw > 0.0 else 0.10)),
        night_tariff=bool(u[6] < 0.45),
        timers=bool(u[7] < 0.6),
        # the spread of the trial homes of London and of American fleets: a factor of 5 to 10 from the frugal to the lavish
        # near what is configured: a fleet spreads the configured value itself
        standby=_lognormal(0.2, 0.8 * bell[3] + 0.6 * bell[6]) * size**0.15,
        draughts=_lognormal(0.56, 0.8 * bell[8] + 0.4 * bell[4]),
        gusto=_lognormal(0.68, 0.6 * bell[3] + 0.8 * bell[4]),
        room=float(np.clip(home.household.base_load_kw / ROOMY_KW, 0.3, 5.0)) ** 0.25,
        whims=_lognormal(0.30, bell[5]),
    )


def days_of(home: Home, habits: Habits, calendar: LocalDays) -> Days:
    """What each day brings: the habit, the weekday, the season and chance."""
    days, people = len(calendar.index), habits.occupants
    rest = calendar.weekend | np.isin(calendar.index, [(day - EPOCH.date()).days for day in home.holidays])
    trips = trips_of(home, calendar, weekends_share=habits.weekends_away_share)
    chance = Stream.of(home.seed, home.site_id, "days").uniform(calendar.index, 3 + people)
    # sum of two uniform numbers less one: bounded, standard deviation 0.41
    scatter = Stream.of(home.seed, home.site_id, "hours").uniform(calendar.index, 8 * people).reshape(days, 4, 2, people).sum(axis=2) - 1.0
    scatter *= 2.45 * habits.whims
    role = np.array(habits.roles)
    share, leaves, length, leaves_spread, length_spread = _ROLES[role].T
    earlier = habits.earlier_hours[None, :]
    free = rest[:, None] & (role != Role.SHIFT)[None, :]
    leave = np.where(free, 11.5 + 1.7 * scatter[:, 0], leaves - earlier + leaves_spread * scatter[:, 0])
    night = np.zeros((days, people), dtype=np.bool_)
    if Role.SHIFT in habits.roles:
        week = ((calendar.index + 3) // 7 + int(1000 * habits.gusto)) % 3
        on_shift = (role == Role.SHIFT)[None, :] & ~calendar.weekend[:, None]
        leave = np.where(on_shift, (_ROTA[week])[:, None] + 0.1 * scatter[:, 0], leave)
        night = on_shift & (week == 2)[:, None]
    gone = np.where(free, 3.3 + 1.4 * scatter[:, 1], length + length_spread * scatter[:, 1])
    out = chance[:, 3:] < np.where(free, 0.55, share)
    night &= out
    wake = np.where(free, 8.3 - 0.8 * earlier, np.minimum(7.6 - 0.8 * earlier, np.where(out, leave - 0.7, 24.0))) + 0.4 * scatter[:, 2]
    wake = np.where(out, np.minimum(wake, leave - 0.4), wake)
    sleep = habits.sleeps_hour - np.where(role == Role.PUPIL, 1.6, 0.0) + 0.5 * scatter[:, 3]
    sleep += 0.6 * np.append(rest[1:], False)[:, None]
    back = leave + np.clip(gone, 0.7, None)
    # after a night shift the morning is for sleep
    sleep = np.where(night, np.maximum(sleep, back + 0.8), np.maximum(sleep, back + 0.5))
    wake[1:] = np.where(night[:-1], 14.0 + 0.4 * scatter[1:, 2], wake[1:])
    friday = calendar.weekend[:, None] | (((calendar.index + 3) % 7) == 4)[:, None]
    evening = chance[:, :1] < habits.evenings_out_share * np.where(friday, 1.8, 0.7)
    evening_from = 18.3 + 1.6 * chance[:, 1:2]
    evening_until = evening_from + 2.0 + 2.5 * chance[:, 2:3]
    return Days(
        calendar=calendar,
        rest=rest,
        away=trips.cover(calendar.index),
        trips=trips,
        activity=_activity(home, calendar.index),
        out=out,
        leaves_hour=leave,
        returns_hour=back,
        wakes_hour=wake,
        sleeps_hour=np.where(evening, np.maximum(sleep, evening_until + 0.4), sleep),
        evening_out=np.broadcast_to(evening, out.shape),
        evening_from_hour=np.broadcast_to(evening_from, out.shape),
        evening_until_hour=np.broadcast_to(evening_until, out.shape),
    )


def _activity(home: Home, index: Integers) -> Floats:
    moods = Stream.of(home.seed, home.site_id, "moods").persistent(index * DAY_US, spacing_us=DAY_US, memory_us=4 * DAY_US)
    years = Stream.of(home.seed, home.site_id, "phases of life").persistent(index * DAY_US, spacing_us=15 * DAY_US, memory_us=45 * DAY_US)
    winter = np.cos(2.0 * np.pi * (index - 15.0) / 365.2425) * (1.0 if home.latitude >= 0.0 else -1.0)
    activity: Floats = np.exp(0.40 * moods + 0.32 * years) * (1.0 + 0.12 * winter * min(1.0, abs(home.latitude) / 50.0))
    return activity


def _lognormal(spread: float, bell: float) -> float:
    """Of mean about 1, at most two spreads from it, so that no lavish home becomes a farm."""
    return float(np.exp(spread * np.clip(bell, -2.0, 1.5) - spread**2 / 2.0))
