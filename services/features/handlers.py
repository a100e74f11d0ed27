"""Messages and timers in, calls of the service, messages out."""

from collections.abc import Sequence
from datetime import timedelta

from services.features.service import FeatureService, TableBuilt
from shared.contracts import topology
from shared.contracts.events import Event, FeaturesTableBuilt, SyncWindowCompleted
from shared.ports.clock import Clock
from shared.ports.errors import NotFoundError, RejectedMessageError
from shared.runtime.logging import logger
from shared.runtime.worker import Parts, Subscription, Timer


def parts(service: FeatureService, *, clock: Clock, interval: timedelta, site_id: str | None = None) -> Parts:
    """Refresh a site when its readings changed, and all of them (or the one) from time to time."""
    failing: set[str] = set()

    def refresh(event: Event) -> Sequence[Event]:
        if not isinstance(event, SyncWindowCompleted):
            raise RejectedMessageError(f"{event.TYPE} does not belong in queue {topology.FEATURES_BUILD.name}")
        if site_id is not None and event.site_id != site_id:
            return []
        try:
            site = service.site(event.site_id)
        except NotFoundError as problem:
            raise RejectedMessageError(str(problem)) from problem
        return built([service.refresh(site_id=site.site_id, now=clock.now_at(site))])

    def sweep() -> Sequence[Event]:
        results = service.sweep(now_at=clock.now_at, site_id=site_id)
        _tell(results, failing)
        return built(results)

    return Parts(
        name="features",
        subscriptions=(Subscription(queue=topology.FEATURES_BUILD, handle=refresh),),
        timers=(Timer(name="features.sweep", every=interval, step=sweep),),
    )


def _tell(results: Sequence[TableBuilt], failing: set[str]) -> None:
    """Log what was built, and when a site begins to fail and when it works again, not each time."""
    log = logger("features")
    for result in results:
        if result.error is not None and result.site_id not in failing:
            log.warning("features not built; they are tried again at the next round", site_id=result.site_id, error=result.error)
        if result.error is None and result.site_id in failing:
            log.info("features are built again", site_id=result.site_id)
        if result.error is None:
            log.info("features built", site_id=result.site_id, rows=result.rows, until=result.interval.end.isoformat())
    failing.clear()
    failing.update(result.site_id for result in results if result.error is not None)


def built(results: Sequence[TableBuilt]) -> list[Event]:
    """One message for each table that has new rows."""
    return [
        FeaturesTableBuilt(
            site_id=result.site_id,
            start=result.interval.start,
            end=result.interval.end,
            rows=result.rows,
            catalog_version=result.catalog_version,
        )
        for result in results
        if result.error is None
    ]
