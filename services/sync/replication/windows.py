"""Which part of the edge store to copy next.

Rows arrive out of order, so a sweep begins an overlap before its watermark. Copying is idempotent: reading a row again
costs a comparison and changes nothing. After an outage the newest rows go first; the backlog follows oldest first, and the
watermark with it, so that nothing below the watermark is ever missing, wherever the process ends.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from shared.domain.time import EPOCH, Instants, Interval, from_instant64, instant64

OVERLAP = timedelta(hours=1)
"""How late a row may be to be found by the next sweep. Later ones come by the live path, or by the daily thorough sweep."""
FRESH = timedelta(hours=1)
"""What is copied first when much is waiting."""

_MICROSECOND = timedelta(microseconds=1)
_LEAST = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a sweep copies of a site, in this order."""

    fresh: Interval
    """The newest rows; all there is to do when there is no backlog."""
    backlog: Interval | None = None
    """What lies before them."""

    def shorter(self) -> "Plan | None":
        """The same with half as much first; None when that would hardly be anything."""
        length = self.fresh.duration / 2
        if self.backlog is None or length < _LEAST:
            return None
        edge = self.fresh.end - length
        return Plan(fresh=Interval(start=edge, end=self.fresh.end), backlog=Interval(start=self.backlog.start, end=edge))


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The oldest `limit` rows of an interval of the edge store."""

    interval: Interval
    limit: int


def is_thorough(*, last_run: datetime | None, covered_from: datetime | None, first: datetime, now: datetime) -> bool:
    """Whether a sweep reads everything that the edge holds, so that no late row is lost: the first one of each UTC day does,
    and the one that finds the edge's first row older than the last thorough sweep did (`covered_from`).
    """
    if last_run is None or last_run.astimezone(UTC).date() != now.astimezone(UTC).date():
        return True
    return covered_from is None or first < covered_from


def plan(extent: Interval, *, watermark: datetime | None, thorough: bool, now: datetime) -> Plan | None:
    """What to copy of an edge that holds rows throughout `extent`; None when there is nothing."""
    start = extent.start if watermark is None or thorough else max(extent.start, watermark - OVERLAP)
    if start >= extent.end:
        return None
    newest = max(start, min(extent.end, max(now, EPOCH)))  # a clock far ahead must not make the past look old
    fresh = newest - FRESH
    if fresh - OVERLAP <= start:  # a sweep that is not behind reads its overlap and a little more
        return Plan(fresh=Interval(start=start, end=extent.end))
    return Plan(fresh=Interval(start=fresh, end=extent.end), backlog=Interval(start=start, end=fresh))


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


def done_until(timestamps: Instants, after: Window | None, *, now: datetime) -> datetime | None:
    """Until when everything from a window's start on is copied, once its rows with these sorted timestamps are: where the
    next window begins, or just behind the newest row that is not in the future; None when there is none of those.
    """
    past = timestamps[timestamps <= instant64(now)]
    if after is not None:
        return min(after.interval.start, now)
    return from_instant64(np.max(past)) + _MICROSECOND if len(past) else None


def later(one: datetime | None, other: datetime | None) -> datetime | None:
    """The later of two moments that may not be there: a watermark never goes back."""
    return max((moment for moment in (one, other) if moment is not None), default=None)
