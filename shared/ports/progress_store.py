"""How far each step has come: its watermark, and how its last run went."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A step's state for one site."""

    step: str
    """Such as `sync`, `features`, `forecast`."""
    site_id: str
    watermark: datetime | None = None
    """Everything before it is done."""
    updated_at: datetime
    rows: int = 0
    """Handled since the beginning."""
    rejected: int = 0
    last_error: str | None = None
    digest: str | None = None
    """Of what the step was last made with, where it must begin anew when that changes."""


class ProgressStore(Protocol):
    """Written last in every step."""

    def get(self, *, step: str, site_id: str) -> Progress | None: ...

    def put(self, progress: Progress) -> None: ...

    def list(self, *, step: str) -> list[Progress]:
        """Sorted by site."""
        ...
