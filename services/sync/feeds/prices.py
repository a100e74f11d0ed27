"""Prices of public suppliers into the cloud store: of every series that a tariff names and a supplier has."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from shared.domain.errors import InvalidValueError
from shared.domain.site import Site
from shared.domain.tariff import Tariff
from shared.domain.time import Interval
from shared.ports.errors import SupplierError, UnavailableError
from shared.ports.price_feed import PriceAnswer, PriceFeed
from shared.ports.price_store import PriceStore
from shared.ports.reading_store import ReadingStore
from shared.ports.site_store import SiteStore, TariffStore

AHEAD = timedelta(days=2)
"""Day-ahead prices reach to the end of tomorrow."""
AGAIN = timedelta(days=3)
"""Read again each time, for corrections."""
BACK = timedelta(days=35)
"""Of a home without history: what forecasts of prices look back on."""
FARTHEST_BACK = timedelta(days=400)
THOROUGH_EVERY = timedelta(days=1)
"""Everything is read again, so that what an outage left out comes in."""
REFUSED_AGAIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesFetch:
    """What one series brought."""

    series_id: str
    site_ids: tuple[str, ...]
    """Whose tariffs name it."""
    rows: int = 0
    """New or changed."""
    problem: str | None = None
    """Why nothing newer could be had."""


class PriceFeedService:
    """Fetches; every method may be repeated."""

    def __init__(
        self, *, sites: SiteStore, tariffs: TariffStore, readings: ReadingStore, prices: PriceStore, feed: Callable[[], PriceFeed]
    ) -> None:
        """`feed` is opened when a tariff first names a series, because few homes need it."""
        self._sites, self._tariffs, self._readings, self._prices = sites, tariffs, readings, prices
        self._feed = feed
        self._whole_since: dict[str, datetime] = {}
        self._refused: dict[str, tuple[datetime, str]] = {}

    def fetch(self, *, now: datetime, now_at: Callable[[Site], datetime]) -> list[SeriesFetch]:
        """Ask for what each series lacks; a supplier that fails stops no other. `now_at` is the time of a site."""
        wanted: dict[str, list[tuple[Site, Tariff]]] = {}
        for site, tariff, series_id in self._named():
            wanted.setdefault(series_id, []).append((site, tariff))
        return [self._fetch(series_id, homes, now=now, now_at=now_at) for series_id, homes in sorted(wanted.items())]

    def _named(self) -> Iterator[tuple[Site, Tariff, str]]:
        for site in self._sites.list():
            tariff = self._tariffs.get(site.site_id)
            for series_id in tariff.series_ids if tariff else ():
                if tariff and ":" in series_id and self._feed().knows(series_id):
                    yield site, tariff, series_id

    def _fetch(self, series_id: str, homes: list[tuple[Site, Tariff]], *, now: datetime, now_at: Callable[[Site], datetime]) -> SeriesFetch:
        done = SeriesFetch(series_id=series_id, site_ids=tuple(site.site_id for site, _ in homes))
        until, words = self._refused.get(series_id, (now, ""))
        if now < until:
            return SeriesFetch(series_id=series_id, site_ids=done.site_ids, problem=words)
        thorough = now - self._whole_since.get(series_id, now - THOROUGH_EVERY) >= THOROUGH_EVERY
        rows, problem = 0, None
        try:
            for interval in {self._wanted(site, now_at(site), thorough=thorough): None for site, _ in homes}:
                answer = self._feed().read(series_id, interval=interval, now=now)
                _require_currency(series_id, answer, homes)
                rows += self._put(series_id, interval, answer.prices)
                problem = problem or answer.origin.problem
        except UnavailableError as failure:
            problem = str(failure)
        except (SupplierError, InvalidValueError) as failure:
            problem = str(failure)
            self._refused[series_id] = (now + REFUSED_AGAIN, problem)
        if problem is None and thorough:
            self._whole_since[series_id] = now
        return SeriesFetch(series_id=series_id, site_ids=done.site_ids, rows=rows, problem=problem)

    def _wanted(self, site: Site, now: datetime, *, thorough: bool) -> Interval:
        extent = self._readings.extent(site_id=site.site_id) if thorough else None
        start = now - AGAIN
        if thorough:
            start = max(now - FARTHEST_BACK, min(now - BACK, extent[0].start if extent else now))
        # whole days, so that homes of one zone ask for one thing
        return Interval(
            start=start.replace(hour=0, minute=0, second=0, microsecond=0), end=(now + AHEAD).replace(minute=0, second=0, microsecond=0)
        )

    def _put(self, series_id: str, interval: Interval, prices: pd.DataFrame) -> int:
        """Only what is new or changed: a price that was known before keeps the moment from which it was known."""
        known = self._prices.read(series_id=series_id, interval=interval).set_index("timestamp")["price_per_kwh"]
        news = prices[(prices["price_per_kwh"] != known.reindex(prices["timestamp"]).to_numpy())]
        return self._prices.put(series_id, news) if len(news) else 0


def _require_currency(series_id: str, answer: PriceAnswer, homes: list[tuple[Site, Tariff]]) -> None:
    for site, tariff in homes:
        if tariff.currency != answer.currency:
            raise InvalidValueError(
                f"currency of the tariff of site {site.site_id!r}",
                tariff.currency,
                f"series {series_id} is in {answer.currency}; write that in the tariff",
            )
