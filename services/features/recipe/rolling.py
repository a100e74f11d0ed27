"""What was usual lately: the same time of day on earlier days, and the hours just before.

Values have the shape (..., steps): of one site, or a row for each of many.

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


def same_time_of_day(values: Values, clock: LocalClock, *, step: timedelta, days_back: range, rows: slice = slice(None)) -> Table:
    """The values at the same wall clock so many local days back, shape (..., rows, days); day 0 is the step itself.

    Where a wall clock came twice on a day of 25 hours its earlier days' neighbours see the mean; where it never came, NaN.
    """
    day, slot = place_of(clock, step)
    slots = timedelta(days=1) // step
    flat = by_day(values, day, slot, step)
    earlier = day[rows, None] - np.array(days_back)
    table = flat[..., np.maximum(earlier, 0) * slots + slot[rows, None]]
    table[..., earlier < 0] = np.nan
    if 0 in days_back:
        table[..., days_back.index(0)] = values[..., rows]
    return table


def clear_sky_envelope(solar_kw: Values, *, step: timedelta, rows: slice = slice(None)) -> Values:
    """What an array of unknown place makes at best at this time of day, shape (..., rows).

    95th percentile of 14 days, by the sun's clock (whole days of UTC), from days that are over long before the step: so it
    is known two days ahead.
    """
    earlier = np.arange(solar_kw.shape[-1])[rows, None] - np.array(ENVELOPE_DAYS) * (timedelta(days=1) // step)
    table = solar_kw[..., np.maximum(earlier, 0)]
    table[..., earlier < 0] = np.nan
    return quantile(table, ENVELOPE_QUANTILE)


def mean(table: Table) -> Values:
    """Mean of what is known along the last axis, NaN where nothing is."""
    known = np.isfinite(table)
    count = known.sum(axis=-1)
    means: Values = np.where(known, table, 0.0).sum(axis=-1) / np.maximum(count, 1)
    return np.where(count > 0, means, np.nan)


def quantile(table: Table, share: float) -> Values:
    """Quantile of what is known along the last axis, between neighbours in proportion; NaN where nothing is known."""
    ordered = np.sort(table, axis=-1)  # NaN sorts last
    last = np.maximum(np.isfinite(ordered).sum(axis=-1) - 1, 0)
    place = share * last
    low = np.floor(place).astype(np.int64)
    lower, upper = (np.take_along_axis(ordered, at[..., None], axis=-1)[..., 0] for at in (low, np.minimum(low + 1, last)))
    between: Values = lower + (place - low) * (upper - lower)
    return between


def trailing_mean(values: Values, *, window: timedelta, step: timedelta, rows: slice = slice(None)) -> Values:
    """Mean over a window that ends with the step, shape (..., rows); NaN where less than half of it is known."""
    total, count = _trailing_sums(values, window // step, rows)
    enough = count * 2 >= window // step
    return np.where(enough, total / np.where(enough, count, 1.0), np.nan)


def trailing_ratio(above: Values, below: Values, *, window: timedelta, step: timedelta, rows: slice = slice(None)) -> Values:
    """Sum over sum of what both know in a window that ends with the step, shape (..., rows); NaN where nothing is known."""
    both = np.isfinite(above) & np.isfinite(below)
    upper, count = _trailing_sums(np.where(both, above, np.nan), window // step, rows)
    lower, _ = _trailing_sums(np.where(both, below, np.nan), window // step, rows)
    enough = (count > 0) & (lower > 1e-9)
    return np.where(enough, upper / np.where(enough, lower, 1.0), np.nan)


def place_of(clock: LocalClock, step: timedelta) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Local day since the grid's first, and step of the wall-clock day, of each step."""
    day = (clock.date - clock.date[:1]).astype(np.int64)
    return day, np.floor(clock.hour * 3600.0 / step.total_seconds() + 1e-9).astype(np.int64)


def by_day(values: Values, day: NDArray[np.int64], slot: NDArray[np.int64], step: timedelta) -> Table:
    """Values by local day and wall clock, shape (..., days x steps of a day); the mean where a wall clock came twice."""
    slots = timedelta(days=1) // step
    place = day * slots + slot
    table = np.full((*values.shape[:-1], (int(day.max(initial=-1)) + 1) * slots), np.nan)
    table[..., place] = values
    places, count = np.unique(place, return_counts=True)
    for twice in places[count > 1]:
        table[..., twice] = mean(values[..., place == twice])
    return table


def _trailing_sums(values: Values, width: int, rows: slice) -> tuple[Values, Values]:
    """Sum and number of the known values among the last `width`, this one included."""
    known = np.isfinite(values)
    sums, counts = (np.zeros((*values.shape[:-1], values.shape[-1] + 1)) for _ in range(2))
    np.cumsum(np.where(known, values, 0.0), axis=-1, out=sums[..., 1:])
    np.cumsum(known, axis=-1, out=counts[..., 1:])
    end = np.arange(1, values.shape[-1] + 1)[rows]
    begin = np.maximum(end - width, 0)
    return sums[..., end] - sums[..., begin], counts[..., end] - counts[..., begin]
