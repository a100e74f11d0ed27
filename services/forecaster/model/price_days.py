"""A price on local days of 24 hours: the grid on which day-ahead markets trade, whatever the resolution of a site.

The hour that is skipped in spring is the mean of its neighbours, the one that is repeated in autumn the mean of both.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.forecaster.model.series import Indices, Series, Values

Matrix = NDArray[np.float64]
Cube = NDArray[np.float64]

HOURS = 24
SUNDAY = 6
SHAPE_DAYS = 28


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceDays:
    """The days of a series, and what is known ahead of each."""

    series: Series
    day: Indices
    """The local day of each step, shape (steps,), counted from the first."""
    hour: Indices
    """The local hour of each step, shape (steps,)."""
    exogenous: Cube
    """Columns known ahead, shape (days, 24, columns); NaN where a table does not reach."""
    weekday: Indices
    """Monday is 0, a public holiday counts as a Sunday, shape (days,)."""

    @property
    def count(self) -> int:
        return len(self.weekday)

    def hours(self, known: int) -> Matrix:
        """Mean prices of the steps before `known`, shape (days, 24); NaN where there is none."""
        values = self.series.values.copy()
        values[known:] = np.nan
        return _means(self, values)

    def first_unknown(self, known: int) -> int:
        """The first day of which something lies at or after `known`."""
        return int(self.day[known]) if known < len(self.day) else self.count

    def shape_within_hours(self, known: int) -> Values:
        """How far each step of a local day has lain from its hour's mean over the last 28 days, shape (steps a day,)."""
        series = self.series
        recent = np.arange(max(0, known - SHAPE_DAYS * series.per_day), known)
        apart = series.values[recent] - self.hours(known)[self.day[recent], self.hour[recent]]
        finite = np.isfinite(apart)
        place = series.steps_of_day()[recent][finite]
        sums = np.bincount(place, apart[finite], minlength=series.per_day)
        number = np.bincount(place, minlength=series.per_day)
        shape: Values = np.divide(sums, number, out=np.zeros(series.per_day), where=number > 0)
        return shape


def price_days(series: Series, *, exogenous: Sequence[str] = ()) -> PriceDays:
    """The days of a series with the named columns known ahead."""
    of_day = series.steps_of_day()
    day_step = np.timedelta64(24 * 3600 * 10**6 // series.per_day, "us")
    midnight = series.start.astype("datetime64[D]")
    local = int((series.start - midnight) // day_step) + np.arange(series.count) + series.local_shift
    number = (local - of_day) // series.per_day
    first = int(number[0]) if series.count else 0
    bare = PriceDays(
        series=series,
        day=(number - first).astype(np.int64),
        hour=(of_day // series.per_hour).astype(np.int64),
        exogenous=np.empty((int(number[-1]) - first + 1 if series.count else 0, HOURS, 0)),
        weekday=np.empty(int(number[-1]) - first + 1 if series.count else 0, dtype=np.int64),
    )
    columns = [_means(bare, series.ahead_or_nan(name)) for name in exogenous]
    since_epoch = midnight.astype(np.int64) + first + np.arange(bare.count)
    holiday = _means(bare, series.ahead_or_nan("is_holiday"))[:, HOURS // 2] > 0.5
    return PriceDays(
        series=series,
        day=bare.day,
        hour=bare.hour,
        exogenous=np.stack(columns, axis=2) if columns else bare.exogenous,
        # the first day of the epoch was a Thursday
        weekday=np.where(holiday, SUNDAY, (since_epoch + 3) % 7).astype(np.int64),
    )


def filled(hours: Matrix) -> Matrix:
    """Missing hours take the newest value at that hour before them, and those before any the first one after; 0 for none."""
    before = np.maximum.accumulate(np.where(np.isfinite(hours), np.arange(len(hours))[:, None], -1), axis=0)
    first = np.argmax(np.isfinite(hours), axis=0)
    taken = hours[np.where(before < 0, first, before), np.arange(HOURS)]
    complete: Matrix = np.nan_to_num(taken, nan=0.0)
    return complete


def _means(days: PriceDays, values: Values) -> Matrix:
    size = days.count * HOURS
    cell = days.day * HOURS + days.hour
    finite = np.isfinite(values)
    sums = np.bincount(cell[finite], values[finite], minlength=size)
    number = np.bincount(cell[finite], minlength=size)
    means = np.divide(sums, number, out=np.full(size, np.nan), where=number > 0)
    steps = np.bincount(cell, minlength=size)
    inner = np.flatnonzero(steps[1:-1] == 0) + 1
    skipped = inner[(steps[inner - 1] > 0) & (steps[inner + 1] > 0)]
    means[skipped] = (means[skipped - 1] + means[skipped + 1]) / 2.0
    table: Matrix = means.reshape(days.count, HOURS)
    return table
