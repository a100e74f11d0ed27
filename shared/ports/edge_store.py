"""The gateway's own store: its outbox. It is written first, and sync sweeps it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from shared.domain.site import Site
from shared.domain.tariff import Tariff
from shared.domain.time import Interval

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeExtent:
    """What the edge holds of one device."""

    site_id: str
    device_id: str
    first: datetime
    last: datetime
    rows: int


class EdgeStore(Protocol):
    """Readings as the gateway made them (`READING_COLUMNS`), upserted by natural key."""

    def write(self, readings: pd.DataFrame) -> int:
        """Durable when it returns. Returns the rows written. All rows or none."""
        ...

    def read(self, *, site_id: str, interval: Interval, limit: int) -> pd.DataFrame:
        """The oldest `limit` readings of the interval, sorted by timestamp then device."""
        ...

    def count(self, *, site_id: str, interval: Interval) -> int:
        """How many readings of a site an interval holds; they are counted where they are, not read."""
        ...

    def latest(self, *, site_id: str) -> pd.DataFrame:
        """The newest reading of each device (no rows for a site that has none)."""
        ...

    def extents(self) -> list[EdgeExtent]:
        """Every device that has readings, sorted by site then device."""
        ...

    def prune(self, *, before: datetime) -> int:
        """Delete readings older than a moment; returns how many."""
        ...


class EdgeMirror(EdgeStore, Protocol):
    """An edge store on a server, beside the gateway's own: there for others to read, and away at times."""

    @property
    def announcements(self) -> EdgeAnnouncements:
        """In the same place."""
        ...

    def prepare(self) -> timedelta | None:
        """Make the place for readings where it is missing; returns how long it keeps them (None: for ever).

        Asks once, without patience: `UnavailableError` when the server is away now, another `SupplierError` for what a
        person must mend (an unknown organization, a token without rights).
        """
        ...


class EdgeAnnouncements(Protocol):
    """What a gateway says of its site beside readings: its configuration, and prices that its supplier announced."""

    def announce_site(self, site: Site, tariff: Tariff) -> None:
        """Replace what is known of the site."""
        ...

    def sites(self) -> list[tuple[Site, Tariff]]:
        """Every announced site, sorted by id."""
        ...

    def announce_prices(self, series_id: str, prices: pd.DataFrame) -> int:
        """Upsert rows of `timestamp`, `price_per_kwh`, `published_at` by the two times; returns how many."""
        ...

    def prices(self, *, series_id: str, interval: Interval) -> pd.DataFrame:
        """Rows of `timestamp`, `price_per_kwh`, `published_at`, every publication, sorted by timestamp then publication."""
        ...
