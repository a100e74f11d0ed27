"""Readings of the gateway's own store, copied to a store on a server that may be away.

The gateway writes its own store first and alone; what the server lacks is found by comparing the two, so nothing that the
server missed is lost while the own store has it, and nothing is there twice, because both upsert by natural key.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from services.gateway_sim.service.announcing import AnnouncementMirror
from shared.domain.errors import InvalidValueError
from shared.domain.time import Interval
from shared.ports.edge_store import EdgeAnnouncements, EdgeExtent, EdgeMirror, EdgeStore
from shared.ports.errors import SupplierError

BATCH_ROWS = 1000
"""Readings a write: one request, stored whole or not at all."""
BATCHES = 10
"""Most writes a step, so that a long backlog does not hold up the end of the process."""
FIRST_WAIT = timedelta(seconds=1)
LONGEST_WAIT = timedelta(seconds=60)
MARGIN = timedelta(hours=1)
"""A server drops at once what is older than its retention, by its own clock: stay this far inside."""

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirrored:
    """How many readings were written, and whether the server lacks more of them."""

    rows: int
    behind: bool


@dataclass(slots=True, kw_only=True)
class _Span:
    """What the server has of this device: everything of the own store in `[start, end)`, for as long as it keeps it."""

    start: datetime
    end: datetime
    kept: timedelta


class MirrorService:
    """Copies one device's readings, and before them what its site announces. `retention` is how long the copies shall be kept,
    `step` the interval of the readings.

    Order: what is newer than the server's newest reading, oldest first; then what is older than its oldest, newest first.
    So the readings on the server are one stretch at any moment, and its two ends tell what is missing, also after a crash.
    """

    def __init__(
        self,
        *,
        site_id: str,
        device_id: str,
        step: timedelta,
        edge: EdgeStore,
        announcements: EdgeAnnouncements,
        mirror: EdgeMirror,
        retention: timedelta,
    ) -> None:
        if retention <= timedelta(0):
            raise InvalidValueError("retention", str(retention), "must be longer than zero")
        self._site_id = site_id
        self._device_id = device_id
        self._step = step
        self._edge = edge
        self._mirror = mirror
        self._announcements = AnnouncementMirror(site_id=site_id, own=announcements, mirror=mirror.announcements)
        self._retention = retention
        self._span: _Span | None = None
        self._failure: SupplierError | None = None
        self._wait = FIRST_WAIT
        self._again_at: datetime | None = None

    @property
    def another(self) -> str | None:
        """In one line, that somebody else writes under this site's name; None as long as nobody is seen to."""
        return self._announcements.another

    def prepare(self) -> timedelta | None:
        """Make the place for the copies; returns how long the server keeps them (None: for ever). Raises as the port says."""
        return self._mirror.prepare()

    def copy(self, *, now: datetime) -> Mirrored:
        """Write the next batches of what the server lacks.

        Raises `SupplierError` when a store fails. The server is then left alone for a while that doubles with each
        failure; until it is over the same error is raised again without asking.
        """
        if self._failure is not None and self._again_at is not None and now < self._again_at:
            raise self._failure.with_traceback(None)
        try:
            done = self._copy(now)
        except SupplierError as problem:
            self._span = None  # it may come back with less than it had: compare again
            self._announcements.forget()
            self._failure, self._again_at = problem, now + self._wait
            self._wait = min(2 * self._wait, LONGEST_WAIT)
            raise
        self._failure, self._again_at, self._wait = None, None, FIRST_WAIT
        return done

    def copy_all(self, *, now: datetime, progress: Callable[[int], None] = lambda _rows: None) -> int:
        """Write all that the server lacks; returns how many readings. Raises `SupplierError` when a store fails."""
        rows, behind = 0, True
        while behind:
            done = self.copy(now=now)
            rows, behind = rows + done.rows, done.behind
            progress(done.rows)
        return rows

    def _copy(self, now: datetime) -> Mirrored:
        own = self._extent(self._edge)
        if own is None:
            return Mirrored(rows=0, behind=False)
        span = self._span = self._span or self._compared(own, now)
        oldest, rows = _oldest(own, now, span.kept), 0
        self._announcements.copy(now=now, oldest=_kept_from(now, span.kept), kept=span.kept)
        for _ in range(BATCHES):
            if span.end <= own.last:
                rows += self._append(span, own.last + _INSTANT)
            elif span.start > oldest:
                rows += self._prepend(span, oldest)
            else:
                break
        return Mirrored(rows=rows, behind=span.end <= own.last or span.start > oldest)

    def _compared(self, own: EdgeExtent, now: datetime) -> _Span:
        """What the server surely has. Its newest and its oldest batch are written again: a crash may have cut them."""
        kept = min(self._retention, self._mirror.prepare() or self._retention)
        oldest, overlap = _oldest(own, now, kept), BATCH_ROWS * self._step
        theirs = self._extent(self._mirror)
        if theirs is None:
            return _Span(start=oldest, end=oldest, kept=kept)
        end = max(oldest, min(theirs.last, own.last) - overlap)
        return _Span(start=min(end, max(oldest, theirs.first + overlap)), end=end, kept=kept)

    def _append(self, span: _Span, end: datetime) -> int:
        """The next batch after the span."""
        page = self._edge.read(site_id=self._site_id, interval=Interval(start=span.end, end=end), limit=BATCH_ROWS)
        if len(page) == BATCH_ROWS:
            # more readings of the last moment may stand behind a full page: leave that moment to the next one
            end = max(_newest(page), span.end + _INSTANT)
            page = page[page["timestamp"] < end]
        rows = self._write(page)
        span.end = end
        return rows

    def _prepend(self, span: _Span, oldest: datetime) -> int:
        """The batch just before the span."""
        length = BATCH_ROWS * self._step
        while True:
            begin = max(oldest, span.start - length)
            page = self._edge.read(site_id=self._site_id, interval=Interval(start=begin, end=span.start), limit=BATCH_ROWS)
            if len(page) < BATCH_ROWS or length <= _INSTANT:
                break
            length /= 2
        rows = self._write(page)
        span.start = begin
        return rows

    def _write(self, page: pd.DataFrame) -> int:
        mine = page[page["device_id"] == self._device_id]
        return self._mirror.write(mine) if len(mine) else 0

    def _extent(self, store: EdgeStore) -> EdgeExtent | None:
        mine: Sequence[EdgeExtent] = [e for e in store.extents() if (e.site_id, e.device_id) == (self._site_id, self._device_id)]
        return mine[0] if mine else None


def _oldest(own: EdgeExtent, now: datetime, kept: timedelta) -> datetime:
    """The first moment to copy: nothing is older in the own store, or the server would drop what is."""
    return max(own.first, _kept_from(now, kept))


def _kept_from(now: datetime, kept: timedelta) -> datetime:
    return now - kept + min(MARGIN, kept / 20)


def _newest(page: pd.DataFrame) -> datetime:
    return pd.DatetimeIndex(page["timestamp"])[-1].to_pydatetime()
