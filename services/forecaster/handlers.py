"""Messages and timers in, jobs done by the service, messages out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.forecaster.service import (
    ForecastRun,
    ForecastService,
    NothingToForecastError,
    TrainingReport,
    UnknownSiteError,
)
from shared.contracts import topology
from shared.contracts.events import (
    Event,
    FeaturesTableBuilt,
    ForecastBatchRequested,
    ForecastRunPublished,
    ModelDrifted,
    ModelTrainingCompleted,
    ModelTrainingRequested,
    TrainingBatchRequested,
)
from shared.domain.forecast import Target
from shared.domain.job import FLEET, Job, JobKind, slot_of
from shared.domain.site import Site
from shared.domain.time import floor_to
from shared.ports.clock import Clock
from shared.ports.errors import RejectedMessageError
from shared.ports.job_store import JobRegister
from shared.runtime.jobs import LEASE, JobWorker, Outcome, Work
from shared.runtime.logging import logger
from shared.runtime.worker import Parts, Subscription, Timer, message_id

FORECAST_EVERY = timedelta(hours=1)
TRAIN_LOOK = timedelta(minutes=5)
"""How often it is looked whether a site has enough to learn from, or has not learned for a day."""
FORECAST_BATCH, TRAINING_BATCH = 250, 1
"""Forecasting a site takes some hundredths of a second, a fifth of a batch is claimed at once and forecast together; training a site
takes some seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Steps:
    """How the forecaster does its jobs, with what it needs."""

    service: ForecastService
    clock: Clock
    test_share: float

    def forecast(self, job: Job) -> Outcome:
        now = self.due(job)
        return _outcome(self.service.forecast(site_id=job.site_id, now=now) if now else None)

    def due(self, job: Job) -> datetime | None:
        """The site's time, where it has no forecast of the hour, or the newest was not made by the new model; else None."""
        site = self.site(job.site_id)
        now = self.clock.now_at(site)
        target, _, version = job.slot.partition("-")
        if version:
            is_due = self.service.is_unused(site_id=site.site_id, target=Target(target), model_version=version, now=now)
        else:
            is_due = self.service.is_forecast_due(site_id=site.site_id, now=now)
        return now if is_due else None

    def together(self, jobs: Sequence[Job]) -> Callable[[Job], Outcome]:
        """Many sites are forecast at once, and each is stored under its own lease; a second job of a site comes after that."""
        nows = dict[str, datetime]()
        for job in jobs:
            try:
                now = self.due(job)
            except RejectedMessageError:  # which its own job will tell
                continue
            if now is not None:
                nows[job.site_id] = now
        waiting = {run.site_id: run for run in self.service.prepare(nows)}

        def run(job: Job) -> Outcome:
            made = waiting.pop(job.site_id, None)
            return self.forecast(job) if made is None else _outcome(self.service.issue(made))

        return run

    def train(self, job: Job) -> Outcome:
        site = self.site(job.site_id)
        try:
            report = self.service.train(site_id=site.site_id, now=self.clock.now_at(site), test_share=self.test_share)
        except NothingToForecastError as problem:
            raise RejectedMessageError(str(problem)) from problem
        for each in report.targets:
            logger("forecaster").info("model tested", site_id=site.site_id, target=each.target, skill=each.skill, serves=each.promoted)
        return Outcome(events=completed(report), result={"promoted": [each.target for each in report.targets if each.promoted]})

    def pool(self, job: Job) -> Outcome:
        """What all sites share; each adapts to it at its next training."""
        del job
        done = self.service.train_pools(now=self.clock.now())
        for each in done:
            logger("forecaster").info("pool trained", target=each.target, sites=each.sites, model_version=each.model_version or "none")
        return Outcome(result={str(each.target): each.model_version for each in done})

    def pooling(self) -> Job:
        """That of this hour."""
        return Job(kind=JobKind.POOL, site_id=FLEET, slot=slot_of(floor_to(self.clock.now(), FORECAST_EVERY)))

    def hour(self, site: Site) -> Job:
        """The forecast of the site's clock hour."""
        return Job(kind=JobKind.FORECAST, site_id=site.site_id, slot=slot_of(floor_to(self.clock.now_at(site), FORECAST_EVERY)))

    def renewal(self, site: Site, target: Target, version: str) -> Job:
        """The forecast of a new model."""
        return Job(kind=JobKind.FORECAST, site_id=site.site_id, slot=f"{target}-{version}")

    def renewals(self, site: Site) -> list[Job]:
        """What a new model asks for where its message was lost. An hour that has its forecast, as always where time stands,
        brings none."""
        return [self.renewal(site, *found) for found in self.service.unused_models(site_id=site.site_id, now=self.clock.now_at(site))]

    def training(self, site: Site) -> Job:
        """The training that is due now; one that fails is tried anew in the next hour."""
        return Job(kind=JobKind.TRAINING, site_id=site.site_id, slot=slot_of(floor_to(self.clock.now_at(site), FORECAST_EVERY)))

    def forget_gone(self) -> Sequence[Event]:
        """Models outlive their site where it was deleted by a process that does not see them."""
        for owner in self.service.forget_gone():
            logger("forecaster").info("models of a site that is gone were removed", site_id=owner)
        return ()

    def is_training_due(self, site: Site) -> bool:
        return self.service.is_training_due(site_id=site.site_id, now=self.clock.now_at(site))

    def site(self, site_id: str) -> Site:
        try:
            return self.service.site(site_id=site_id)
        except UnknownSiteError as problem:
            raise RejectedMessageError(str(problem)) from problem


def parts(service: ForecastService, *, jobs: JobRegister, clock: Clock, test_share: float, lease: timedelta = LEASE) -> Parts:
    """Forecasts on new features and new models, training on request, and the sweeps that make up for lost messages."""
    steps = _Steps(service=service, clock=clock, test_share=test_share)
    forecasts = JobWorker(
        Work(
            kind=JobKind.FORECAST,
            queue=topology.FORECASTER_BATCH,
            batch=ForecastBatchRequested,
            size=FORECAST_BATCH,
            run=steps.forecast,
            together=steps.together,
        ),
        store=jobs,
        clock=clock,
        lease=lease,
    )
    trainings = JobWorker(
        Work(
            kind=JobKind.TRAINING,
            queue=topology.FORECASTER_TRAIN_BATCH,
            batch=TrainingBatchRequested,
            size=TRAINING_BATCH,
            run=steps.train,
        ),
        store=jobs,
        clock=clock,
        lease=lease,
    )

    pools = JobWorker(
        Work(kind=JobKind.POOL, queue=topology.FORECASTER_TRAIN_BATCH, batch=TrainingBatchRequested, size=1, run=steps.pool),
        store=jobs,
        clock=clock,
        lease=lease,
    )

    def on_run(event: Event) -> Sequence[Event]:
        """New features, or a new model that serves."""
        match event:
            case FeaturesTableBuilt():
                return forecasts.do(steps.hour(steps.site(event.site_id)))
            case ModelTrainingCompleted(promoted=False):
                return []
            case ModelTrainingCompleted(target=target, model_version=version):
                return forecasts.do(steps.renewal(steps.site(event.site_id), target, version))
        raise RejectedMessageError(f"{event.TYPE} does not belong in queue {topology.FORECASTER_RUN.name}")

    def on_train(event: Event) -> Sequence[Event]:
        if not isinstance(event, ModelTrainingRequested):
            raise RejectedMessageError(f"{event.TYPE} does not belong in queue {topology.FORECASTER_TRAIN.name}")
        return trainings.do(Job(kind=JobKind.TRAINING, site_id=steps.site(event.site_id).site_id, slot=message_id()))

    def forecast_all() -> Sequence[Event]:
        return forecasts.share([job for site in service.sites() for job in (steps.hour(site), *steps.renewals(site))])

    def train_due() -> Sequence[Event]:
        return trainings.share([steps.training(site) for site in service.sites() if steps.is_training_due(site)])

    def pool_due() -> Sequence[Event]:
        """One process does it; which is left to the lease."""
        return pools.do(steps.pooling()) if service.are_pools_due(now=clock.now()) else []

    return Parts(
        name="forecaster",
        subscriptions=(
            Subscription(queue=topology.FORECASTER_RUN, handle=on_run),
            Subscription(queue=topology.FORECASTER_TRAIN, handle=on_train),
            forecasts.subscription,
            trainings.subscription,
        ),
        timers=(
            Timer(name="forecaster.forecast", every=FORECAST_EVERY, step=forecast_all),
            Timer(name="forecaster.train", every=TRAIN_LOOK, step=train_due),
            Timer(name="forecaster.pool", every=TRAIN_LOOK, step=pool_due),
            Timer(name="forecaster.retention", every=FORECAST_EVERY, step=steps.forget_gone),
            forecasts.timer,
            trainings.timer,
            pools.timer,
        ),
        stopping=(forecasts.stop, trainings.stop, pools.stop),
    )


def _outcome(run: ForecastRun | None) -> Outcome:
    """What a forecast came to; nothing where none was due."""
    events = published(run)
    for event in events:
        logger("forecaster").info("forecast made", site_id=event.site_id, targets=" ".join(event.targets))
    return Outcome(events=events, result={"forecast_ids": [each for event in events for each in event.forecast_ids]})


def published(run: ForecastRun | None) -> list[ForecastRunPublished]:
    """The message of a forecast run; none where there was nothing to do."""
    if run is None:
        return []
    return [
        ForecastRunPublished(
            site_id=run.site_id,
            issued_at=run.issued_at,
            targets=[forecast.target for forecast in run.forecasts],
            forecast_ids=[forecast.forecast_id for forecast in run.forecasts],
        )
    ]


def completed(report: TrainingReport) -> list[Event]:
    """One message for each target that a model was made for, and one for each champion that was found to drift."""
    made: list[Event] = [
        ModelTrainingCompleted(
            site_id=report.site_id,
            target=result.target,
            model_name=result.model_name,
            model_version=result.model_version,
            promoted=result.promoted,
            skill=result.skill,
        )
        for result in report.targets
        if result.model_version
    ]
    drifted = [
        ModelDrifted(
            site_id=report.site_id,
            target=result.target,
            model_version=result.drift.model_version,
            alarm=result.drift.alarm,
            still_serves=result.drift.still_serves,
        )
        for result in report.targets
        if result.drift
    ]
    return made + drifted
