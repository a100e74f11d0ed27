"""Messages and timers in, jobs done by the service, messages out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from services.features.service import FeatureService, TableBuilt
from shared.contracts import topology
from shared.contracts.events import Event, FeaturesBatchRequested, FeaturesTableBuilt, SyncWindowCompleted
from shared.domain.job import Job, JobKind, slot_of
from shared.domain.time import floor_to
from shared.ports.clock import Clock
from shared.ports.errors import NotFoundError, RejectedMessageError
from shared.ports.job_store import JobRegister
from shared.runtime.jobs import LEASE, JobWorker, Outcome, Work
from shared.runtime.logging import logger
from shared.runtime.worker import Parts, Subscription, Timer, message_id

BATCH = 100
"""Refreshing a site takes about a twentieth of a second; a fifth of a batch is claimed at once and made together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Steps:
    """The steps of features, with what they need."""

    service: FeatureService
    clock: Clock

    def build(self, job: Job) -> Outcome:
        site = self.service.site(job.site_id)
        return _outcome(self.service.refresh_noting(site_id=site.site_id, now=self.clock.now_at(site)))

    def together(self, jobs: Sequence[Job]) -> Callable[[Job], Outcome]:
        """Tables of many sites are made at once, and written each under its own lease; a second job of a site comes after that."""
        sites = {job.site_id: self.service.site(job.site_id) for job in jobs}
        prepared = self.service.prepare({site_id: self.clock.now_at(site) for site_id, site in sites.items()})
        waiting = {each.site_id: each for each in prepared}

        def run(job: Job) -> Outcome:
            made = waiting.pop(job.site_id, None)
            return self.build(job) if made is None else _outcome(self.service.write(made))

        return run


def parts(
    service: FeatureService, *, jobs: JobRegister, clock: Clock, interval: timedelta, site_id: str | None = None, lease: timedelta = LEASE
) -> Parts:
    """Refresh a site when its readings changed, and all of them (or the one) from time to time."""
    steps = _Steps(service=service, clock=clock)
    work = Work(
        kind=JobKind.FEATURES,
        queue=topology.FEATURES_BATCH,
        batch=FeaturesBatchRequested,
        size=BATCH,
        run=steps.build,
        together=steps.together,
    )
    worker = JobWorker(work, store=jobs, clock=clock, lease=lease)

    def refresh(event: Event) -> Sequence[Event]:
        """A window may hold late readings, prices or a changed site, so each message is a job, however often it is delivered."""
        if not isinstance(event, SyncWindowCompleted):
            raise RejectedMessageError(f"{event.TYPE} does not belong in queue {topology.FEATURES_BUILD.name}")
        if site_id is not None and event.site_id != site_id:
            return []
        try:
            service.site(event.site_id)
        except NotFoundError as problem:
            raise RejectedMessageError(str(problem)) from problem
        return worker.do(Job(kind=JobKind.FEATURES, site_id=event.site_id, slot=message_id()))

    def sweep() -> Sequence[Event]:
        """What is recent or ahead, of every site, once in an interval whichever process comes to it."""
        slot = f"sweep-{slot_of(floor_to(clock.now(), interval))}"
        sites = [service.site(site_id)] if site_id else service.sites()
        return worker.share([Job(kind=JobKind.FEATURES, site_id=site.site_id, slot=slot) for site in sites])

    return Parts(
        name="features",
        subscriptions=(Subscription(queue=topology.FEATURES_BUILD, handle=refresh), worker.subscription),
        timers=(Timer(name="features.sweep", every=interval, step=sweep), worker.timer),
        stopping=(worker.stop,),
    )


def built(table: TableBuilt) -> FeaturesTableBuilt:
    """What is said of a table that has new rows."""
    return FeaturesTableBuilt(
        site_id=table.site_id,
        start=table.interval.start,
        end=table.interval.end,
        rows=table.rows,
        catalog_version=table.catalog_version,
    )


def _outcome(table: TableBuilt) -> Outcome:
    """What building a table came to."""
    until = table.interval.end.isoformat()
    logger("features").info("features built", site_id=table.site_id, rows=table.rows, until=until)
    return Outcome(events=[built(table)], result={"rows": table.rows, "until": until})
