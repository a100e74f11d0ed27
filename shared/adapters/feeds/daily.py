"""A series that a supplier gives by days: each day is kept, and asked for again only when something newer can be expected of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from shared.adapters.feeds.kept import Kept, Key, Record
from shared.adapters.feeds.turns import Turns
from shared.domain.time import Interval, format_instant
from shared.ports.errors import SupplierError
from shared.ports.origin import Freshness


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a supplier answered to one question: rows with a `timestamp`, and what it said of them."""

    rows: pd.DataFrame
    about: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is known of the days that were asked for."""

    rows: pd.DataFrame
    about: Mapping[str, str]
    """Of the newest record."""
    fetched_at: datetime
    """Of the newest record."""
    freshness: Freshness
    problem: str | None


Due = Callable[[Interval, Record | None], bool]
"""Whether a day is worth a question, with what is kept of it."""
Ask = Callable[[Interval], Given]
"""One question over whole days."""
Merge = Callable[[Interval, Record | None, pd.DataFrame], pd.DataFrame]
"""The rows of a day, of what was kept of it and of what the supplier gave just now."""


def only_newest(_day: Interval, _before: Record | None, rows: pd.DataFrame) -> pd.DataFrame:
    """A `Merge`: what was given last is all there is."""
    return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Daily:
    """One series of a supplier."""

    key: Key
    kept: Kept
    turns: Turns
    ask: Ask
    due: Due
    longest: timedelta
    """Of one question."""
    merge: Merge = only_newest

    def read(self, days: Sequence[Interval], *, now: datetime) -> Found:
        """What is known of consecutive days, the due ones asked for first. A supplier that fails is raised when nothing is known at all."""
        failure: SupplierError | None = None
        asked = False
        if any(self.due(day, self._record(day)) for day in days):
            try:
                with self.turns.held(now):
                    asked = self._refresh(days, now)
            except SupplierError as problem:
                failure = problem
        records = [record for day in days if (record := self._record(day)) is not None]
        if failure and all(record.rows.empty for record in records):
            raise failure
        newest = max(records, key=lambda record: record.fetched_at)
        filled = [record.rows for record in records if len(record.rows)]
        return Found(
            rows=pd.concat(filled, ignore_index=True) if filled else newest.rows,
            about=newest.about,
            fetched_at=newest.fetched_at,
            freshness=Freshness.LAST_KNOWN if failure else Freshness.FRESH if asked else Freshness.CACHED,
            problem=str(failure) if failure else None,
        )

    def _refresh(self, days: Sequence[Interval], now: datetime) -> bool:
        """Ask for what is due still, now that the turn is ours: another process may have asked meanwhile."""
        spans = list(_spans([day for day in days if self.due(day, self._record(day))], self.longest))
        for span in spans:
            self.turns.wait()
            given = self.ask(Interval(start=span[0].start, end=span[-1].end))
            for day in span:
                stamps = given.rows["timestamp"]
                rows = given.rows[(stamps >= day.start) & (stamps < day.end)].reset_index(drop=True)
                merged = self.merge(day, self._record(day), rows)
                self.kept.put(self._key(day), Record(fetched_at=now, rows=merged, about=given.about))
        return bool(spans)

    def _record(self, day: Interval) -> Record | None:
        return self.kept.get(self._key(day))

    def _key(self, day: Interval) -> Key:
        return (*self.key, format_instant(day.start))


def _spans(days: Sequence[Interval], longest: timedelta) -> Iterator[list[Interval]]:
    """Days in order as stretches without a gap, none longer than that."""
    span: list[Interval] = []
    for day in days:
        if span and (day.start != span[-1].end or day.end - span[0].start > longest):
            yield span
            span = []
        span.append(day)
    if span:
        yield span
