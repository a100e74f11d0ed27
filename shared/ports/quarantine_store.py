"""Rows that were refused, with the reason; nothing that a gateway sent is thrown away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pandas as pd


class QuarantineStore(Protocol):
    """Refused readings: `site_id`, `device_id`, `timestamp` (as text), `reason`, `document` (JSON text), `stored_at`."""

    def put(self, rows: pd.DataFrame) -> int:
        """Keep the rows, once for each site, device, timestamp and reason; returns how many are new."""
        ...

    def read(self, *, site_id: str | None = None, limit: int = 100) -> pd.DataFrame:
        """The newest rows first."""
        ...

    def count(self, *, site_id: str | None = None) -> int: ...
