"""What a gateway announced at its own store, copied to a store on a server: its site, its tariff, its supplier's prices."""

from datetime import datetime, timedelta

import pandas as pd

from shared.domain.site import Site
from shared.domain.tariff import Tariff
from shared.domain.time import Interval
from shared.ports.edge_store import EdgeAnnouncements

LOOK_EVERY = timedelta(minutes=1)
"""How late news of the own store may be copied; readings carry them to the cloud no sooner."""
PRICES_AHEAD = timedelta(days=14)

_COLUMNS = ["timestamp", "published_at", "price_per_kwh"]


class AnnouncementMirror:
    """Copies one site's announcements. What it has written it does not write again, save to outlive the server's retention."""

    def __init__(self, *, site_id: str, own: EdgeAnnouncements, mirror: EdgeAnnouncements) -> None:
        self._site_id = site_id
        self._own = own
        self._mirror = mirror
        self._looked: datetime | None = None
        self._written: tuple[Site, Tariff] | None = None
        self._written_at: datetime | None = None
        self._prices: dict[str, pd.DataFrame] = {}
        self.another: str | None = None
        """What somebody else announces under this site's name; None as long as nobody does."""

    def forget(self) -> None:
        """The server may have lost something: compare again."""
        self._looked = self._written = self._written_at = None
        self._prices.clear()

    def copy(self, *, now: datetime, oldest: datetime, kept: timedelta) -> None:
        """Write what the server lacks, from `oldest` on; it keeps things for `kept`. Raises `SupplierError` when a store fails."""
        if self._looked is not None and timedelta(0) <= now - self._looked < LOOK_EVERY:
            return
        mine = next((found for found in self._own.sites() if found[0].site_id == self._site_id), None)
        if mine is not None:
            self._copy_site(mine, now=now, kept=kept)
            for series_id in mine[1].series_ids:
                self._copy_prices(series_id, Interval(start=min(oldest, now), end=now + PRICES_AHEAD))
        self._looked = now

    def _copy_site(self, mine: tuple[Site, Tariff], *, now: datetime, kept: timedelta) -> None:
        there = next((found for found in self._mirror.sites() if found[0].site_id == self._site_id), None)
        if self._written is not None and there is not None and there != self._written:
            self.another = (
                f"another gateway calls itself site {self._site_id!r} in the same bucket, and their readings mix; "
                "give each a site_id of its own in its configuration"
            )
        renewed = self._written_at is not None and now - self._written_at < min(kept / 4, timedelta(days=1))
        if there != mine or not renewed:
            self._mirror.announce_site(*mine)
            self._written, self._written_at = mine, now

    def _copy_prices(self, series_id: str, interval: Interval) -> None:
        own = self._own.prices(series_id=series_id, interval=interval)
        if series_id not in self._prices:
            self._prices[series_id] = self._mirror.prices(series_id=series_id, interval=interval)
        known = self._prices[series_id]
        new = own[~pd.MultiIndex.from_frame(own[_COLUMNS]).isin(pd.MultiIndex.from_frame(known[_COLUMNS]))]
        if len(new):
            self._mirror.announce_prices(series_id, new)
        self._prices[series_id] = own
