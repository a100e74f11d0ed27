"""Which part of the edge store to copy next.

Rows arrive out of order, so a sweep begins an overlap before its watermark. Copying is idempotent: reading a row again
costs a comparison and changes nothing.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from shared.domain.time import Instants, Interval, from_instant64, instant64

OVERLAP = timedelta(hours=1)
"""How late a row may be to be found by the next sweep. Later ones come by the live path, or by the daily thorough sweep."""

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The oldest `limit` rows of an interval of the edge store."""

    interval: Interval
    limit: int


def is_thorough(*, last_run: datetime | None, now: datetime) -> bool:
    """Whether a sweep reads everything that the edge holds: the first one of each UTC day does, so no late row is lost."""
    return last_run is None or last_run.astimezone(UTC).date() != now.astimezone(UTC).date()


def first_window(extent: Interval, *, watermark: datetime | None, overlap: timedelta | None, limit: int) -> Window | None:
    """Where a sweep begins, with an edge that holds rows throughout `extent`; None when there is nothing to read.

    An overlap of None means all the way back.
    """
    start = extent.start if watermark is None or overlap is None else max(extent.start, watermark - overlap)
    return Window(interval=Interval(start=start, end=extent.end), limit=limit) if start < extent.end else None


def following(window: Window, timestamps: Instants, *, batch_size: int) -> Window | None:
    """What to read after a window gave rows with these sorted timestamps; None after the last.

    The next window begins at the newest timestamp read, not after it: the limit may have cut between two devices that
    share it. A window full of one timestamp cannot move on that way, so it is read again twice as large.
    """
    if len(timestamps) < window.limit:
        return None
    newest = from_instant64(timestamps[-1])
    if newest > window.interval.start:
        return Window(interval=Interval(start=newest, end=window.interval.end), limit=batch_size)
    return Window(interval=window.interval, limit=window.limit * 2)


def moved_watermark(watermark: datetime | None, timestamps: Instants, *, now: datetime) -> datetime | None:
    """The watermark after these rows are done: just behind the newest that is not in the future. It never goes back."""
    past = timestamps[timestamps <= instant64(now)]
    if not len(past):
        return watermark
    moved = from_instant64(np.max(past)) + _MICROSECOND
    return moved if watermark is None else max(watermark, moved)
