"""What must be made of a site's table: all of it, or what changed since the last time."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.features.recipe.table import reach
from shared.contracts.sites import SiteDocument, TariffDocument
from shared.domain.place import Place
from shared.domain.site import Site
from shared.domain.tariff import Tariff
from shared.domain.time import EPOCH, Interval, ceil_to, floor_to
from shared.ports.feature_store import FeatureStore
from shared.ports.progress_store import ProgressStore
from shared.ports.reading_store import ReadingStore
from shared.ports.site_store import TariffStore
from shared.ports.weather_store import WeatherExtent, WeatherStore

STEP = "features"
"""Its watermark is the newest `stored_at` of the readings that are in the table."""
INPUTS_STEP = "features.inputs"
"""Its digest is that of the site, tariff and catalog that the table was made with."""

HORIZON = timedelta(hours=49)
"""How far beyond now the columns that are known ahead are written."""
RECENT = timedelta(days=2)
"""Made again each time: prices that were published or corrected since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What must be made of a site's table now."""

    site: Site
    tariff: Tariff | None
    now: datetime
    intervals: tuple[Interval, ...]
    """Apart from each other, in order; at least one."""
    watermark: datetime | None
    """Of the readings that will be in it."""
    digest: str
    """Of what else it is made with."""

    @property
    def whole(self) -> Interval:
        """From the first to the last of the intervals."""
        return Interval(start=self.intervals[0].start, end=self.intervals[-1].end)


class Agenda:
    """Finds what is due, for one use case: sites of one place share what they ask of its weather."""

    def __init__(
        self,
        *,
        tariffs: TariffStore,
        readings: ReadingStore,
        weather: WeatherStore,
        features: FeatureStore,
        progress: ProgressStore,
        window_days: int,
        catalog_version: str,
    ) -> None:
        self._tariffs = tariffs
        self._readings = readings
        self._weather = weather
        self._features = features
        self._progress = progress
        self._window_days = window_days
        self._catalog_version = catalog_version
        self._extents: dict[Place, WeatherExtent | None] = {}

    def whole(self, site: Site, now: datetime, lookback: timedelta | None) -> Due:
        """The table of the last `lookback` (None: of all readings) and of what is known ahead."""
        newest = self._readings.changed_since(site_id=site.site_id, stored_at=EPOCH)
        start = self._earliest(site, now, lookback)
        return self._due(site, now, [_until_horizon(start, site, now)], watermark=newest[1] if newest else None)

    def changed(self, site: Site, now: datetime, lookback: timedelta | None) -> Due:
        """What changed since the last build, and what is recent or ahead; `whole` where there was none.

        Late rows touch as many days after them as windows reach. Another site, tariff or catalog touches everything.
        """
        before = self._progress.get(step=STEP, site_id=site.site_id)
        if before is None or before.watermark is None:
            return self.whole(site, now, lookback)
        inputs = self._progress.get(step=INPUTS_STEP, site_id=site.site_id)
        newest = self._readings.changed_since(site_id=site.site_id, stored_at=before.watermark)
        recent = _until_horizon(min(now - RECENT, before.updated_at), site, now)
        due = self._due(site, now, [recent], watermark=newest[1] if newest else before.watermark)
        if inputs is None or inputs.digest != due.digest:
            start = self._earliest(site, now, lookback)
            extent = self._features.extent(site_id=site.site_id)
            start = min(start, extent[0].start) if extent else start
            return self._due(site, now, [_until_horizon(start, site, now)], watermark=due.watermark)
        if newest is None:
            return due
        return self._due(site, now, self._stale(newest[0], recent, site, now, lookback), watermark=due.watermark)

    def weather_extent(self, site: Site) -> WeatherExtent | None:
        """What is stored of the weather at the site's place."""
        place = Place.of(site)
        if place is None:
            return None
        if place not in self._extents:
            self._extents[place] = self._weather.extent(place=place)
        return self._extents[place]

    def _due(self, site: Site, now: datetime, intervals: list[Interval], *, watermark: datetime | None) -> Due:
        tariff = self._tariffs.get(site.site_id)
        digest = self._digest(site, tariff)
        return Due(site=site, tariff=tariff, now=now, intervals=tuple(intervals), watermark=watermark, digest=digest)

    def _earliest(self, site: Site, now: datetime, lookback: timedelta | None) -> datetime:
        """Where a table begins: with the first reading, or so long before now; at now where there is no reading."""
        extent = self._readings.extent(site_id=site.site_id)
        first = min(extent[0].start, now) if extent else now
        return first if lookback is None else max(first, now - lookback)

    def _stale(self, touched: Interval, recent: Interval, site: Site, now: datetime, lookback: timedelta | None) -> list[Interval]:
        """What must be made again for readings changed in an interval: as far as their traces reach, and what is recent."""
        start, end = floor_to(touched.start, site.resolution), touched.end + reach(self._window_days)
        if start >= recent.start:
            return [recent]
        earliest = floor_to(self._earliest(site, now, lookback), site.resolution)
        late = Interval(start=max(start, earliest), end=max(end, earliest))
        if late.end >= recent.start:
            return [Interval(start=min(late.start, recent.start), end=recent.end)]
        return [late, recent]

    def _digest(self, site: Site, tariff: Tariff | None) -> str:
        """The same for the same site, tariff and catalog, and for weather that reaches as far back."""
        words = [SiteDocument.from_domain(site).model_dump_json(), self._catalog_version]
        words += [TariffDocument.from_domain(tariff).model_dump_json()] if tariff else []
        weather = self.weather_extent(site)
        words += [weather.interval.start.isoformat()] if weather else []
        return hashlib.sha256("\n".join(words).encode()).hexdigest()


def _until_horizon(start: datetime, site: Site, now: datetime) -> Interval:
    return Interval(start=floor_to(start, site.resolution), end=ceil_to(now + HORIZON, site.resolution))
