"""Messages and timers in, calls of the service, messages out."""

from collections.abc import Sequence
from datetime import timedelta

from services.features.service import FeatureService, TableBuilt
from shared.contracts import topology
from shared.contracts.events import Event, FeaturesTableBuilt, SyncWindowCompleted
from shared.ports.clock import Clock
from shared.ports.errors import NotFoundError, RejectedMessageError
from shared.runtime.worker import Parts, Subscription, Timer


def parts(service: FeatureService, *, clock: Clock, interval: timedelta, site_id: str | None = None) -> Parts:
    """Refresh a site when its readings changed, and all of them (or the one) from time to time."""

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
        return built(service.sweep(now_at=clock.now_at, site_id=site_id))

    return Parts(
        name="features",
        subscriptions=(Subscription(queue=topology.FEATURES_BUILD, handle=refresh),),
        timers=(Timer(name="features.sweep", every=interval, step=sweep),),
    )


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
