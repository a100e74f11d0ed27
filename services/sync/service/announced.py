"""What gateways announce of themselves, taken over by the cloud: sites, tariffs, prices."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from shared.contracts.sites import SiteDocument, TariffDocument
from shared.domain.site import Site
from shared.domain.tariff import Tariff
from shared.domain.time import EPOCH, Interval
from shared.ports.edge_store import EdgeAnnouncements
from shared.ports.price_store import PriceStore
from shared.ports.progress_store import Progress, ProgressStore
from shared.ports.site_store import SiteStore, TariffStore

ANNOUNCEMENT_STEP = "sync.announcement"
"""Its digest is that of the announcement that was taken over last."""

PRICES_AGAIN = timedelta(days=3)
PRICES_AHEAD = timedelta(days=14)

Announcement = tuple[Site, Tariff]


class Announced:
    """Announcements at the edge, and what the cloud has of them."""

    def __init__(
        self, *, announcements: EdgeAnnouncements, sites: SiteStore, tariffs: TariffStore, prices: PriceStore, progress: ProgressStore
    ) -> None:
        self._announcements = announcements
        self._sites = sites
        self._tariffs = tariffs
        self._prices = prices
        self._progress = progress

    def all(self) -> dict[str, Announcement]:
        """By site."""
        return {site.site_id: (site, tariff) for site, tariff in self._announcements.sites()}

    def register(self, site_id: str, announced: Announcement | None, *, now: datetime) -> bool:
        """Make the site known; True when something is new.

        An announcement is taken over when it differs from the one taken over last. Between two announcements the site and
        its tariff belong to whoever edits them in the cloud.
        """
        known = self._sites.get(site_id)
        if announced is None:
            return known is None and self._sites.put(Site(site_id=site_id))
        digest = _digest(*announced)
        taken = self._progress.get(step=ANNOUNCEMENT_STEP, site_id=site_id)
        if known is not None and taken is not None and taken.digest == digest:
            return False
        changed = self._sites.put(announced[0])
        changed |= self._tariffs.put(site_id, announced[1])
        self._progress.put(Progress(step=ANNOUNCEMENT_STEP, site_id=site_id, updated_at=now, digest=digest))
        return changed

    def copy_prices(self, series_ids: Sequence[str], *, everything: bool, now: datetime) -> int:
        """Copy announced prices from a little before the cloud's end, or all of them; returns the rows new or changed."""
        copied = 0
        for series_id in series_ids:
            extent = self._prices.extent(series_id=series_id)
            start = EPOCH if everything or extent is None else min(extent.end, now) - PRICES_AGAIN
            prices = self._announcements.prices(series_id=series_id, interval=Interval(start=start, end=now + PRICES_AHEAD))
            copied += self._prices.put(series_id, prices) if len(prices) else 0
        return copied


def _digest(site: Site, tariff: Tariff) -> str:
    """The same for the same words. Defaults are left out, so a new field does not change it."""
    documents = (SiteDocument.from_domain(site), TariffDocument.from_domain(tariff))
    words = "\n".join(document.model_dump_json(exclude_defaults=True) for document in documents)
    return hashlib.sha256(words.encode()).hexdigest()
