"""Schedules, as they were issued."""

from datetime import datetime
from typing import Protocol

from shared.domain.schedule import Schedule


class ScheduleStore(Protocol):
    """By site and moment of issue."""

    def put(self, schedule: Schedule) -> None:
        """Create or replace."""
        ...

    def get(self, schedule_id: str) -> Schedule | None: ...

    def latest(self, *, site_id: str, as_of: datetime | None = None) -> Schedule | None:
        """The newest issued at or before `as_of` (None: the newest of all)."""
        ...

    def list_ids(self, *, site_id: str, limit: int = 100) -> list[str]:
        """Newest first."""
        ...
