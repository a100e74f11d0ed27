"""Scenarios on a bus: what is published, who takes it, and how long to wait for what the bus gives no signal of."""

import asyncio
from datetime import timedelta
from functools import partial

import pytest

from shared.contracts.envelope import Envelope, wrap
from shared.contracts.events import ModelTrainingRequested, SyncWindowCompleted
from tests.contract.implementations import BUSES
from tests.factories import NOON


def bus_fixtures():
    """Two fixtures for a suite: `name` of the implementation, and `play`, which runs a scenario on a fresh bus."""

    @pytest.fixture(params=sorted(BUSES), name="name")
    def name(request):
        return request.param

    @pytest.fixture(name="play")
    def play(name):
        return partial(played, BUSES[name])

    return name, play


def played(opened, scenario):
    """Run a scenario on the bus that `opened` gives, within twenty seconds."""

    async def within(bus):
        try:
            async with asyncio.timeout(20):
                return await scenario(bus)
        finally:
            await bus.close()

    with opened() as bus:
        return asyncio.run(within(bus))


def window(number: int = 0) -> Envelope:
    end = NOON + timedelta(hours=1)
    return wrap(SyncWindowCompleted(site_id="home", start=NOON, end=end, accepted=number, rejected=0), source="test", time=NOON)


def training() -> Envelope:
    return wrap(ModelTrainingRequested(site_id="home"), source="test", time=NOON)


async def until(condition) -> None:
    """Wait for something that the bus gives no signal of; the scenario's limit bounds it."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.001)


class Inbox:
    """A handler that keeps what it gets, after failing as told."""

    def __init__(self, *failures: Exception) -> None:
        self.got: list[Envelope] = []
        self.failures = list(failures)
        self.deliveries = 0

    async def __call__(self, envelope: Envelope) -> None:
        self.deliveries += 1
        if self.failures:
            raise self.failures.pop(0)
        self.got.append(envelope)

    async def holds(self, count: int) -> None:
        await until(lambda: len(self.got) >= count)


async def dead(bus, queue, count=1):
    while len(found := await bus.dead.page(queue)) < count:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    return found
