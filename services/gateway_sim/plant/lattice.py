"""The household's own clock: whole UTC weeks in steps of twenty minutes, whatever is asked of it, so that a part equals the whole."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from services.gateway_sim.plant.noise import DAY_US, HOUR_US, Floats, Integers
from services.gateway_sim.plant.people import Days
from services.gateway_sim.plant.steps import LocalDays, Steps
from shared.domain.time import EPOCH

CELL_US = HOUR_US // 3
CELLS_A_DAY = 72
WEEK_CELLS = 7 * CELLS_A_DAY
SPIN_UP_CELLS = 3 * CELLS_A_DAY
"""Before each week: a house of middle weight forgets in them nine tenths of what it began with."""
_DAYS_BEFORE = 9
"""Of the calendar before the lattice: what the car has driven since it was last charged."""


@dataclass(frozen=True)
class Lattice:
    """`weeks` blocks of `WEEK_CELLS` cells after one spin-up of `SPIN_UP_CELLS`; one cell more, for lines to end in."""

    first_us: int
    weeks: int

    @classmethod
    def over(cls, steps: Steps) -> "Lattice":
        week_us = 7 * DAY_US
        begin, end = int(steps.starts_us[0]) // week_us, -(-(int(steps.starts_us[-1]) + steps.step_us) // week_us)
        return cls(first_us=begin * week_us - SPIN_UP_CELLS * CELL_US, weeks=end - begin)

    @property
    def count(self) -> int:
        return SPIN_UP_CELLS + self.weeks * WEEK_CELLS + 1

    @cached_property
    def middles_us(self) -> Integers:
        """The middle of each cell, shape (cells,)."""
        return self.first_us + CELL_US // 2 + np.arange(self.count, dtype=np.int64) * CELL_US

    def cells_of(self, instants_us: Integers) -> Integers:
        """The cell of each instant; of one outside, the nearest."""
        return np.clip((instants_us - self.first_us) // CELL_US, 0, self.count - 1)

    def day_rows(self, calendar: LocalDays) -> Integers:
        """The row in a calendar of the local day of each cell, shape (cells,)."""
        rows = np.arange(len(calendar.index))
        midnights = calendar.utc_us(rows, np.zeros(len(rows)))
        return np.searchsorted(midnights, self.middles_us, side="right") - 1

    def calendar(self, steps: Steps) -> LocalDays:
        """The local days of the lattice, with those that still matter before and after."""
        begin = EPOCH + timedelta(microseconds=self.first_us)
        end = begin + timedelta(microseconds=self.count * CELL_US)
        first = (begin.astimezone(steps.tz).date() - EPOCH.date()).days - _DAYS_BEFORE
        return LocalDays.between(first, (end.astimezone(steps.tz).date() - EPOCH.date()).days + 2, steps.tz)


@dataclass(frozen=True, slots=True)
class Occupancy:
    """How many people, in each cell of a lattice, shape (cells,)."""

    present: Integers
    awake: Integers
    """Present and awake."""
    away: NDArray[np.bool_]
    """Whether all are gone for nights."""


def occupancy_on(lattice: Lattice, days: Days) -> Occupancy:
    """Who is there and awake. A night after midnight belongs to the evening before."""
    rows, people = np.nonzero(days.out)
    gone = _ends(days.calendar, rows, people, days.leaves_hour[rows, people], days.returns_hour[rows, people])
    rows, people = np.nonzero(days.evening_out)
    evening = _ends(days.calendar, rows, people, days.evening_from_hour[rows, people], days.evening_until_hour[rows, people])
    starts, ends = days.trips.utc_us(days.calendar)
    count = days.out.shape[1]
    trips = (np.repeat(np.arange(count), len(starts)), np.tile(starts, count), np.tile(ends, count))
    rows, people = np.nonzero(np.ones_like(days.out[:-1]))
    asleep = _ends(days.calendar, rows, people, days.sleeps_hour[rows, people], 24.0 + days.wakes_hour[rows + 1, people])
    here = ~_inside(lattice, count, [gone, evening, trips])
    away = _inside(lattice, 1, [(np.zeros_like(starts), starts, ends)])[0]
    return Occupancy(present=here.sum(axis=0), awake=(here & ~_inside(lattice, count, [asleep])).sum(axis=0), away=away)


def _ends(calendar: LocalDays, rows: Integers, people: Integers, begin: Floats, end: Floats) -> tuple[Integers, Integers, Integers]:
    starts = calendar.utc_us(rows, begin)
    return people, starts, np.maximum(calendar.utc_us(rows, end), starts)


def _inside(lattice: Lattice, people: int, intervals: list[tuple[Integers, Integers, Integers]]) -> NDArray[np.bool_]:
    """Whether the middle of each cell lies in any interval of each person, shape (people, cells)."""
    width = lattice.count + 1
    person = np.concatenate([row for row, _, _ in intervals]) * width
    middle = int(lattice.middles_us[0])
    cells = [np.clip(-((middle - np.concatenate([part[k] for part in intervals])) // CELL_US), 0, lattice.count) for k in (1, 2)]
    begun, over = (np.bincount(person + cell, minlength=people * width).reshape(people, width) for cell in cells)
    return np.cumsum(begun - over, axis=1)[:, :-1] > 0
