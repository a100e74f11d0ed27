"""Named price series, each value with the moment it was published."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from shared.domain.time import Interval

if TYPE_CHECKING:
    import pandas as pd


class PriceStore(Protocol):
    """Rows of `timestamp`, `price_per_kwh`, `published_at`; every publication is kept, the newest of a timestamp wins."""

    def put(self, series_id: str, prices: pd.DataFrame) -> int:
        """Upsert; returns the rows that are new or changed."""
        ...

    def read(self, *, series_id: str, interval: Interval, as_of: datetime | None = None) -> pd.DataFrame:
        """One row for each timestamp of the interval, the newest published at or before `as_of` (None: of all), sorted."""
        ...

    def extent(self, *, series_id: str) -> Interval | None:
        """From the first to just after the last timestamp; None for none."""
        ...
