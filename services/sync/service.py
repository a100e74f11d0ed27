"""Copying from the edge store to the cloud store, by sweep and by message: one verdict, one upsert."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pandas as pd

from services.sync.replication import verdict, windows
from shared.contracts.sites import SiteDocument, TariffDocument
from shared.domain.errors import InvalidValueError
from shared.domain.site import Site
from shared.domain.tariff import Tariff
from shared.domain.time import EPOCH, Interval
from shared.ports.edge_store import EdgeAnnouncements, EdgeStore
from shared.ports.errors import SupplierError
from shared.ports.price_store import PriceStore
from shared.ports.progress_store import Progress, ProgressStore
from shared.ports.quarantine_store import QuarantineStore
from shared.ports.reading_store import ReadingStore, UpsertCounts
from shared.ports.site_store import SiteStore, TariffStore

STEP = "sync"
ANNOUNCEMENT_STEP = "sync.announcement"
"""Its digest is that of the announcement that was taken over last."""

PRICES_AGAIN = timedelta(days=3)
PRICES_AHEAD = timedelta(days=14)
QUARANTINE_LOOKUP = 10_000
BACKLOG_SHOWN = 1_000_000

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSync:
    """What one sweep, or one message, did for a site."""

    site_id: str
    interval: Interval | None = None
    """Holds every row that is new or changed in the cloud; None when none is."""
    accepted: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    """Refused and not known as refused before."""
    prices: int = 0
    registered: bool = False
    """The site or its tariff is new or changed."""
    error: str | None = None

    @property
    def changed(self) -> bool:
        """Whether the cloud knows something new."""
        return self.interval is not None or self.prices > 0 or self.registered


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncStatus:
    """How far a site's copy has come."""

    site_id: str
    watermark: datetime | None
    newest_at_edge: datetime | None
    lag: timedelta | None
    """From the newest row copied to the newest row at the edge; None when the edge has none of this site."""
    backlog_rows: int
    """Rows at the edge behind the watermark (at most `BACKLOG_SHOWN` are counted)."""
    cloud_rows: int
    rejected: int
    updated_at: datetime | None
    last_error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sweep:
    """What is the same for every site of a sweep."""

    now: datetime
    stamp: Callable[[], datetime]
    report: Callable[[int], None]


class SyncService:
    """Edge to cloud. Every method may be repeated: it changes nothing that is done already."""

    def __init__(
        self,
        *,
        edge: EdgeStore,
        announcements: EdgeAnnouncements,
        sites: SiteStore,
        tariffs: TariffStore,
        prices: PriceStore,
        readings: ReadingStore,
        quarantine: QuarantineStore,
        progress: ProgressStore,
        batch_size: int = 5000,
    ) -> None:
        self._edge = edge
        self._announcements = announcements
        self._sites = sites
        self._tariffs = tariffs
        self._prices = prices
        self._readings = readings
        self._quarantine = quarantine
        self._progress = progress
        self._batch_size = batch_size

    def sweep(
        self, *, now: datetime, stamp: Callable[[], datetime] | None = None, report: Callable[[int], None] = lambda _rows: None
    ) -> list[SiteSync]:
        """Copy what the cloud lacks, site by site; a site that fails is recorded and does not stop the others.

        `stamp` gives the moment of each write (None: `now`); `report` is called with the number of rows just read.
        """
        announced = {site.site_id: (site, tariff) for site, tariff in self._announcements.sites()}
        extents = self._extents()
        sweep = _Sweep(now=now, stamp=stamp or (lambda: now), report=report)
        return [
            self._sweep_guarded(site_id, announced.get(site_id), extents.get(site_id), sweep)
            for site_id in sorted(announced.keys() | extents.keys())
        ]

    def store(self, *, site_id: str, readings: pd.DataFrame, now: datetime) -> SiteSync:
        """Judge and store readings of a site as they come, without touching the sweep's watermark."""
        registered = self._register(site_id, None, now=now)
        return replace(self._store(site_id, readings, now=now, stored_at=now), registered=registered)

    def backlog(self, *, now: datetime) -> int:
        """Rows that the next sweep has to copy, over all sites."""
        return sum(status.backlog_rows for status in self.status(now=now))

    def status(self, *, now: datetime) -> list[SyncStatus]:
        """Every site that the edge or the cloud knows, sorted."""
        extents = self._extents()
        done = {progress.site_id: progress for progress in self._progress.list(step=STEP)}
        known = {site.site_id for site in self._sites.list()} | {site.site_id for site, _ in self._announcements.sites()}
        return [self._status(site_id, extents.get(site_id), done.get(site_id), now) for site_id in sorted(known | extents.keys())]

    def _extents(self) -> dict[str, Interval]:
        """From the first row to just behind the last of each site at the edge, all devices together."""
        extents: dict[str, Interval] = {}
        for device in self._edge.extents():
            end = device.last + _MICROSECOND
            seen = extents.get(device.site_id)
            start, end = (device.first, end) if seen is None else (min(device.first, seen.start), max(end, seen.end))
            extents[device.site_id] = Interval(start=start, end=end)
        return extents

    def _status(self, site_id: str, extent: Interval | None, progress: Progress | None, now: datetime) -> SyncStatus:
        watermark = progress.watermark if progress else None
        cloud = self._readings.extent(site_id=site_id)
        past = None
        if extent is not None:
            past = extent.intersection(Interval(start=EPOCH, end=max(now, EPOCH) + _MICROSECOND))
        newest = past.end - _MICROSECOND if past else None
        waiting = Interval(start=max(past.start, watermark or past.start), end=max(past.end, watermark or past.end)) if past else None
        backlog = len(self._edge.read(site_id=site_id, interval=waiting, limit=BACKLOG_SHOWN)) if waiting else 0
        lag = None
        if past is not None:
            lag = max(timedelta(0), past.end - (watermark or past.start))
        return SyncStatus(
            site_id=site_id,
            watermark=watermark,
            newest_at_edge=newest,
            lag=lag,
            backlog_rows=backlog,
            cloud_rows=cloud[1] if cloud else 0,
            rejected=self._quarantine.count(site_id=site_id),
            updated_at=progress.updated_at if progress else None,
            last_error=progress.last_error if progress else None,
        )

    def _sweep_guarded(self, site_id: str, announced: tuple[Site, Tariff] | None, extent: Interval | None, sweep: "_Sweep") -> SiteSync:
        try:
            return self._sweep_site(site_id, announced, extent, sweep)
        except (SupplierError, InvalidValueError) as problem:
            before = self._progress.get(step=STEP, site_id=site_id) or Progress(step=STEP, site_id=site_id, updated_at=sweep.now)
            self._progress.put(replace(before, updated_at=sweep.now, last_error=str(problem)))
            return SiteSync(site_id=site_id, error=str(problem))

    def _sweep_site(self, site_id: str, announced: tuple[Site, Tariff] | None, extent: Interval | None, sweep: "_Sweep") -> SiteSync:
        now = sweep.now
        before = self._progress.get(step=STEP, site_id=site_id)
        thorough = before is None or before.last_error is not None or windows.is_thorough(last_run=before.updated_at, now=now)
        done = SiteSync(
            site_id=site_id,
            registered=self._register(site_id, announced, now=now),
            prices=self._copy_prices(announced[1].series_ids if announced else (), everything=thorough, now=now),
        )
        watermark = before.watermark if before else None
        overlap = None if thorough else windows.OVERLAP
        window = windows.first_window(extent, watermark=watermark, overlap=overlap, limit=self._batch_size) if extent else None
        while window is not None:
            rows = self._edge.read(site_id=site_id, interval=window.interval, limit=window.limit)
            stamps = rows["timestamp"].to_numpy(dtype="datetime64[us]")
            done = _together(done, self._store(site_id, rows, now=now, stored_at=sweep.stamp()))
            sweep.report(len(rows))
            watermark = windows.moved_watermark(watermark, stamps, now=now)
            window = windows.following(window, stamps, batch_size=self._batch_size)
        self._progress.put(
            Progress(
                step=STEP,
                site_id=site_id,
                watermark=watermark,
                updated_at=now,
                rows=(before.rows if before else 0) + done.inserted + done.updated,
                rejected=(before.rejected if before else 0) + done.rejected,
            )
        )
        return done

    def _register(self, site_id: str, announced: tuple[Site, Tariff] | None, *, now: datetime) -> bool:
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

    def _copy_prices(self, series_ids: Sequence[str], *, everything: bool, now: datetime) -> int:
        """Copy announced prices from a little before the cloud's end, or all of them; returns the rows new or changed."""
        copied = 0
        for series_id in series_ids:
            extent = self._prices.extent(series_id=series_id)
            start = EPOCH if everything or extent is None else min(extent.end, now) - PRICES_AGAIN
            prices = self._announcements.prices(series_id=series_id, interval=Interval(start=start, end=now + PRICES_AHEAD))
            copied += self._prices.put(series_id, prices) if len(prices) else 0
        return copied

    def _store(self, site_id: str, readings: pd.DataFrame, *, now: datetime, stored_at: datetime) -> SiteSync:
        site = self._sites.get(site_id) or Site(site_id=site_id)
        verdicts = verdict.judge(readings, site=site, now=now)
        rejected = self._quarantine.put(verdicts.rejected) if len(verdicts.rejected) else 0
        accepted = verdicts.accepted
        if len(accepted) and self._quarantine.count(site_id=site_id):
            refused = self._quarantine.read(site_id=site_id, limit=QUARANTINE_LOOKUP)
            accepted = accepted[~verdict.same_as_refused(accepted, refused)]
        if not len(accepted):
            return SiteSync(site_id=site_id, rejected=rejected)
        interval = _span(accepted)
        stored = self._readings.read(site_id=site_id, interval=interval, columns=("quality",))
        counts = self._readings.upsert(verdict.with_arrival_flags(accepted, stored), stored_at=stored_at)
        return _site_sync(site_id, interval, counts, rejected)


def _site_sync(site_id: str, interval: Interval, counts: UpsertCounts, rejected: int) -> SiteSync:
    changed = counts.inserted + counts.updated > 0
    return SiteSync(
        site_id=site_id,
        interval=interval if changed else None,
        accepted=counts.inserted + counts.updated + counts.unchanged,
        inserted=counts.inserted,
        updated=counts.updated,
        unchanged=counts.unchanged,
        rejected=rejected,
    )


def _together(done: SiteSync, more: SiteSync) -> SiteSync:
    intervals = [part.interval for part in (done, more) if part.interval is not None]
    interval = None
    if intervals:
        interval = Interval(start=min(part.start for part in intervals), end=max(part.end for part in intervals))
    return replace(
        done,
        interval=interval,
        accepted=done.accepted + more.accepted,
        inserted=done.inserted + more.inserted,
        updated=done.updated + more.updated,
        unchanged=done.unchanged + more.unchanged,
        rejected=done.rejected + more.rejected,
    )


def _span(readings: pd.DataFrame) -> Interval:
    stamps = readings["timestamp"]
    first, last = (pd.Timestamp(moment).to_pydatetime().astimezone(UTC) for moment in (stamps.min(), stamps.max()))
    return Interval(start=first, end=last + _MICROSECOND)


def _digest(site: Site, tariff: Tariff) -> str:
    """The same for the same words. Defaults are left out, so a new field does not change it."""
    documents = (SiteDocument.from_domain(site), TariffDocument.from_domain(tariff))
    words = "\n".join(document.model_dump_json(exclude_defaults=True) for document in documents)
    return hashlib.sha256(words.encode()).hexdigest()
