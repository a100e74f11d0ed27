"""Message in, service call, events out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from services.optimizer.service import PlannerService
from shared.contracts.events import Event, ForecastRunPublished, ScheduleRunPublished, ScheduleRunRequested
from shared.contracts.topology import OPTIMIZER_REPLAN, OPTIMIZER_RUN
from shared.domain.errors import InvalidValueError
from shared.domain.schedule import Schedule
from shared.ports.clock import Clock
from shared.ports.errors import NotFoundError, RejectedMessageError
from shared.ports.site_store import SiteStore
from shared.runtime.logging import logger
from shared.runtime.worker import Parts, Subscription, Timer


def published(schedule: Schedule) -> ScheduleRunPublished:
    """What is said of a new schedule."""
    return ScheduleRunPublished(
        site_id=schedule.site_id, schedule_id=schedule.schedule_id, issued_at=schedule.issued_at, status=schedule.status
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Steps:
    """The steps of the optimizer, with what they need."""

    service: PlannerService
    sites: SiteStore
    clock: Clock

    def plan(self, site_id: str) -> Sequence[Event]:
        site = self.sites.get(site_id)
        if site is None:
            raise NotFoundError(f"site {site_id!r} is not known")
        return [published(self.service.plan(site_id=site_id, now=self.clock.now_at(site)))]

    def on_message(self, event: Event) -> Sequence[Event]:
        """A message about a site that cannot be planned until a person acts is given up, with the reason."""
        if not isinstance(event, ForecastRunPublished | ScheduleRunRequested):
            raise RejectedMessageError(f"{event.TYPE} does not belong here")
        try:
            return self.plan(event.site_id)
        except (NotFoundError, InvalidValueError) as problem:
            raise RejectedMessageError(str(problem)) from problem

    def sweep(self) -> Sequence[Event]:
        """Plan every site whose plan has aged; one that cannot be planned does not stop the others."""
        events: list[Event] = []
        for site in self.service.stale(now_at=self.clock.now_at):
            try:
                events += self.plan(site.site_id)
            except (NotFoundError, InvalidValueError) as problem:
                logger("optimizer").warning("a site could not be planned; the others are", site_id=site.site_id, error=str(problem))
        return events


def parts(service: PlannerService, *, sites: SiteStore, clock: Clock, every: timedelta) -> Parts:
    """Plans on new forecasts, on request, and for sites whose plan has aged."""
    steps = _Steps(service=service, sites=sites, clock=clock)
    return Parts(
        name="optimizer",
        subscriptions=(
            Subscription(queue=OPTIMIZER_REPLAN, handle=steps.on_message),
            Subscription(queue=OPTIMIZER_RUN, handle=steps.on_message),
        ),
        timers=(Timer(name="optimizer.sweep", every=every, step=steps.sweep),),
    )
