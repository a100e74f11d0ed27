"""Messages and timers in, jobs done by the service, messages out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from services.optimizer.service import REPLAN_AFTER, PlannerService
from shared.contracts.events import Event, ForecastRunPublished, ScheduleBatchRequested, ScheduleRunPublished, ScheduleRunRequested
from shared.contracts.topology import OPTIMIZER_BATCH, OPTIMIZER_REPLAN, OPTIMIZER_RUN
from shared.domain.job import Job, JobKind, slot_of
from shared.domain.schedule import Schedule
from shared.domain.site import Site
from shared.domain.time import floor_to
from shared.ports.clock import Clock
from shared.ports.errors import NotFoundError, RejectedMessageError
from shared.ports.job_store import JobRegister
from shared.ports.site_store import SiteStore
from shared.runtime.jobs import LEASE, JobWorker, Outcome, Work
from shared.runtime.logging import logger
from shared.runtime.worker import Parts, Subscription, Timer, message_id

BATCH = 20
"""Planning a site takes about a tenth of a second."""


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

    def plan(self, job: Job) -> Outcome:
        schedule = self.service.plan(site_id=job.site_id, now=self.clock.now_at(self.site(job.site_id)))
        logger("optimizer").info(
            "schedule made", site_id=job.site_id, schedule_id=schedule.schedule_id, status=schedule.status, revision=schedule.revision
        )
        return Outcome(events=[published(schedule)], result={"schedule_id": schedule.schedule_id, "status": schedule.status})

    def site(self, site_id: str) -> Site:
        site = self.sites.get(site_id)
        if site is None:
            raise NotFoundError(f"site {site_id!r} is not known")
        return site

    def asked(self, event: Event) -> Job:
        """A forecast is planned with once, each request of a person is work of its own."""
        match event:
            case ForecastRunPublished(site_id=site_id, issued_at=issued_at):
                slot = slot_of(issued_at)
            case ScheduleRunRequested(site_id=site_id):
                slot = message_id()
            case _:
                raise RejectedMessageError(f"{event.TYPE} does not belong here")
        try:
            return Job(kind=JobKind.SCHEDULE, site_id=self.site(site_id).site_id, slot=slot)
        except NotFoundError as problem:
            raise RejectedMessageError(str(problem)) from problem

    def aged(self) -> list[Job]:
        """What a new forecast asks for where its message was lost; else one plan in an hour."""
        return [
            Job(
                kind=JobKind.SCHEDULE,
                site_id=site.site_id,
                slot=slot_of(forecast_at) if forecast_at else f"hour-{slot_of(floor_to(self.clock.now_at(site), REPLAN_AFTER))}",
            )
            for site, forecast_at in self.service.stale(now_at=self.clock.now_at)
        ]


def parts(
    service: PlannerService, *, sites: SiteStore, jobs: JobRegister, clock: Clock, every: timedelta, lease: timedelta = LEASE
) -> Parts:
    """Plans on new forecasts, on request, and for sites whose plan has aged."""
    steps = _Steps(service=service, sites=sites, clock=clock)
    work = Work(kind=JobKind.SCHEDULE, queue=OPTIMIZER_BATCH, batch=ScheduleBatchRequested, size=BATCH, run=steps.plan)
    worker = JobWorker(work, store=jobs, clock=clock, lease=lease)

    def on_message(event: Event) -> Sequence[Event]:
        return worker.do(steps.asked(event))

    def sweep() -> Sequence[Event]:
        return worker.share(steps.aged())

    return Parts(
        name="optimizer",
        subscriptions=(
            Subscription(queue=OPTIMIZER_REPLAN, handle=on_message),
            Subscription(queue=OPTIMIZER_RUN, handle=on_message),
            worker.subscription,
        ),
        timers=(Timer(name="optimizer.sweep", every=every, step=sweep), worker.timer),
        stopping=(worker.stop,),
    )
