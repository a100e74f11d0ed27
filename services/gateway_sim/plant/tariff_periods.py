"""The time-of-use period by local hour, weekday, season and public holiday.

Seasons and winter's two peaks are those of Ontario's time-of-use prices (Ontario Energy Board: summer from May to October;
in winter morning and evening); the summer peak is that of Californian suppliers, 16 to 21, when the sun has left the grid.
"""

import numpy as np
from numpy.typing import NDArray

from services.gateway_sim.plant.equipment import Home
from services.gateway_sim.plant.noise import Integers
from services.gateway_sim.plant.steps import instants64
from shared.domain.reading import TIME_OF_USE_PERIODS
from shared.domain.time import LocalClock, local_clock, zone

SUMMER_MONTHS = range(5, 11)
"""North of the equator; south of it these are the winter."""
OFF_PEAK_FROM, OFF_PEAK_UNTIL = 23.0, 7.0
"""Local hours, every night of the year."""
SUMMER_PEAKS = ((16.0, 21.0),)
WINTER_PEAKS = ((7.0, 10.0), (17.0, 21.0))
"""Local hours of working days, from and until."""


def period_at(home: Home, instants_us: Integers) -> NDArray[np.int64]:
    """Index in `TIME_OF_USE_PERIODS` of sorted instants, shape (n,)."""
    clock = local_clock(instants64(instants_us), zone(home.timezone))
    hour = clock.hour
    night = (hour < OFF_PEAK_UNTIL) | (hour >= OFF_PEAK_FROM)
    summer = (clock.month >= SUMMER_MONTHS.start) & (clock.month < SUMMER_MONTHS.stop)
    if home.market_coordinates[0] < 0.0:
        summer = ~summer
    peak = np.where(summer, _within(hour, SUMMER_PEAKS), _within(hour, WINTER_PEAKS)) & working_days(home, clock)
    names = TIME_OF_USE_PERIODS
    period = np.full(len(hour), names.index("shoulder"), dtype=np.int64)
    period[peak] = names.index("peak")
    period[night] = names.index("off_peak")
    return period


def working_days(home: Home, clock: LocalClock) -> NDArray[np.bool_]:
    """Whether each moment is of a day from Monday to Friday that is no public holiday."""
    working: NDArray[np.bool_] = clock.weekday < 5
    if home.holidays:
        working &= ~np.isin(clock.date, np.array(sorted(home.holidays), dtype="datetime64[D]"))
    return working


def _within(hour: NDArray[np.float64], windows: tuple[tuple[float, float], ...]) -> NDArray[np.bool_]:
    inside = np.zeros(len(hour), dtype=np.bool_)
    for begin, end in windows:
        inside |= (hour >= begin) & (hour < end)
    return inside
