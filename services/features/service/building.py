"""Feature tables from what is in the cloud: whole, or what changed since the last time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pandas as pd

from services.features.recipe.catalog import catalog
from services.features.recipe.grid import DOUBTS
from services.features.recipe.table import Tables
from services.features.service.due import INPUTS_STEP, STEP, Agenda, Due
from services.features.service.results import FeatureStatus, TableBuilt
from services.features.service.together import Sources, alike
from shared.domain.errors import InvalidValueError
from shared.domain.reading import Quality
from shared.domain.site import Site
from shared.domain.time import EPOCH, Interval
from shared.ports.errors import NotFoundError, SupplierError
from shared.ports.feature_store import FeatureStore
from shared.ports.holiday_calendar import HolidayCalendar
from shared.ports.price_store import PriceStore
from shared.ports.progress_store import Progress, ProgressStore
from shared.ports.reading_store import ReadingStore
from shared.ports.site_store import SiteStore, TariffStore
from shared.ports.weather_store import WeatherStore

_STATUS_COLUMNS = ("quality", "quality_flags")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A site's rows, made and not yet written."""

    due: Due
    tables: Sequence[Tables]
    """One for each interval that is due, shared with the sites that were made together with it."""
    number: int
    """The site's among them."""

    @property
    def site_id(self) -> str:
        return self.due.site.site_id


class FeatureService:
    """Readings, prices, weather and calendar to feature tables. Every method may be repeated: rows are replaced by their key."""

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
        self._weather = weather
        self._features = features
        self._progress = progress
        self._window_days = window_days
        self._batch_size = batch_size
        self._lookback = lookback
        self._catalog = catalog(window_days=window_days)
        self._sources = Sources(readings=readings, prices=prices, weather=weather, holidays=holidays, window_days=window_days)

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
        """`build_many` of one. Raises `NotFoundError`."""
        (table,) = self.build_many({site_id: now}, lookback=lookback)
        return table

    def build_many(self, nows: Mapping[str, datetime], *, lookback: timedelta | None = None) -> Iterator[TableBuilt]:
        """Make tables of the last `lookback` (None: of all readings) and of what is known ahead, sites by their time.

        Those that are alike are made together, so they end in another order. Raises `NotFoundError`.
        """
        agenda = self._agenda()
        dues = [agenda.whole(self.site(site_id), now, lookback) for site_id, now in nows.items()]
        return map(self.write, self._prepared(dues))

    def refresh(self, *, site_id: str, now: datetime) -> TableBuilt:
        """`refresh_many` of one. Raises `NotFoundError`."""
        (table,) = self.refresh_many({site_id: now})
        return table

    def refresh_many(self, nows: Mapping[str, datetime]) -> Iterator[TableBuilt]:
        """Make again what changed since the last build, and what is recent or ahead, otherwise as `build_many`."""
        return map(self.write, self.prepare(nows))

    def refresh_noting(self, *, site_id: str, now: datetime) -> TableBuilt:
        """`refresh`; its failure is noted in the site's status, then raised."""
        try:
            return self.refresh(site_id=site_id, now=now)
        except (SupplierError, InvalidValueError) as problem:
            before = self._progress.get(step=STEP, site_id=site_id) or Progress(step=STEP, site_id=site_id, updated_at=now)
            self._progress.put(replace(before, last_error=str(problem)))
            raise

    def prepare(self, nows: Mapping[str, datetime]) -> Iterator[Prepared]:
        """What `refresh_many` would write, and nothing is written. Raises for all what it would raise for one."""
        agenda = self._agenda()
        return self._prepared([agenda.changed(self.site(site_id), now, self._lookback) for site_id, now in nows.items()])

    def write(self, prepared: Prepared) -> TableBuilt:
        """Store the rows, then move the watermark."""
        due, site_id = prepared.due, prepared.site_id
        rows = sum(self._write_rows(site_id, table.of(prepared.number)) for table in prepared.tables)
        before = self._progress.get(step=STEP, site_id=site_id)
        total = (before.rows if before else 0) + rows
        self._progress.put(Progress(step=INPUTS_STEP, site_id=site_id, updated_at=due.now, digest=due.digest))
        self._progress.put(Progress(step=STEP, site_id=site_id, watermark=due.watermark, updated_at=due.now, rows=total))
        return TableBuilt(site_id=site_id, interval=due.whole, rows=rows, catalog_version=self._catalog.version)

    def status(self, *, site_id: str | None = None) -> list[FeatureStatus]:
        """The state of every site's table (or of the one), sorted."""
        agenda = self._agenda()
        return [self._status(site, agenda) for site in ([self.site(site_id)] if site_id else self.sites())]

    def _agenda(self) -> Agenda:
        return Agenda(
            tariffs=self._tariffs,
            readings=self._readings,
            weather=self._weather,
            features=self._features,
            progress=self._progress,
            window_days=self._window_days,
            catalog_version=self._catalog.version,
        )

    def _prepared(self, dues: Iterable[Due]) -> Iterator[Prepared]:
        for group in alike(dues, window_days=self._window_days):
            tables = self._sources.tables(group)
            yield from (Prepared(due=due, tables=tables, number=number) for number, due in enumerate(group))

    def _write_rows(self, site_id: str, table: pd.DataFrame) -> int:
        for begin in range(0, len(table), self._batch_size):
            self._features.write(site_id=site_id, catalog=self._catalog, rows=table.iloc[begin : begin + self._batch_size])
        return len(table)

    def _status(self, site: Site, agenda: Agenda) -> FeatureStatus:
        progress = self._progress.get(step=STEP, site_id=site.site_id)
        extent = self._features.extent(site_id=site.site_id)
        stored = self._features.catalog(site_id=site.site_id)
        since = progress.watermark if progress and progress.watermark else EPOCH
        pending = self._readings.changed_since(site_id=site.site_id, stored_at=since)
        weather = agenda.weather_extent(site)
        week = self._week(site, progress.updated_at) if progress else None
        return FeatureStatus(
            site_id=site.site_id,
            interval=extent[0] if extent else None,
            rows=extent[1] if extent else 0,
            catalog_version=stored.version if stored else None,
            built_at=progress.updated_at if progress else None,
            pending=pending[0] if pending else None,
            good_share=None if week is None or week.empty else float(week["quality"].mean()),
            flagged={} if week is None else _flagged(week),
            weather_issued_at=weather.newest_issue if weather else None,
            last_error=progress.last_error if progress else None,
        )

    def _week(self, site: Site, now: datetime) -> pd.DataFrame | None:
        """What is known of the measurements of the last 7 days."""
        week = Interval(start=now - timedelta(days=7), end=now)
        rows = next(iter(self._features.read_many(site_ids=[site.site_id], interval=week, columns=_STATUS_COLUMNS)), None)
        return None if rows is None else rows[rows["quality"].notna()]


def _flagged(rows: pd.DataFrame) -> dict[Quality, int]:
    flags = rows["quality_flags"].fillna(0).astype("int64")
    counts = {flag: int(((flags & flag.value) != 0).sum()) for flag in DOUBTS}
    return {flag: count for flag, count in counts.items() if count}
