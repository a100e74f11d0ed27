"""The car: commutes, errands and journeys empty its battery; plugged in when needed, it charges until it is full or leaves."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.gateway_sim.plant.living import Living
from services.gateway_sim.plant.noise import HOUR_US, Floats, Integers, Stream
from services.gateway_sim.plant.people import Days, Habits, Role
from services.gateway_sim.plant.steps import Steps

KWH_PER_KM = 0.19
"""At the charge point, losses included: the middle of WLTP figures of 2020-2024 cars."""
MEMORY_DAYS = 6
"""Whoever has not plugged in for so long has charged elsewhere."""
_TAPER = ((0.75, 0.03), (0.5, 0.02), (0.25, 0.01))
"""Near full the car asks for these shares of its power, each for such a share of its battery."""
_ONBOARD_KW = ((0.12, 3.7), (0.55, 7.4), (0.90, 11.0), (1.0, 22.0))
"""Share of cars, cumulated, and what they take at most: one phase of 16 or 32 A, three phases of 16 or 32 A."""


@dataclass(frozen=True, slots=True)
class Sessions:
    """Plugged from arrival to departure; charging from `start` to `end`. Shape (sessions,), the stretches (sessions, stretches)."""

    arrival_us: Integers
    departure_us: Integers
    start_us: Integers
    end_us: Integers
    energy_kwh: Floats
    """Delivered."""
    stretch_start_us: Integers
    stretch_end_us: Integers
    stretch_kw: Floats


def sessions_of(living: Living) -> Sessions:
    """The charging sessions that begin on the planned days; none for a home without a car."""
    home, habits, days = living.home, living.habits, living.days
    u = Stream.of(home.seed, home.site_id, "car").uniform(np.zeros(1, dtype=np.int64), 8)[0]
    chance = Stream.of(home.seed, home.site_id, "drives").uniform(days.calendar.index, 8)
    battery_kwh = 38.0 + 40.0 * u[0]
    power = min(home.household.ev_charging_kw, next(kw for share, kw in _ONBOARD_KW if u[1] <= share))
    used = _used_kwh(habits, days, u, chance, battery_kwh)
    plugged = _plugs_in(days, used, chance[:, 5], battery_kwh, share=1.0 if u[2] < 0.4 else 0.3 + 0.6 * u[3])
    wished = _since_last(used, plugged, 0.85 * battery_kwh)
    some = plugged & (wished > 0.5) & (home.household.has_ev and power > 0.0)
    some[:MEMORY_DAYS] = some[-1:] = False
    rows = np.flatnonzero(some)
    arrives, leaves = _arrival_hours(days, chance)[rows], _departure_hours(days, chance)[rows + 1]
    arrival, departure = days.calendar.utc_us(rows, arrives), days.calendar.utc_us(rows, 24.0 + leaves)
    # timers are set to a round hour of the cheap night, and forgotten by who comes later
    timer = days.calendar.utc_us(rows, np.full(len(rows), 23.0 + float(int(3.0 * u[4]))))
    start = np.maximum(arrival, timer) if habits.night_tariff or u[5] < 0.4 else arrival
    departure = np.maximum(departure, start)
    return _charge(arrival, departure, start, wished_kwh=wished[rows], power_kw=power, battery_kwh=battery_kwh)


def ev_charging_kw(sessions: Sessions, steps: Steps) -> Floats:
    """Mean charging power in each step, shape (steps,)."""
    return steps.mean_of_runs(sessions.stretch_start_us.ravel(), sessions.stretch_end_us.ravel(), sessions.stretch_kw.ravel())


def _used_kwh(habits: Habits, days: Days, u: Floats, chance: Floats, battery_kwh: float) -> Floats:
    """What driving took from the battery on each day: the way to work, errands and weekends, and the way home from afar."""
    work_km = 8.0 + 72.0 * u[6] ** 1.5 if habits.roles[0] != Role.AT_HOME else 8.0
    by_car = u[7] < 0.8
    to_work = days.out[:, 0] & ~days.rest & by_car
    errand = chance[:, 0] < np.where(days.rest, 0.65, 0.4)
    km = np.where(to_work, work_km * (0.85 + 0.3 * chance[:, 1]), 0.0)
    km += np.where(errand, 5.0 + 50.0 * chance[:, 2] ** 2 * np.where(days.rest, 2.0, 1.0), 0.0)
    back = np.append(False, days.away[:-1]) & ~days.away
    km = np.where(days.away, 0.0, np.where(back, 60.0 + 160.0 * chance[:, 3], km))
    km *= 0.45 + 1.1 * u[7] / 0.8 if by_car else 1.0  # some live where everything is far
    used: Floats = np.minimum(km * KWH_PER_KM, 0.85 * battery_kwh)
    return used


def _plugs_in(days: Days, used: Floats, luck: Floats, battery_kwh: float, *, share: float) -> NDArray[np.bool_]:
    """By habit, or because little is left after the last days; never in a night spent elsewhere."""
    recent = used.copy()
    for back in (1, 2, 3):
        recent[back:] += used[:-back]
    return np.asarray(((luck < share) | (recent > 0.45 * battery_kwh)) & ~days.away)


def _since_last(used: Floats, plugged: NDArray[np.bool_], most_kwh: float) -> Floats:
    """Used since the car was last plugged in, or in the last `MEMORY_DAYS`."""
    total, open_ = used.copy(), np.ones(len(used), dtype=np.bool_)
    for back in range(1, MEMORY_DAYS + 1):
        open_[back:] &= ~plugged[:-back]
        total[back:] += np.where(open_[back:], used[:-back], 0.0)
    return np.minimum(total, most_kwh)


def _arrival_hours(days: Days, chance: Floats) -> Floats:
    usual = np.where(days.out[:, 0], days.returns_hour[:, 0], 14.0 + 5.0 * chance[:, 6]) + 0.6 * chance[:, 4] ** 2
    usual = np.maximum(usual, days.trips.home_from_hour(days.calendar.index))
    return np.where(days.evening_out[:, 0], np.maximum(usual, days.evening_until_hour[:, 0]), usual)


def _departure_hours(days: Days, chance: Floats) -> Floats:
    usual = np.where(days.out[:, 0], days.leaves_hour[:, 0] - 0.1, 9.5 + 5.0 * chance[:, 7])
    return np.minimum(usual, days.trips.gone_from_hour(days.calendar.index))


def _charge(
    arrival: Integers, departure: Integers, start: Integers, *, wished_kwh: Floats, power_kw: float, battery_kwh: float
) -> Sessions:
    """At full power, then in steps down to full, each cut off by the departure."""
    last = np.array([share * battery_kwh for _, share in _TAPER])
    tapered = np.minimum(last[None, :], wished_kwh[:, None] * (last / last.sum())[None, :] * 0.5)
    energy = np.concatenate([(wished_kwh - tapered.sum(axis=1))[:, None], tapered], axis=1)
    kw = power_kw * np.array([1.0, *(share for share, _ in _TAPER)])
    lengths = np.round(energy / np.maximum(kw, 1e-9)[None, :] * HOUR_US).astype(np.int64)
    ends = np.minimum(start[:, None] + np.cumsum(lengths, axis=1), departure[:, None])
    begins = np.concatenate([start[:, None], ends[:, :-1]], axis=1)
    delivered = ((ends - begins) / HOUR_US * kw[None, :]).sum(axis=1)
    return Sessions(
        arrival_us=arrival, departure_us=departure, start_us=start, end_us=ends[:, -1], energy_kwh=delivered,
        stretch_start_us=begins, stretch_end_us=ends, stretch_kw=np.broadcast_to(kw, begins.shape),
    )  # fmt: skip
