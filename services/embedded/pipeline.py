"""The steps of every service in one process, in the order in which a reading becomes a schedule."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from services.features import main as features
from services.features.service import FeatureService
from services.forecaster import main as forecaster
from services.forecaster.service import ForecastService
from services.optimizer import main as optimizer
from services.optimizer.service import PlannerService
from services.sync import main as sync
from shared.domain.savings import SavingsReport
from shared.domain.schedule import Schedule
from shared.domain.site import Site
from shared.runtime.progress import Bar, progress
from shared.runtime.resources import Resources

RETRAIN_AFTER = timedelta(days=1)
REFIT_EVERY = timedelta(days=7)
HINDCAST_EVERY = timedelta(hours=1)
"""How often the replay of the planned policy plans again, which is how often the live one does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What a site has once it is ready; the schedule is None where the site has no tariff."""

    site: Site
    now: datetime
    schedule: Schedule | None


class Pipeline:
    """Every use case that `der run` and `der backtest` compose, on one set of resources."""

    def __init__(self, resources: Resources, *, bar: Bar = progress) -> None:
        self._resources = resources
        self._bar = bar

    @cached_property
    def features(self) -> FeatureService:
        return features.build(self._resources)

    @cached_property
    def forecaster(self) -> ForecastService:
        return forecaster.build(self._resources, planner=optimizer.build)

    @cached_property
    def planner(self) -> PlannerService:
        return optimizer.build(self._resources)

    def replicate(self) -> None:
        """Copy to the cloud store what the edge store has and it lacks."""
        service = sync.build(self._resources)
        clock = self._resources.clock
        with self._bar("copying readings to the cloud store", service.backlog(now=clock.now())) as advance:
            service.sweep(now=clock.now(), stamp=clock.now, report=advance)

    def prepare(self, site: Site) -> Prepared:
        """Features, models where they are missing or a day old, forecasts and a schedule."""
        now = self._resources.clock.now_at(site)
        with stage(f"building the features of {site.site_id}"):
            self.features.refresh(site_id=site.site_id, now=now)
        if self._needs_training(site, now):
            self.train(site, now)
        with stage(f"forecasting {site.site_id} for 48 hours"):
            self.forecaster.forecast(site_id=site.site_id, now=now)
        if self._resources.tariffs.get(site.site_id) is None:
            print(
                f"{site.site_id} has no tariff, so it gets no schedule; give it one: PUT /v1/sites/{site.site_id}/tariff", file=sys.stderr
            )
            return Prepared(site=site, now=now, schedule=None)
        with stage(f"planning {site.site_id}"):
            schedule = self.planner.plan(site_id=site.site_id, now=now)
        return Prepared(site=site, now=now, schedule=schedule)

    def train(self, site: Site, now: datetime) -> None:
        """Train, test and where it is better promote the models of a site."""
        work = self.forecaster.planned_fits(site_id=site.site_id, now=now)
        with self._bar(f"training the models of {site.site_id}", work) as advance:
            self.forecaster.train(site_id=site.site_id, now=now, progress=advance)

    def backtest(self, site: Site, *, days: int) -> SavingsReport:
        """Replay the policies over the last days, planned with forecasts as they would have been issued then."""
        now = self._resources.clock.now_at(site)
        issue_times = self.planner.backtest_issue_times(site_id=site.site_id, now=now, days=days, every=HINDCAST_EVERY)
        targets = len(self.forecaster.status(site_id=site.site_id, now=now).targets)
        refits = targets * -(-days * timedelta(days=1) // REFIT_EVERY)
        with self._bar(f"forecasting {site.site_id} as of {len(issue_times)} past moments", refits) as advance:
            self.forecaster.hindcast(site_id=site.site_id, issue_times=issue_times, refit_every=REFIT_EVERY, progress=advance)
        with self._bar(f"replaying {days} days of {site.site_id}", days) as advance:
            return self.planner.backtest(site_id=site.site_id, now=now, days=days, progress=advance)

    def _needs_training(self, site: Site, now: datetime) -> bool:
        trained = self.forecaster.status(site_id=site.site_id, now=now).last_training
        return trained is None or now - trained > RETRAIN_AFTER


@contextmanager
def stage(description: str) -> Iterator[None]:
    """Say on standard error what is done and how long it took."""
    started = time.perf_counter()
    print(f"{description} ...", end=" ", file=sys.stderr, flush=True)
    yield
    print(f"{time.perf_counter() - started:.1f} s", file=sys.stderr, flush=True)
