"""The car: it comes home with an empty part, and charges until that is filled or it leaves."""

from dataclasses import dataclass

import numpy as np

from services.gateway_sim.plant.equipment import Home
from services.gateway_sim.plant.noise import HOUR_US, Floats, Integers, Stream
from services.gateway_sim.plant.people import Days, Habits
from services.gateway_sim.plant.steps import Steps

KWH_PER_KM = 0.19
"""At the charge point, losses included: the middle of WLTP figures of 2020-2024 cars."""
LARGEST_SESSION_KWH = 60.0


@dataclass(frozen=True, slots=True)
class Sessions:
    """Plugged from arrival to departure; charging from `start` for `energy_kwh` or until departure. Shape (sessions,)."""

    arrival_us: Integers
    departure_us: Integers
    start_us: Integers
    end_us: Integers
    energy_kwh: Floats
    """Delivered."""
    power_kw: float


def sessions_of(home: Home, *, habits: Habits, days: Days) -> Sessions:
    """The charging sessions that begin on the given days; none for a home without a car."""
    stream = Stream.of(home.seed, home.site_id, "car")
    index = days.calendar.index
    vary = stream.normal(index, 3)
    rows = np.flatnonzero(days.commutes) if home.household.has_ev else np.zeros(0, dtype=np.int64)
    km = habits.daily_km * np.exp(0.55 * vary[rows, 0] - 0.55**2 / 2.0)
    wish_kwh = np.minimum(km * KWH_PER_KM, LARGEST_SESSION_KWH)
    arrival_hour = days.returns_hour[rows] + np.clip(0.3 * vary[rows, 1], -0.5, 1.5)
    arrival = days.calendar.utc_us(rows, arrival_hour)
    departure = days.calendar.utc_us(rows, 24.0 + days.leaves_hour[np.minimum(rows + 1, len(index) - 1)] - 0.1)
    timer_hour = np.maximum(23.0 + 0.1 * vary[rows, 2], arrival_hour)
    start = days.calendar.utc_us(rows, timer_hour) if habits.charges_at_night else arrival
    power = home.household.ev_charging_kw
    needed = np.round(wish_kwh / power * HOUR_US).astype(np.int64) if power > 0.0 else np.zeros(len(rows), dtype=np.int64)
    end = np.minimum(start + needed, departure)
    return Sessions(
        arrival_us=arrival, departure_us=departure, start_us=start, end_us=end, energy_kwh=(end - start) / HOUR_US * power, power_kw=power
    )


def ev_charging_kw(sessions: Sessions, steps: Steps) -> Floats:
    """Mean charging power in each step, shape (steps,)."""
    return steps.mean_of_runs(sessions.start_us, sessions.end_us, np.full(len(sessions.start_us), sessions.power_kw))
