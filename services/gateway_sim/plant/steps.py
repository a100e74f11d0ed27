"""The steps of a simulation, the finer instants at which its physics is looked at, and local days in UTC."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from services.gateway_sim.plant.noise import DAY_US, HOUR_US, Floats, Integers
from shared.domain.time import EPOCH, TimeGrid

FINEST_US = 300_000_000
"""Longer steps are means of parts of five minutes, so 5, 15 and 60 minutes tell the same day."""

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Steps:
    """A grid of steps at a place in local time; all arrays are computed once and shared by the models."""

    grid: TimeGrid
    tz: ZoneInfo

    @property
    def step_us(self) -> int:
        return self.grid.step // _MICROSECOND

    @cached_property
    def parts(self) -> int:
        """Into how many equal parts each step is cut, of whole microseconds where a few more parts allow it."""
        least = max(1, -(-self.step_us // FINEST_US))
        return next((parts for parts in range(least, 2 * least) if self.step_us % parts == 0), least)

    @cached_property
    def grid_of_parts(self) -> TimeGrid:
        """The parts as steps of their own; the grid itself where its steps do not divide into whole microseconds."""
        if self.step_us % self.parts:
            return self.grid
        return TimeGrid(start=self.grid.start, step=self.grid.step // self.parts, count=self.grid.count * self.parts)

    @cached_property
    def starts_us(self) -> Integers:
        """Start of each step in microseconds since the epoch, shape (steps,)."""
        first = (self.grid.start - EPOCH) // _MICROSECOND
        return first + np.arange(self.grid.count, dtype=np.int64) * self.step_us

    @cached_property
    def instants_us(self) -> Integers:
        """The middle of each part, shape (steps x parts,)."""
        middles = (2 * np.arange(self.parts, dtype=np.int64) + 1) * self.step_us // (2 * self.parts)
        return (self.starts_us[:, None] + middles[None, :]).ravel()

    def mean(self, values: Floats) -> Floats:
        """Means over the steps of values at the instants, shape (steps,)."""
        if self.parts == 1:
            return values
        cells = values.reshape(-1, self.parts)
        total = np.zeros(len(cells))
        for part in range(self.parts):
            total += cells[:, part]
        return total / self.parts

    def mean_of_runs(self, starts_us: Integers, ends_us: Integers, power_kw: Floats) -> Floats:
        """Mean power over the steps of things that each run from a start to an end, shape (steps,)."""
        total = np.zeros(self.grid.count)
        if not self.grid.count:
            return total
        origin = int(self.starts_us[0])
        first = np.maximum((starts_us - origin) // self.step_us, 0)
        last = np.minimum((ends_us - 1 - origin) // self.step_us, self.grid.count - 1)
        touched = np.maximum(last - first + 1, 0)
        run = np.repeat(np.arange(len(starts_us)), touched)
        step = np.arange(len(run)) - np.repeat(np.cumsum(touched) - touched, touched) + first[run]
        begin = origin + step * self.step_us
        overlap = np.minimum(ends_us[run], begin + self.step_us) - np.maximum(starts_us[run], begin)
        shares = overlap / self.step_us
        np.add.at(total, step, power_kw[run] * shares)
        return total


@dataclass(frozen=True)
class LocalDays:
    """Consecutive local days: their number since 1970-01-01, and the way from wall-clock hours to UTC."""

    index: Integers
    night_offset_us: Integers
    """UTC offset at midnight."""
    day_offset_us: Integers
    """UTC offset at noon: clocks change at night."""

    @classmethod
    def between(cls, first: int, last: int, tz: ZoneInfo) -> "LocalDays":
        offsets = np.array([[_offset_us(day, hour, tz) for hour in (0, 12)] for day in range(first, last + 1)], dtype=np.int64)
        return cls(index=np.arange(first, last + 1, dtype=np.int64), night_offset_us=offsets[:, 0], day_offset_us=offsets[:, 1])

    @property
    def weekend(self) -> NDArray[np.bool_]:
        return np.asarray((self.index + 3) % 7 >= 5)  # 1970-01-01 was a Thursday

    def utc_us(self, rows: Integers, hour: Floats) -> Integers:
        """Instants of wall-clock hours counted from the midnights of days (beyond 24: the next day)."""
        wall = self.index[rows] * DAY_US + np.round(hour * HOUR_US).astype(np.int64)
        row = np.clip(wall // DAY_US - self.index[0], 0, len(self.index) - 1)
        early = wall % DAY_US < 3 * HOUR_US
        instants: Integers = wall - np.where(early, self.night_offset_us[row], self.day_offset_us[row])
        return instants


def instants64(instants_us: Integers) -> NDArray[np.datetime64]:
    """Microseconds since the epoch as naive UTC `datetime64[us]`."""
    return instants_us.astype("datetime64[us]")


@lru_cache(maxsize=16_384)
def _offset_us(day: int, hour: int, tz: ZoneInfo) -> int:
    naive = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day, hours=hour)
    offset = tz.utcoffset(naive.replace(tzinfo=tz)) or timedelta(0)
    return offset // _MICROSECOND
