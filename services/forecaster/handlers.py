"""Messages and timers in, calls of the service, messages out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

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
    ForecastRunPublished,
    ModelTrainingCompleted,
    ModelTrainingRequested,
)
from shared.domain.site import Site
from shared.ports.clock import Clock
from shared.ports.errors import RejectedMessageError
from shared.runtime.logging import logger
from shared.runtime.worker import Parts, Subscription, Timer

FORECAST_EVERY = timedelta(hours=1)
TRAIN_EVERY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Steps:
    """The steps of the forecaster, with what they need."""

    service: ForecastService
    clock: Clock
    test_share: float

    def on_run(self, event: Event) -> Sequence[Event]:
        """New features, or a new model that serves."""
        match event:
            case FeaturesTableBuilt():
                site = self._site(event.site_id)
                return published(self.service.forecast_if_due(site_id=site.site_id, now=self.clock.now_at(site)))
            case ModelTrainingCompleted(promoted=False):
                return []
            case ModelTrainingCompleted(target=target, model_version=version):
                site = self._site(event.site_id)
                now = self.clock.now_at(site)
                return published(self.service.forecast_with(site_id=site.site_id, target=target, model_version=version, now=now))
        raise RejectedMessageError(f"{event.TYPE} does not belong in queue {topology.FORECASTER_RUN.name}")

    def on_train(self, event: Event) -> Sequence[Event]:
        if not isinstance(event, ModelTrainingRequested):
            raise RejectedMessageError(f"{event.TYPE} does not belong in queue {topology.FORECASTER_TRAIN.name}")
        try:
            return self._train(self._site(event.site_id))
        except NothingToForecastError as problem:
            raise RejectedMessageError(str(problem)) from problem

    def forecast_all(self) -> Sequence[Event]:
        """Every site without a forecast in this clock hour."""
        events: list[Event] = []
        for site in self.service.sites():
            events += published(self.service.forecast_if_due(site_id=site.site_id, now=self.clock.now_at(site)))
        return events

    def train_all(self) -> Sequence[Event]:
        """Every site that has features."""
        events: list[Event] = []
        for site in self.service.sites():
            try:
                events += self._train(site)
            except NothingToForecastError as problem:
                logger("forecaster").info("training left out", site_id=site.site_id, reason=str(problem))
        return events

    def _train(self, site: Site) -> list[Event]:
        return completed(self.service.train(site_id=site.site_id, now=self.clock.now_at(site), test_share=self.test_share))

    def _site(self, site_id: str) -> Site:
        try:
            return self.service.site(site_id=site_id)
        except UnknownSiteError as problem:
            raise RejectedMessageError(str(problem)) from problem


def parts(service: ForecastService, *, clock: Clock, test_share: float) -> Parts:
    """Forecasts on new features and new models, training on request, and the sweeps that make up for lost messages."""
    steps = _Steps(service=service, clock=clock, test_share=test_share)
    return Parts(
        name="forecaster",
        subscriptions=(
            Subscription(queue=topology.FORECASTER_RUN, handle=steps.on_run),
            Subscription(queue=topology.FORECASTER_TRAIN, handle=steps.on_train),
        ),
        timers=(
            Timer(name="forecaster.forecast", every=FORECAST_EVERY, step=steps.forecast_all),
            Timer(name="forecaster.train", every=TRAIN_EVERY, step=steps.train_all, at_once=False),
        ),
    )


def published(run: ForecastRun | None) -> list[Event]:
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
    """One message for each target that a model was made for."""
    return [
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
