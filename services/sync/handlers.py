"""Messages and timers in, calls of the service, messages out."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from services.sync.service import SiteSync, SyncService
from shared.contracts import topology
from shared.contracts.events import Event, ReadingsRecorded, SyncWindowCompleted
from shared.contracts.reading_frames import frame_from_documents
from shared.domain.time import Interval
from shared.ports.clock import Clock
from shared.ports.errors import RejectedMessageError
from shared.runtime.logging import logger
from shared.runtime.worker import Parts, Subscription, Timer


def parts(service: SyncService, *, clock: Clock, interval: timedelta) -> Parts:
    """The live path and the sweep."""
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
        timers=(Timer(name="sync.sweep", every=interval, step=sweep),),
    )


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
