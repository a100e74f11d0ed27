"""Messages in, messages out."""

from datetime import UTC, datetime, timedelta

import pytest

from services.features.handlers import parts
from shared.contracts import topology
from shared.contracts.events import FeaturesBatchRequested, FeaturesTableBuilt, ModelTrainingRequested, SyncWindowCompleted
from shared.domain.job import JobState
from shared.domain.site import Site
from shared.ports.errors import RejectedMessageError
from tests.factories import a_site, a_tariff, readings
from tests.unit.features.conftest import World

START = datetime(2024, 6, 1, tzinfo=UTC)
NOW = START + timedelta(days=3)
HOUR = timedelta(hours=1)


class EndOfData:
    """A clock that stands where the data end."""

    def now(self) -> datetime:
        return NOW + timedelta(days=1000)

    def now_at(self, _site: Site) -> datetime:
        return NOW


def completed(site_id: str = "home") -> SyncWindowCompleted:
    return SyncWindowCompleted(site_id=site_id, start=START, end=NOW, accepted=72, rejected=0)


def settle(world: World, *site_ids: str) -> None:
    for site_id in site_ids or ("home",):
        world.cloud.sites.put(a_site(site_id, resolution=HOUR))
        world.cloud.readings.upsert(readings(site_id=site_id, start=START, hours=72, step=HOUR), stored_at=NOW)


def test_a_completed_window_refreshes_its_site_at_the_sites_own_time(world: World):
    settle(world)
    subscription, _ = parts(world.service(), jobs=world.cloud.jobs, clock=EndOfData(), interval=HOUR).subscriptions
    assert subscription.queue is topology.FEATURES_BUILD
    (event,) = subscription.handle(completed())
    assert isinstance(event, FeaturesTableBuilt)
    assert (event.site_id, event.start, event.end, event.rows) == ("home", START, NOW + timedelta(hours=49), 72 + 49)
    assert event.catalog_version.startswith("7d-")


def test_a_message_of_another_kind_or_of_an_unknown_site_is_rejected(world: World):
    subscription, _ = parts(world.service(), jobs=world.cloud.jobs, clock=EndOfData(), interval=HOUR).subscriptions
    with pytest.raises(RejectedMessageError, match="does not belong"):
        subscription.handle(ModelTrainingRequested(site_id="home"))
    with pytest.raises(RejectedMessageError, match="not in the cloud store"):
        subscription.handle(completed("nobody"))


def test_a_worker_for_one_site_leaves_the_others_alone(world: World):
    settle(world)
    handlers = parts(world.service(), jobs=world.cloud.jobs, clock=EndOfData(), interval=HOUR, site_id="home")
    world.cloud.sites.put(a_site("other"))
    assert handlers.subscriptions[0].handle(completed("other")) == []
    (batch,) = handlers.timers[0].step()
    (event,) = handlers.subscriptions[1].handle(batch)
    assert isinstance(event, FeaturesTableBuilt)
    assert event.site_id == "home"


def test_the_sweeps_of_two_processes_in_one_interval_build_each_site_once(world: World):
    settle(world)
    one, two = (parts(world.service(), jobs=world.cloud.jobs, clock=EndOfData(), interval=HOUR) for _ in range(2))
    (batch,) = one.timers[0].step()
    assert isinstance(batch, FeaturesBatchRequested)
    assert two.timers[0].step() == []
    assert len(two.subscriptions[1].handle(batch)) == 1
    assert one.subscriptions[1].handle(batch) == []


def test_a_site_that_fails_says_so_in_its_status_and_is_tried_again(world: World):
    settle(world)
    world.cloud.tariffs.put("home", a_tariff(holiday_calendar="XX"))
    handlers = parts(world.service(), jobs=world.cloud.jobs, clock=EndOfData(), interval=HOUR)
    assert handlers.subscriptions[0].handle(completed()) == []
    (job,) = world.cloud.jobs.list()
    assert job.state is JobState.GIVEN_UP
    (status,) = world.service().status()
    assert status.last_error == job.error


def test_the_sites_of_a_sweep_are_built_together_and_one_that_fails_holds_up_no_other(world: World):
    homes = [f"home-{number}" for number in range(5)]
    settle(world, *homes)
    world.cloud.tariffs.put("home-3", a_tariff(holiday_calendar="XX"))
    handlers = parts(world.service(), jobs=world.cloud.jobs, clock=EndOfData(), interval=HOUR)
    (batch,) = handlers.timers[0].step()
    events = handlers.subscriptions[1].handle(batch)
    assert sorted(event.site_id for event in events) == ["home-0", "home-1", "home-2", "home-4"]
    failing = {status.site_id: status.last_error for status in world.service().status() if status.last_error}
    assert list(failing) == ["home-3"]
    world.cloud.tariffs.put("home-3", a_tariff())
    (again,) = parts(world.service(), jobs=world.cloud.jobs, clock=EndOfData(), interval=7 * HOUR).timers[0].step()
    assert len(handlers.subscriptions[1].handle(again)) == 5
    assert all(status.last_error is None for status in world.service().status())


def test_a_late_window_that_is_told_twice_is_built_once(world: World):
    settle(world)
    handlers = parts(world.service(), jobs=world.cloud.jobs, clock=EndOfData(), interval=HOUR)
    (whole,) = handlers.subscriptions[0].handle(completed())
    late = readings(start=START - timedelta(days=2), hours=2, step=HOUR)
    world.cloud.readings.upsert(late, stored_at=NOW + HOUR)
    (first,), (again,) = (handlers.subscriptions[0].handle(completed()) for _ in range(2))
    assert first.start == START - timedelta(days=2)
    assert again.start == NOW - timedelta(days=2), "what is recent, and no more"
    assert first.rows > whole.rows > again.rows
