"""Messages and sweeps end in schedules and announcements; a site that cannot be planned stops nobody."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from services.optimizer.handlers import parts
from shared.adapters.embedded.cloud_store import SqliteCloudStore
from shared.contracts.events import ForecastRunPublished, ScheduleRunPublished, ScheduleRunRequested
from shared.contracts.topology import OPTIMIZER_BATCH, OPTIMIZER_REPLAN, OPTIMIZER_RUN
from shared.domain.job import JobState
from shared.domain.site import Site
from shared.ports.errors import RejectedMessageError
from shared.runtime.worker import Parts
from tests.factories import NOON, a_site
from tests.unit.optimizer.stores import a_planner


class NoonClock:
    """Time stands at noon."""

    def now(self) -> datetime:
        return NOON

    def now_at(self, site: Site) -> datetime:
        return self.now() if site.live else NOON - timedelta(days=1)


@contextmanager
def an_optimizer(folder: Path) -> Iterator[tuple[Parts, SqliteCloudStore]]:
    with a_planner(folder) as (planner, cloud):
        yield parts(planner, sites=cloud.sites, jobs=cloud.jobs, clock=NoonClock(), every=timedelta(minutes=5)), cloud


def test_new_forecasts_and_requests_make_a_schedule_and_announce_it(tmp_path: Path) -> None:
    with an_optimizer(tmp_path) as (optimizer, cloud):
        assert [each.queue for each in optimizer.subscriptions] == [OPTIMIZER_REPLAN, OPTIMIZER_RUN, OPTIMIZER_BATCH]
        forecast = ForecastRunPublished(site_id="home", issued_at=NOON, targets=[], forecast_ids=[])
        for subscription, message in zip(optimizer.subscriptions[:2], (forecast, ScheduleRunRequested(site_id="home")), strict=True):
            (event,) = subscription.handle(message)
            stored = cloud.schedules.latest(site_id="home")
            assert isinstance(event, ScheduleRunPublished)
            assert stored is not None
            assert event.schedule_id == stored.schedule_id


def test_a_message_about_an_unknown_site_is_given_up_with_the_reason(tmp_path: Path) -> None:
    with an_optimizer(tmp_path) as (optimizer, _), pytest.raises(RejectedMessageError, match="elsewhere"):
        optimizer.subscriptions[1].handle(ScheduleRunRequested(site_id="elsewhere"))


def test_the_sweep_plans_what_is_stale_once_at_each_sites_own_time(tmp_path: Path) -> None:
    with an_optimizer(tmp_path) as (optimizer, cloud):
        cloud.sites.put(a_site("past", live=False))
        tariff = cloud.tariffs.get("home")
        assert tariff is not None
        cloud.tariffs.put("past", tariff)
        cloud.sites.put(a_site("without-tariff"))
        (batch,) = optimizer.timers[0].step()
        events = optimizer.subscriptions[2].handle(batch)
        assert [event.site_id for event in events if isinstance(event, ScheduleRunPublished)] == ["home", "past"]
        past = cloud.schedules.latest(site_id="past")
        assert past is not None
        assert past.issued_at == NOON - timedelta(days=1)
        assert optimizer.timers[0].step() == []


def test_one_forecast_is_planned_with_once_however_often_its_message_comes(tmp_path: Path) -> None:
    with an_optimizer(tmp_path) as (optimizer, _):
        forecast = ForecastRunPublished(site_id="home", issued_at=NOON, targets=[], forecast_ids=[])
        assert len(optimizer.subscriptions[0].handle(forecast)) == 1
        assert optimizer.subscriptions[0].handle(forecast) == []


def test_a_site_that_cannot_be_planned_is_given_up_with_the_reason(tmp_path: Path) -> None:
    with an_optimizer(tmp_path) as (optimizer, cloud):
        cloud.sites.put(a_site("without-tariff"))
        assert optimizer.subscriptions[1].handle(ScheduleRunRequested(site_id="without-tariff")) == []
        (job,) = cloud.jobs.list()
        assert job.state is JobState.GIVEN_UP
        assert job.error is not None
        assert "tariff" in job.error
