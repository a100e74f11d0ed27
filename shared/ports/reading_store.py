"""Readings in the cloud."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from shared.domain.time import Interval

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class UpsertCounts:
    """What an upsert did, by row."""

    inserted: int
    updated: int
    unchanged: int


class ReadingStore(Protocol):
    """Readings (`READING_COLUMNS`) by natural key; the newest write of a key wins."""

    def upsert(self, readings: pd.DataFrame, *, stored_at: datetime) -> UpsertCounts:
        """Durable when it returns; all rows or none. Rows equal to what is stored keep their old `stored_at`.

        Of a key that comes twice in one call the last row wins and is counted once. `stored_at` grows from write to write
        of a site: one that is not after the newest stored is moved just after it, so `changed_since` misses nothing.
        """
        ...

    def read(self, *, site_id: str, interval: Interval, columns: Sequence[str] | None = None, limit: int | None = None) -> pd.DataFrame:
        """Readings sorted by timestamp then device; the key columns always, `columns` of the others (None: all)."""
        ...

    def read_many(self, *, site_ids: Sequence[str], interval: Interval, columns: Sequence[str] | None = None) -> Iterator[pd.DataFrame]:
        """Readings of many sites in frames of some hundred thousand rows, one after the other: what is not kept takes no memory.

        Each frame holds whole sites, sorted by site, timestamp and device, and the next goes on behind it. Sites without
        readings in the interval are left out; an unknown column raises `KeyError` before the first frame.
        """
        ...

    def latest(self, *, site_id: str) -> pd.DataFrame:
        """The newest reading of each device."""
        ...

    def extent(self, *, site_id: str) -> tuple[Interval, int] | None:
        """From the first to just after the last timestamp, and the number of rows; None for none."""
        ...

    def ends(self, *, site_ids: Sequence[str]) -> dict[str, datetime]:
        """Just after the newest reading of each of these sites; a site without readings is left out."""
        ...

    def changed_since(self, *, site_id: str, stored_at: datetime) -> tuple[Interval, datetime] | None:
        """The interval that holds every timestamp stored after a moment, and the newest such moment; None for none."""
        ...

    def count_since(self, *, site_id: str, stored_at: datetime) -> int:
        """How many rows of a site were stored or changed after a moment."""
        ...
