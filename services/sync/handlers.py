"""Messages and timers in, calls of the service, messages out."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from services.sync.feeds import PriceFeedService, SeriesFetch
from services.sync.service import SiteSync, SyncService
from shared.contracts import topology
from shared.contracts.events import Event, ReadingsRecorded, SyncWindowCompleted
from shared.contracts.reading_frames import frame_from_documents
from shared.domain.time import Interval
from shared.ports.clock import Clock
from shared.ports.errors import RejectedMessageError
from shared.runtime.logging import logger
from shared.runtime.worker import Parts, Subscription, Timer

FEEDS_EVERY = timedelta(minutes=5)
"""How often it is looked whether a supplier of prices could have something new; it is asked far less often."""


def parts(service: SyncService, *, clock: Clock, interval: timedelta, feeds: PriceFeedService | None = None) -> Parts:
    """The live path, the sweep, and the prices of public suppliers."""
    failing: set[str] = set()

    def store(event: Event) -> Sequence[Event]:
        if not isinstance(event, ReadingsRecorded):
            raise RejectedMessageError(f"{event.TYPE} does not belong in queue {topology.SYNC_READINGS.name}")
        readings = frame_from_documents(event.readings, site_id=event.site_id)
        now = clock.now()
        return completed([service.store(site_id=event.site_id, readings=readings, now=now)], now=now)

    def sweep() -> Sequence[Event]:
        now = clock.now()
        results = service.sweep(now=now, stamp=clock.now)
        _tell(results, failing)
        return completed(results, now=now)

    return Parts(
        name="sync",
        subscriptions=(Subscription(queue=topology.SYNC_READINGS, handle=store),),
        timers=(Timer(name="sync.sweep", every=interval, step=sweep), *([] if feeds is None else [_feed_timer(feeds, clock=clock)])),
    )


def _feed_timer(feeds: PriceFeedService, *, clock: Clock) -> Timer:
    away: set[str] = set()

    def fetch() -> Sequence[Event]:
        now = clock.now()
        fetched = feeds.fetch(now=now, now_at=clock.now_at)
        _tell_of_feeds(fetched, away)
        sites = sorted({site_id for series in fetched if series.rows for site_id in series.site_ids})
        return [SyncWindowCompleted(site_id=site_id, start=now, end=now, accepted=0, rejected=0) for site_id in sites]

    return Timer(name="sync.prices", every=FEEDS_EVERY, step=fetch)


def _tell_of_feeds(fetched: Sequence[SeriesFetch], away: set[str]) -> None:
    """Log new prices, and when a supplier goes away and when it is back, not each time."""
    log = logger("sync")
    for series in fetched:
        if series.rows:
            log.info("prices fetched", series_id=series.series_id, rows=series.rows)
        if series.problem is not None and series.series_id not in away:
            log.warning(
                "no newer prices; the last known stay in use and it is tried again", series_id=series.series_id, error=series.problem
            )
        if series.problem is None and series.series_id in away:
            log.info("prices are to be had again", series_id=series.series_id)
    away.clear()
    away.update(series.series_id for series in fetched if series.problem is not None)


def _tell(results: Sequence[SiteSync], failing: set[str]) -> None:
    """Log what was copied, and when a site begins to fail and when it works again, not each time."""
    log = logger("sync")
    for result in results:
        if result.error is not None and result.site_id not in failing:
            log.warning("site not copied; it is tried again at the next sweep", site_id=result.site_id, error=result.error)
        if result.error is None and result.site_id in failing:
            log.info("site is copied again", site_id=result.site_id)
        if result.changed:
            log.info(
                "readings copied",
                site_id=result.site_id, new=result.inserted, changed=result.updated, refused=result.rejected, prices=result.prices,
            )  # fmt: skip
    failing.clear()
    failing.update(result.site_id for result in results if result.error is not None)


def completed(results: Sequence[SiteSync], *, now: datetime) -> list[Event]:
    """One message for each site of which the cloud knows something new.

    Its interval holds the new readings; it is empty, at `now`, where only prices or the site itself are new.
    """
    nothing = Interval(start=now, end=now)
    return [
        SyncWindowCompleted(
            site_id=result.site_id,
            start=(result.interval or nothing).start,
            end=(result.interval or nothing).end,
            accepted=result.inserted + result.updated,
            rejected=result.rejected,
        )
        for result in results
        if result.changed
    ]
