"""Feature tables from what is in the cloud: whole, or what changed since the last time."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from services.features.recipe.catalog import catalog
from services.features.recipe.table import MEASURED, build_table, context_before, reach
from services.features.recipe.weather import DAY_AHEAD, Weather
from shared.contracts.sites import SiteDocument, TariffDocument
from shared.domain.country import country_of
from shared.domain.errors import InvalidValueError
from shared.domain.place import Place
from shared.domain.site import Site
from shared.domain.tariff import Tariff
from shared.domain.time import EPOCH, Interval, ceil_to, floor_to
from shared.ports.errors import NotFoundError, SupplierError
from shared.ports.feature_store import FeatureStore
from shared.ports.holiday_calendar import HolidayCalendar
from shared.ports.price_store import PriceStore
from shared.ports.progress_store import Progress, ProgressStore
from shared.ports.reading_store import ReadingStore
from shared.ports.site_store import SiteStore, TariffStore
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
class TableBuilt:
    """What one build did for a site."""

    site_id: str
    interval: Interval
    """From the first to the end of the last row written."""
    rows: int
    catalog_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureStatus:
    """The state of a site's table."""

    site_id: str
    interval: Interval | None
    rows: int
    catalog_version: str | None
    built_at: datetime | None
    """The site's time at the last build."""
    pending: Interval | None
    """Readings stored since then that are not in the table."""
    good_share: float | None
    """Mean share of good samples over the last 7 days of the table."""
    weather_issued_at: datetime | None
    """When the newest weather of the site's place was issued; None where there is none."""
    last_error: str | None


class FeatureService:
    """Readings, prices and calendar to feature tables. Every method may be repeated: rows are replaced by their key."""

    def __init__(
        self,
        *,
        sites: SiteStore,
        tariffs: TariffStore,
        readings: ReadingStore,
        prices: PriceStore,
        weather: WeatherStore,
        features: FeatureStore,
        holidays: HolidayCalendar,
        progress: ProgressStore,
        window_days: int = 7,
        batch_size: int = 1000,
        lookback: timedelta | None = None,
    ) -> None:
        """`lookback` is how far back a table reaches when it is first made (None: all readings)."""
        self._sites = sites
        self._tariffs = tariffs
        self._readings = readings
        self._prices = prices
        self._weather = weather
        self._features = features
        self._holidays = holidays
        self._progress = progress
        self._window_days = window_days
        self._batch_size = batch_size
        self._lookback = lookback
        self._catalog = catalog(window_days=window_days)

    def sites(self) -> list[Site]:
        """Every site that can have a table."""
        return self._sites.list()

    def site(self, site_id: str) -> Site:
        """Raises `NotFoundError`."""
        site = self._sites.get(site_id)
        if site is None:
            known = ", ".join(site.site_id for site in self._sites.list()) or "none"
            raise NotFoundError(f"site {site_id!r} is not in the cloud store (known: {known}); copy it there first, or correct its name")
        return site

    def build(self, *, site_id: str, now: datetime, lookback: timedelta | None = None) -> TableBuilt:
        """Make the table of the last `lookback` (None: of all readings) and of what is known ahead. Raises `NotFoundError`."""
        site = self.site(site_id)
        newest = self._readings.changed_since(site_id=site_id, stored_at=EPOCH)
        start = self._earliest(site, now, lookback)
        return self._write(site, [self._until_horizon(start, site, now)], now=now, watermark=newest[1] if newest else None)

    def refresh(self, *, site_id: str, now: datetime) -> TableBuilt:
        """Make again what changed since the last build, and what is recent or ahead. Raises `NotFoundError`.

        Late rows touch as many days after them as windows reach. Another site, tariff or catalog touches everything.
        """
        site = self.site(site_id)
        before = self._progress.get(step=STEP, site_id=site_id)
        inputs = self._progress.get(step=INPUTS_STEP, site_id=site_id)
        if before is None or before.watermark is None:
            return self.build(site_id=site_id, now=now, lookback=self._lookback)
        newest = self._readings.changed_since(site_id=site_id, stored_at=before.watermark)
        watermark = newest[1] if newest else before.watermark
        if inputs is None or inputs.digest != self._digest(site):
            start = self._earliest(site, now, self._lookback)
            extent = self._features.extent(site_id=site_id)
            start = min(start, extent[0].start) if extent else start
            return self._write(site, [self._until_horizon(start, site, now)], now=now, watermark=watermark)
        recent = self._until_horizon(min(now - RECENT, before.updated_at), site, now)
        stale = self._stale(newest[0], recent, site, now) if newest else [recent]
        return self._write(site, stale, now=now, watermark=watermark)

    def refresh_noting(self, *, site_id: str, now: datetime) -> TableBuilt:
        """`refresh`; its failure is noted in the site's status, then raised."""
        try:
            return self.refresh(site_id=site_id, now=now)
        except (SupplierError, InvalidValueError) as problem:
            before = self._progress.get(step=STEP, site_id=site_id) or Progress(step=STEP, site_id=site_id, updated_at=now)
            self._progress.put(replace(before, last_error=str(problem)))
            raise

    def status(self, *, site_id: str | None = None) -> list[FeatureStatus]:
        """The state of every site's table (or of the one), sorted."""
        return [self._status(site) for site in ([self.site(site_id)] if site_id else self.sites())]

    def _earliest(self, site: Site, now: datetime, lookback: timedelta | None) -> datetime:
        """Where a table begins: with the first reading, or so long before now; at now where there is no reading."""
        extent = self._readings.extent(site_id=site.site_id)
        first = min(extent[0].start, now) if extent else now
        return first if lookback is None else max(first, now - lookback)

    def _until_horizon(self, start: datetime, site: Site, now: datetime) -> Interval:
        return Interval(start=floor_to(start, site.resolution), end=ceil_to(now + HORIZON, site.resolution))

    def _stale(self, touched: Interval, recent: Interval, site: Site, now: datetime) -> list[Interval]:
        """What must be made again for readings changed in an interval: as far as their traces reach, and what is recent."""
        earliest = self._earliest(site, now, self._lookback)
        late = Interval(start=floor_to(touched.start, site.resolution), end=touched.end + reach(self._window_days))
        late = Interval(start=max(late.start, floor_to(earliest, site.resolution)), end=max(late.end, earliest))
        if late.start >= recent.start:
            return [recent]
        if late.end >= recent.start:
            return [Interval(start=late.start, end=recent.end)]
        return [late, recent]

    def _write(self, site: Site, intervals: Sequence[Interval], *, now: datetime, watermark: datetime | None) -> TableBuilt:
        """Build and store the rows of the intervals, then move the watermark."""
        tariff = self._tariffs.get(site.site_id)
        rows = sum(self._write_rows(site, tariff, interval, now) for interval in intervals)
        before = self._progress.get(step=STEP, site_id=site.site_id)
        self._progress.put(Progress(step=INPUTS_STEP, site_id=site.site_id, updated_at=now, digest=self._digest(site)))
        self._progress.put(
            Progress(step=STEP, site_id=site.site_id, watermark=watermark, updated_at=now, rows=(before.rows if before else 0) + rows)
        )
        whole = Interval(start=min(part.start for part in intervals), end=max(part.end for part in intervals))
        return TableBuilt(site_id=site.site_id, interval=whole, rows=rows, catalog_version=self._catalog.version)

    def _write_rows(self, site: Site, tariff: Tariff | None, interval: Interval, now: datetime) -> int:
        needed = Interval(start=context_before(interval.start, self._window_days), end=interval.end)
        series = tariff.series_ids if tariff else ()
        tariff_calendar = tariff.holiday_calendar if tariff else None
        table = build_table(
            readings=self._readings.read(site_id=site.site_id, interval=needed, columns=tuple(MEASURED.values())),
            site=site,
            tariff=tariff,
            prices={name: self._prices.read(series_id=name, interval=needed, as_of=now) for name in series},
            holidays=self._dates(tariff_calendar or country_of(site.timezone), needed),
            tariff_holidays=self._dates(tariff_calendar, needed),
            weather=self._weather_of(site, needed, now),
            interval=interval,
            as_of=now,
            window_days=self._window_days,
        )
        for begin in range(0, len(table), self._batch_size):
            self._features.write(site_id=site.site_id, catalog=self._catalog, rows=table.iloc[begin : begin + self._batch_size])
        return len(table)

    def _weather_of(self, site: Site, interval: Interval, now: datetime) -> Weather | None:
        place = Place.of(site)
        if place is None:
            return None
        newest = self._weather.read(place=place, interval=interval, as_of=now)
        return Weather(newest=newest, day_ahead=self._weather.read(place=place, interval=interval, as_of=now, ahead=DAY_AHEAD))

    def _weather_extent(self, site: Site) -> WeatherExtent | None:
        place = Place.of(site)
        return self._weather.extent(place=place) if place else None

    def _dates(self, calendar: str | None, interval: Interval) -> frozenset[date]:
        """Holidays of a calendar; none of nobody's."""
        if calendar is None:
            return frozenset()
        day = timedelta(days=1)  # local dates may be one off from UTC's
        return self._holidays.dates(calendar, first=(interval.start - day).date(), last=(interval.end + day).date())

    def _digest(self, site: Site) -> str:
        """The same for the same site, tariff and catalog, and for weather that reaches as far back."""
        tariff = self._tariffs.get(site.site_id)
        words = [SiteDocument.from_domain(site).model_dump_json(), self._catalog.version]
        words += [TariffDocument.from_domain(tariff).model_dump_json()] if tariff else []
        weather = self._weather_extent(site)
        words += [weather.interval.start.isoformat()] if weather else []
        return hashlib.sha256("\n".join(words).encode()).hexdigest()

    def _status(self, site: Site) -> FeatureStatus:
        progress = self._progress.get(step=STEP, site_id=site.site_id)
        extent = self._features.extent(site_id=site.site_id)
        stored = self._features.catalog(site_id=site.site_id)
        since = progress.watermark if progress and progress.watermark else EPOCH
        pending = self._readings.changed_since(site_id=site.site_id, stored_at=since)
        weather = self._weather_extent(site)
        return FeatureStatus(
            site_id=site.site_id,
            interval=extent[0] if extent else None,
            rows=extent[1] if extent else 0,
            catalog_version=stored.version if stored else None,
            built_at=progress.updated_at if progress else None,
            pending=pending[0] if pending else None,
            good_share=self._good_share(site, progress.updated_at) if progress else None,
            weather_issued_at=weather.newest_issue if weather else None,
            last_error=progress.last_error if progress else None,
        )

    def _good_share(self, site: Site, now: datetime) -> float | None:
        week = Interval(start=now - timedelta(days=7), end=now)
        rows = self._features.read(site_id=site.site_id, catalog_version=None, interval=week)
        known = rows["quality"].dropna() if "quality" in rows else rows.index[:0].to_series()
        return float(known.mean()) if len(known) else None
