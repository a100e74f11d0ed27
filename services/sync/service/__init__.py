"""Copying from the edge store to the cloud store, by sweep and by message: one verdict, one upsert."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

import pandas as pd

from services.sync.service.announced import Announced
from services.sync.service.copying import STEP, SWEEP_STEP, THOROUGH_STEP, SiteCopy, Sweep
from services.sync.service.intake import Intake
from services.sync.service.newcomers import Newcomers
from services.sync.service.results import LastSweep, SiteSync, SyncStatus
from shared.domain.time import EPOCH, Interval
from shared.ports.edge_store import EdgeAnnouncements, EdgeStore
from shared.ports.errors import UnavailableError
from shared.ports.price_store import PriceStore
from shared.ports.progress_store import Progress, ProgressStore
from shared.ports.quarantine_store import QuarantineStore
from shared.ports.reading_store import ReadingStore
from shared.ports.site_store import SiteStore, TariffStore

__all__ = ["STEP", "LastSweep", "Newcomers", "SiteSync", "SyncService", "SyncStatus"]

LOOK_AGAIN = timedelta(seconds=2)
"""How long a sweep works on a backlog before it looks for fresh rows again, and tells what it has done."""
MOST_AWAY = 3
"""Sites in a row whose store does not answer; then the others are not tried one by one."""
RATE_OVER = timedelta(minutes=1)

_MICROSECOND = timedelta(microseconds=1)


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
        self._sites = sites
        self._readings = readings
        self._quarantine = quarantine
        self._progress = progress
        self._batch_size = batch_size
        self._announced = Announced(announcements=announcements, sites=sites, tariffs=tariffs, prices=prices, progress=progress)
        self._intake = Intake(sites=sites, readings=readings, quarantine=quarantine)

    def sweep(
        self, *, now: datetime, stamp: Callable[[], datetime] | None = None, report: Callable[[int], None] = lambda _rows: None
    ) -> list[SiteSync]:
        """Copy what the cloud lacks; a result for each site. As `rounds`, all of them."""
        done: dict[str, SiteSync] = {}
        for results in self.rounds(now=now, stamp=stamp, report=report):
            for result in results:
                done[result.site_id] = done[result.site_id].and_then(result) if result.site_id in done else result
        return [done[site_id] for site_id in sorted(done)]

    def rounds(
        self, *, now: datetime, stamp: Callable[[], datetime] | None = None, report: Callable[[int], None] = lambda _rows: None
    ) -> Iterator[list[SiteSync]]:
        """A sweep in rounds of about `LOOK_AGAIN`, each with what it did: first the newest rows of every site, then the
        backlogs side by side, oldest first, with a look at what has come meanwhile.

        It may be left after any round: the next sweep goes on at the watermarks. A site that fails is recorded and does not
        stop the others. `stamp` gives the moment of each step (None: `now`); `report` is called with the rows just read.
        """
        stamp = stamp or (lambda: now)
        sweep = Sweep(
            began=now, stamp=stamp, report=report, edge=self._edge, intake=self._intake, announced=self._announced,
            progress=self._progress, batch_size=self._batch_size,
        )  # fmt: skip
        announced, extents = self._announced.all(), self._extents()
        states, thorough = self._progress_of(STEP), self._progress_of(THOROUGH_STEP)
        copies = [
            SiteCopy(sweep, site_id, states.get(site_id), thorough.get(site_id)) for site_id in sorted(announced.keys() | extents.keys())
        ]
        looked, away = stamp(), 0
        for copy in copies:
            copy.begin(announced.get(copy.site_id), extents.get(copy.site_id))
            away = away + 1 if isinstance(copy.failure, UnavailableError) else 0
            if copy.failure is not None and away == MOST_AWAY:
                raise copy.failure
            if stamp() - looked >= LOOK_AGAIN:
                looked = stamp()
                yield _told(copies)
        yield _told(copies)
        while lagging := [copy for copy in copies if copy.behind]:
            for copy in lagging:
                copy.go_on()
                if stamp() - looked >= LOOK_AGAIN:
                    extents = self._extents()
                    for other in copies:
                        other.look_again(extents.get(other.site_id))
                    looked = stamp()
                    yield _told(copies)
        yield _told(copies)

    def store(self, *, readings: pd.DataFrame, now: datetime) -> list[SiteSync]:
        """Judge and store readings of any sites as they come, without touching a watermark; a result for each site."""
        return self._intake.take(readings, now=now, stored_at=now)

    def backlog(self, *, now: datetime) -> int:
        """Rows that the next sweep has to copy, over all sites."""
        states = self._progress_of(STEP)
        return sum(self._waiting(site_id, _past(extent, now), states.get(site_id)) for site_id, extent in self._extents().items())

    def status(self, *, now: datetime) -> list[SyncStatus]:
        """Every site that the edge or the cloud knows, sorted."""
        extents = self._extents()
        known = {site.site_id for site in self._sites.list()} | self._announced.all().keys() | extents.keys()
        states, sweeps = self._progress_of(STEP), self._progress_of(SWEEP_STEP)
        return [self._status(site_id, extents.get(site_id), states.get(site_id), sweeps.get(site_id), now=now) for site_id in sorted(known)]

    def _status(
        self, site_id: str, extent: Interval | None, state: Progress | None, sweep: Progress | None, *, now: datetime
    ) -> SyncStatus:
        past = _past(extent, now)
        watermark = state.watermark if state else None
        cloud = self._readings.extent(site_id=site_id)
        last = LastSweep(began=sweep.watermark, ended=sweep.updated_at, rows=sweep.rows) if sweep and sweep.watermark else None
        return SyncStatus(
            site_id=site_id,
            watermark=watermark,
            newest_at_edge=past.end - _MICROSECOND if past else None,
            newest_in_cloud=cloud[0].end - _MICROSECOND if cloud else None,
            lag=max(timedelta(0), past.end - (watermark or past.start)) if past else None,
            backlog_rows=self._waiting(site_id, past, state),
            cloud_rows=cloud[1] if cloud else 0,
            rows_per_second=self._readings.count_since(site_id=site_id, stored_at=now - RATE_OVER) / RATE_OVER.total_seconds(),
            last_sweep=last,
            rejected=self._quarantine.count(site_id=site_id),
            updated_at=state.updated_at if state else None,
            last_error=state.last_error if state else None,
        )

    def _waiting(self, site_id: str, past: Interval | None, state: Progress | None) -> int:
        """Rows at the edge behind the watermark."""
        if past is None:
            return 0
        start = max(past.start, state.watermark or past.start) if state else past.start
        return self._edge.count(site_id=site_id, interval=Interval(start=start, end=past.end)) if start < past.end else 0

    def _progress_of(self, step: str) -> dict[str, Progress]:
        return {progress.site_id: progress for progress in self._progress.list(step=step)}

    def _extents(self) -> dict[str, Interval]:
        """From the first row to just behind the last of each site at the edge, all devices together."""
        extents: dict[str, Interval] = {}
        for device in self._edge.extents():
            end = device.last + _MICROSECOND
            seen = extents.get(device.site_id)
            start, end = (device.first, end) if seen is None else (min(device.first, seen.start), max(end, seen.end))
            extents[device.site_id] = Interval(start=start, end=end)
        return extents


def _told(copies: Sequence[SiteCopy]) -> list[SiteSync]:
    return [told for copy in copies if (told := copy.told()) is not None]


def _past(extent: Interval | None, now: datetime) -> Interval | None:
    """What of an extent is not in the future."""
    return extent and extent.intersection(Interval(start=EPOCH, end=max(now, EPOCH) + _MICROSECOND))
