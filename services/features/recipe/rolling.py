"""What was usual lately: the same time of day on earlier days, and the hours just before.

Invariant: the value of a step uses that step and earlier ones alone. Windows of days are local days, so the same time of
day means the same wall clock on both sides of a change of the offset.
"""

from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from shared.domain.time import LocalClock

Values = NDArray[np.float64]
Table = NDArray[np.float64]

ENVELOPE_DAYS = range(3, 17)
"""Days back that make the envelope: 14 of them, all of them over for at least 71 hours when a step begins."""
ENVELOPE_QUANTILE = 0.95


def same_time_of_day(values: Values, clock: LocalClock, *, step: timedelta, days_back: range) -> Table:
    """The values at the same wall clock so many local days back, shape (steps, days); day 0 is the step itself.

    Where a wall clock came twice on a day of 25 hours its earlier days' neighbours see the mean; where it never came, NaN.
    """
    day, slot = _place(clock, step)
    by_day = _by_day(values, day, slot, step)
    table = np.full((len(values), len(days_back)), np.nan)
    for column, back in enumerate(days_back):
        earlier = day - back
        if back == 0:
            table[:, column] = values
        else:
            table[:, column] = np.where(earlier >= 0, by_day[np.maximum(earlier, 0), slot], np.nan)
    return table


def clear_sky_envelope(solar_kw: Values, *, step: timedelta) -> Values:
    """What an array of unknown place makes at best at this time of day, shape (steps,).

    95th percentile of 14 days, by the sun's clock (whole days of UTC), from days that are over long before the step: so it
    is known two days ahead.
    """
    per_day = timedelta(days=1) // step
    index = np.arange(len(solar_kw))
    table = np.full((len(solar_kw), len(ENVELOPE_DAYS)), np.nan)
    for column, back in enumerate(ENVELOPE_DAYS):
        earlier = index - back * per_day
        table[:, column] = np.where(earlier >= 0, solar_kw[np.maximum(earlier, 0)], np.nan)
    return quantile(table, ENVELOPE_QUANTILE)


def mean(table: Table) -> Values:
    """Mean of what is known in each row, NaN where nothing is."""
    known = np.isfinite(table)
    count = known.sum(axis=1)
    return np.where(count > 0, np.where(known, table, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan)


def quantile(table: Table, share: float) -> Values:
    """Quantile of what is known in each row, between neighbours in proportion; NaN where nothing is known."""
    ordered = np.sort(table, axis=1)  # NaN sorts last
    count = np.isfinite(ordered).sum(axis=1)
    place = share * np.maximum(count - 1, 0)
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, np.maximum(count - 1, 0))
    rows = np.arange(len(table))
    lower, upper = ordered[rows, low], ordered[rows, high]
    between: Values = lower + (place - low) * (upper - lower)
    return between


def trailing_mean(values: Values, *, window: timedelta, step: timedelta) -> Values:
    """Mean over a window that ends with the step, shape (steps,); NaN where less than half of it is known."""
    total, count = _trailing_sums(values, window // step)
    enough = count * 2 >= window // step
    return np.where(enough, total / np.where(enough, count, 1.0), np.nan)


def trailing_ratio(above: Values, below: Values, *, window: timedelta, step: timedelta) -> Values:
    """Sum over sum of what both know in a window that ends with the step, shape (steps,); NaN where nothing is known."""
    both = np.isfinite(above) & np.isfinite(below)
    upper, count = _trailing_sums(np.where(both, above, np.nan), window // step)
    lower, _ = _trailing_sums(np.where(both, below, np.nan), window // step)
    enough = (count > 0) & (lower > 1e-9)
    return np.where(enough, upper / np.where(enough, lower, 1.0), np.nan)


def _trailing_sums(values: Values, width: int) -> tuple[Values, Values]:
    """Sum and number of the known values among the last `width`, this one included."""
    known = np.isfinite(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(known)])
    end = np.arange(1, len(values) + 1)
    begin = np.maximum(end - width, 0)
    return sums[end] - sums[begin], (counts[end] - counts[begin]).astype(np.float64)


def _place(clock: LocalClock, step: timedelta) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Local day since the grid's first, and step of the wall-clock day, of each step."""
    day = (clock.date - clock.date[:1]).astype(np.int64)
    return day, np.floor(clock.hour * 3600.0 / step.total_seconds() + 1e-9).astype(np.int64)


def _by_day(values: Values, day: NDArray[np.int64], slot: NDArray[np.int64], step: timedelta) -> Table:
    """Values by local day and wall clock, shape (days, steps of a day); the mean where a wall clock came twice."""
    slots = timedelta(days=1) // step
    days = int(day.max(initial=-1)) + 1
    known = np.isfinite(values)
    place = (day * slots + slot)[known]
    count = np.bincount(place, minlength=days * slots)
    total = np.bincount(place, weights=values[known], minlength=days * slots)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).reshape(days, slots)
