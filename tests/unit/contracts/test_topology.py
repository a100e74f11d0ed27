"""Queues as data: named by one rule, each that is shared with retry and dead queues, commands apart from events."""

import re

import pytest

from shared.contracts import events
from shared.contracts.events import EVENTS
from shared.contracts.topology import COMMANDS_EXCHANGE, DEAD_EXCHANGE, EVENTS_EXCHANGE, QUEUES, RETRY_LEVELS, queue

SHARED = tuple(item for item in QUEUES if item.shared)
PER_INSTANCE = tuple(item for item in QUEUES if not item.shared)


def test_all_names_of_queues_differ():
    names = [name for item in QUEUES for name in (item.name, *item.retries, *filter(None, [item.dead]))]
    assert len(set(names)) == len(names) == len(QUEUES) + (RETRY_LEVELS + 1) * len(SHARED)


@pytest.mark.parametrize("item", QUEUES, ids=lambda item: item.name)
def test_a_queue_is_named_after_its_consumer_and_work(item):
    assert re.fullmatch(r"(gateway_sim|sync|features|forecaster|optimizer|api)\.[a-z]+-[a-z]+\.v1", item.name)


@pytest.mark.parametrize("item", SHARED, ids=lambda item: item.name)
def test_a_shared_queue_has_retry_and_dead_queues(item):
    assert item.dead == f"{item.name}.dead"
    assert item.retries == tuple(f"{item.name}.retry.{level}" for level in (1, 2, 3))


@pytest.mark.parametrize("item", PER_INSTANCE, ids=lambda item: item.name)
def test_a_queue_per_instance_has_neither_retry_nor_dead_queues(item):
    assert (item.retries, item.dead) == ((), None)


def test_announcements_and_schedules_reach_every_process_that_listens():
    assert {item.name for item in PER_INSTANCE} == {"api.events-announce.v1", "gateway_sim.schedule-follow.v1"}


@pytest.mark.parametrize("item", QUEUES, ids=lambda item: item.name)
def test_a_queue_is_bound_to_known_types_in_the_exchange_of_their_kind(item):
    assert item.routing_keys
    assert set(item.routing_keys) <= EVENTS.keys()
    assert {".requested." in key for key in item.routing_keys} == {item.exchange == COMMANDS_EXCHANGE}
    assert item.exchange in {EVENTS_EXCHANGE, COMMANDS_EXCHANGE}


def test_the_exchanges_differ():
    assert len({EVENTS_EXCHANGE, COMMANDS_EXCHANGE, DEAD_EXCHANGE}) == 3


def test_every_event_has_a_consumer():
    bound = {key for item in QUEUES for key in item.routing_keys}
    assert bound == EVENTS.keys()


def test_a_command_has_one_consumer():
    commands = [key for item in QUEUES if item.exchange == COMMANDS_EXCHANGE for key in item.routing_keys]
    assert len(commands) == len(set(commands))


def test_a_queue_does_not_mix_commands_and_events():
    with pytest.raises(ValueError, match="either commands or events"):
        queue("sync", "readings-store", events.ReadingsRecorded, events.ScheduleRunRequested)
