"""Signs of people at home: what a home uses when nobody does anything, and when it uses more.

Invariant: the value of a step uses that step and earlier ones alone.
"""

from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from services.features.recipe import rolling
from shared.domain.time import LocalClock

Values = NDArray[np.float64]

BASE_SHARE = 0.1
"""Of a day's values lie below its base load: the small hours, and hours without anybody."""
BASE_DAYS = 7
ACTIVE_DAYS = range(14)
ACTIVE_RATIO, ACTIVE_KW = 1.5, 0.05
"""More than so many times the base load, and so much above it, is somebody's doing."""
EVENING_HOURS = (18, 22)
REACH_DAYS = ACTIVE_DAYS.stop + BASE_DAYS


def occupancy(load: Values, clock: LocalClock, *, step: timedelta, rows: slice) -> dict[str, Values]:
    """Columns of shape (sites, rows); loads of shape (sites, steps) on a grid that begins at a UTC midnight."""
    base = _base_load(load, step)
    active = np.where(
        np.isfinite(load) & np.isfinite(base), (load > np.maximum(ACTIVE_RATIO * base, base + ACTIVE_KW)).astype(np.float64), np.nan
    )
    return {
        "base_load_kw": base[..., rows],
        "active_share_hour": rolling.mean(rolling.same_time_of_day(active, clock, step=step, days_back=ACTIVE_DAYS, rows=rows)),
        "load_last_evening_kw": _last_evening(load, clock, step, rows),
    }


def _base_load(load: Values, step: timedelta) -> Values:
    """The median over the last whole days (of UTC) of each day's lowest tenth, on the steps of the day."""
    per_day = timedelta(days=1) // step
    days = -(-load.shape[-1] // per_day)
    whole = np.full((*load.shape[:-1], days * per_day), np.nan)
    whole[..., : load.shape[-1]] = load
    lowest = rolling.quantile(whole.reshape(*load.shape[:-1], days, per_day), BASE_SHARE)
    back = np.arange(days)[:, None] - np.arange(1, BASE_DAYS + 1)
    base = rolling.quantile(np.where(back >= 0, lowest[..., np.maximum(back, 0)], np.nan), 0.5)
    return np.repeat(base, per_day, axis=-1)[..., : load.shape[-1]]


def _last_evening(load: Values, clock: LocalClock, step: timedelta, rows: slice) -> Values:
    """Mean of the last evening that is over when the step is."""
    day, slot = rolling.place_of(clock, step)
    slots = timedelta(days=1) // step
    first, last = (hour * slots // 24 for hour in EVENING_HOURS)
    table = rolling.by_day(load, day, slot, step)
    evenings = rolling.mean(table.reshape(*load.shape[:-1], -1, slots)[..., first:last])
    at = day[rows] - (slot[rows] < last - 1)
    return np.where(at >= 0, evenings[..., np.maximum(at, 0)], np.nan)
