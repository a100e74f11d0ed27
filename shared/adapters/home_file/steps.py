"""Rows in order of time: repetitions, the step between them, and where they are missing."""

from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from shared.adapters.home_file.moments import Stamps
from shared.adapters.home_file.table import Table
from shared.domain.errors import InvalidValueError
from shared.domain.time import Interval, from_instant64

USUAL_SECONDS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 300, 600, 900, 1200, 1800, 3600)
JITTER = 0.02
"""A step within this share of a usual one is that one: loggers are a second early or late."""
MOST_GAPS = 10


def in_order(table: Table, stamps: Stamps) -> tuple[NDArray[np.int64], list[str]]:
    """Positions of the rows to keep, by time; of rows with the same time the last in the file is kept."""
    notes = []
    known = np.flatnonzero(~np.isnat(stamps))
    if len(known) < len(stamps):
        bad = int(np.isnat(stamps).argmax())
        notes.append(f"{len(stamps) - len(known)} rows have no time and were left out (the first: {table.where(bad)})")
    if not len(known):
        raise InvalidValueError("time column", "empty in every row", "give a file whose rows have times")
    order = known[np.argsort(stamps[known], kind="stable")]
    steps = np.diff(stamps[known]).astype(np.int64)
    if (steps < 0).any():
        notes.append("rows were not in order of time: sorted")
    last = np.append(np.diff(stamps[order]).astype(np.int64) > 0, [True])
    if not last.all():
        repeated = int((~last).sum())
        notes.append(
            f"{repeated} rows repeat a time (first {from_instant64(stamps[order][~last][0]).isoformat()}): the last of each was kept"
        )
    return order[last].astype(np.int64), notes


def detect_resolution(table: Table, stamps: Stamps) -> timedelta:
    """The commonest step between rows, at most 60 minutes. Raises `InvalidValueError` for one row alone or for longer steps."""
    if len(stamps) < 2:
        raise InvalidValueError(
            f"rows with different times in {table.path.name}", len(stamps), "give at least two, so that their step can be seen"
        )
    steps, counts = np.unique(np.diff(stamps).astype("timedelta64[us]").astype(np.int64), return_counts=True)
    seconds = float(steps[counts.argmax()]) / 1e6
    nearest = min(USUAL_SECONDS, key=lambda usual: abs(usual - seconds))
    if abs(nearest - seconds) <= JITTER * nearest:
        seconds = float(nearest)
    if not 1.0 <= seconds <= 3600.0:
        raise InvalidValueError(
            f"step between rows of {table.path.name}", str(timedelta(seconds=seconds)), "must be from 1 second to 60 minutes"
        )
    return timedelta(seconds=seconds)


def gaps(stamps: Stamps, resolution: timedelta) -> tuple[Interval, ...]:
    """The longest stretches without any row, longest first, at most ten."""
    micros = resolution // timedelta(microseconds=1)
    steps = np.diff(stamps).astype("timedelta64[us]").astype(np.int64)
    long = np.flatnonzero(steps > 1.5 * micros)
    longest = long[np.argsort(-steps[long], kind="stable")][:MOST_GAPS]
    return tuple(Interval(start=from_instant64(stamps[i]) + resolution, end=from_instant64(stamps[i + 1])) for i in longest)


def steps_in(interval: Interval, resolution: timedelta) -> int:
    """How many steps an interval has, at least one."""
    return max(1, round(interval.duration / resolution))
