"""Where data of a supplier comes from, how old it is, and whether the supplier answers."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Freshness(StrEnum):
    """How what is served came about."""

    FRESH = "fresh"
    """The supplier was asked for it just now."""
    CACHED = "cached"
    """Kept from before, and young enough not to be asked for again."""
    LAST_KNOWN = "last_known"
    """Kept from before, because the supplier did not give anything newer; `Origin.problem` says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What an answer says of itself."""

    supplier: str
    attribution: str
    """To be shown wherever the data is."""
    licence_url: str
    resolution: timedelta
    fetched_at: datetime
    """When the newest part of the answer was heard of the supplier."""
    freshness: Freshness
    problem: str | None = None
    """Why nothing newer could be had (or kept), in one line."""

    def age(self, now: datetime) -> timedelta:
        """Since the supplier was heard last; never negative."""
        return max(now - self.fetched_at, timedelta(0))
