"""Messages in, messages out."""

from datetime import UTC, datetime, timedelta

import pytest

from services.sync.handlers import parts
from shared.contracts import topology
from shared.contracts.events import Event, ModelTrainingRequested, ReadingColumnsRecorded, ReadingsRecorded, SyncWindowCompleted
from shared.contracts.reading_frames import columns_from_frame, documents_from_frame
from shared.domain.site import Site
from shared.ports.errors import RejectedMessageError, UnavailableError
from shared.runtime.worker import Timer
from tests.factories import a_site, a_tariff, readings
from tests.unit.sync.conftest import World

START = datetime(2024, 6, 15, tzinfo=UTC)
NOW = START + timedelta(days=1)


class Noon:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> datetime:
        return self.time

    def now_at(self, _site: Site) -> datetime:
        return self.time


class Away:
    """An edge store that does not answer."""

    def __getattr__(self, name: str) -> object:
        raise UnavailableError("the edge store is away")


def ticked(timer: Timer) -> list[Event]:
    """What one tick of a timer brings."""
    events = [*timer.step()]
    while timer.unfinished():
        events += timer.step()
    return events


@pytest.mark.parametrize(
    "message",
    [
        ReadingsRecorded(site_id="home", readings=documents_from_frame(readings(hours=1))),
        ReadingColumnsRecorded(site_id="home", readings=columns_from_frame(readings(hours=1))),
    ],
    ids=["documents", "columns"],
)
def test_recorded_readings_are_stored_and_the_window_is_published(world: World, message):
    world.cloud.sites.put(a_site())
    handlers = parts(world.service(), clock=Noon(), interval=timedelta(minutes=1))
    (subscription,) = handlers.subscriptions
    assert subscription.queue is topology.SYNC_READINGS
    ((event,),) = subscription.handle([message])
    end = START + timedelta(minutes=45, microseconds=1)
    assert event == SyncWindowCompleted(site_id="home", start=START, end=end, accepted=4, rejected=0)
    assert subscription.handle([message]) == [[]], "a message that comes twice changes nothing and says nothing"


def test_a_site_first_heard_of_by_message_is_told_of_when_its_gateway_has_announced_it(world: World):
    handlers = parts(world.service(), clock=Noon(), interval=timedelta(hours=1))
    ((subscription,), (sweep, newcomers)) = (handlers.subscriptions, handlers.timers)
    first, second = readings(hours=2).iloc[:4], readings(hours=2).iloc[4:]
    assert subscription.handle([ReadingColumnsRecorded(site_id="home", readings=columns_from_frame(first))]) == [[]]
    assert ticked(newcomers) == [], "nobody has announced it yet"
    assert subscription.handle([ReadingColumnsRecorded(site_id="home", readings=columns_from_frame(second))]) == [[]]
    world.edge.announce_site(a_site(), a_tariff())
    end = START + timedelta(minutes=105, microseconds=1)
    assert ticked(newcomers) == [SyncWindowCompleted(site_id="home", start=START, end=end, accepted=8, rejected=0)]
    assert world.cloud.tariffs.get("home") == a_tariff()
    assert ticked(newcomers) == ticked(sweep) == []


def test_a_site_that_nobody_announces_is_told_of_all_the_same(world: World):
    clock = Noon()
    handlers = parts(world.service(), clock=clock, interval=timedelta(hours=1))
    ((subscription,), (_, newcomers)) = (handlers.subscriptions, handlers.timers)
    assert subscription.handle([ReadingColumnsRecorded(site_id="home", readings=columns_from_frame(readings(hours=1)))]) == [[]]
    assert ticked(newcomers) == []
    clock.time += timedelta(seconds=10)
    (event,) = ticked(newcomers)
    assert (event.site_id, event.accepted) == ("home", 4)
    assert ticked(newcomers) == []


def test_an_edge_that_is_away_is_told_by_the_sweep_and_not_for_newcomers_again(world: World):
    clock = Noon()
    handlers = parts(world.service(edge=Away()), clock=clock, interval=timedelta(hours=1))
    ((subscription,), (sweep, newcomers)) = (handlers.subscriptions, handlers.timers)
    subscription.handle([ReadingColumnsRecorded(site_id="home", readings=columns_from_frame(readings(hours=1)))])
    assert ticked(newcomers) == []
    with pytest.raises(UnavailableError):
        sweep.step()
    clock.time += timedelta(seconds=10)
    assert len(ticked(newcomers)) == 1


def test_of_one_reading_in_several_messages_the_newest_message_wins(world: World):
    (subscription,) = parts(world.service(), clock=Noon(), interval=timedelta(minutes=1)).subscriptions
    first, second, third = (readings(hours=1).assign(total_load_kw=value) for value in (1.0, 2.0, 3.0))
    subscription.handle(
        [
            ReadingColumnsRecorded(site_id="home", readings=columns_from_frame(first)),
            ReadingsRecorded(site_id="home", readings=documents_from_frame(second)),
            ReadingColumnsRecorded(site_id="home", readings=columns_from_frame(third)),
        ]
    )
    assert set(world.cloud.readings.latest(site_id="home")["total_load_kw"]) == {3.0}


def test_a_message_that_does_not_belong_is_rejected(world: World):
    (subscription,) = parts(world.service(), clock=Noon(), interval=timedelta(minutes=1)).subscriptions
    with pytest.raises(RejectedMessageError, match="does not belong"):
        subscription.handle([ModelTrainingRequested(site_id="home")])


def test_the_timer_sweeps_and_publishes_a_site_without_readings_as_an_empty_window(world: World):
    world.edge.announce_site(a_site(), a_tariff())
    timer, _ = parts(world.service(), clock=Noon(), interval=timedelta(seconds=7)).timers
    assert timer.every == timedelta(seconds=7)
    assert timer.step() == [SyncWindowCompleted(site_id="home", start=NOW, end=NOW, accepted=0, rejected=0)]
    assert timer.step() == []
