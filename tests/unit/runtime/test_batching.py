"""Messages handled together, each done or failed for itself."""

import asyncio
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from shared.adapters.clock import FixedClock
from shared.adapters.embedded.bus import DeliveryPolicy, InProcessBus
from shared.contracts.envelope import Envelope, wrap
from shared.contracts.events import Event, ModelTrainingRequested, ScheduleRunRequested
from shared.contracts.topology import FORECASTER_TRAIN
from shared.ports.errors import RejectedMessageError, RetryableError, UnavailableError
from shared.runtime.batching import Batcher, BatchStep
from shared.runtime.worker import BatchSubscription, Parts, Worker

NOW = datetime(2024, 6, 15, 12, tzinfo=UTC)
LINGER = timedelta(milliseconds=20)


def message(site_id: str) -> Envelope:
    return wrap(ModelTrainingRequested(site_id=site_id), source="test", time=NOW)


def handled(step: BatchStep, messages: Sequence[Envelope], *, most: int = 50) -> list[object]:
    async def main() -> list[object]:
        batcher = Batcher(step=step, most=most, linger=LINGER)
        return await asyncio.gather(*(batcher.handle(one) for one in messages), return_exceptions=True)

    return asyncio.run(main())


def answer(event: Event) -> list[Event]:
    return [ScheduleRunRequested(site_id=f"{event.site_id} done")]


def test_what_comes_within_a_moment_is_handled_in_one_call_and_each_gets_its_own_answer():
    calls: list[int] = []

    def step(events: Sequence[Event]) -> Sequence[Sequence[Event]]:
        calls.append(len(events))
        return [answer(event) for event in events]

    outcomes = handled(step, [message(str(number)) for number in range(5)])
    assert calls == [5]
    assert [event.site_id for (event,) in outcomes] == [f"{number} done" for number in range(5)]


def test_a_batch_has_at_most_so_many_and_what_comes_meanwhile_waits_for_the_next():
    calls: list[int] = []
    running = threading.Lock()

    def step(events: Sequence[Event]) -> Sequence[Sequence[Event]]:
        assert running.acquire(blocking=False), "one batch at a time"
        calls.append(len(events))
        running.release()
        return [() for _ in events]

    assert handled(step, [message(str(number)) for number in range(7)], most=3) == [()] * 7
    assert calls == [3, 3, 1]


@pytest.mark.parametrize("poison", [RejectedMessageError("never"), ValueError("a bug")])
def test_one_poison_fails_alone(poison: Exception):
    def step(events: Sequence[Event]) -> Sequence[Sequence[Event]]:
        if any(event.site_id == "poison" for event in events):
            raise poison
        return [answer(event) for event in events]

    good, bad, fine = handled(step, [message("a"), message("poison"), message("b")])
    assert bad is poison
    assert [event.site_id for (event,) in (good, fine)] == ["a done", "b done"]


@pytest.mark.parametrize("problem", [UnavailableError("away"), RetryableError("later")])
def test_a_store_that_is_away_sends_all_back_without_trying_them_one_by_one(problem: Exception):
    calls: list[int] = []

    def step(events: Sequence[Event]) -> Sequence[Sequence[Event]]:
        calls.append(len(events))
        raise problem

    assert handled(step, [message("a"), message("b")]) == [problem, problem]
    assert calls == [2]


def test_a_message_that_cannot_be_read_is_rejected_and_the_others_are_handled():
    broken = message("x").model_copy(update={"data": {"site_id": 5}})
    unknown = message("x").model_copy(update={"type": "nobody.knows.this.v9"})
    first, second, third = handled(lambda events: [answer(event) for event in events], [broken, unknown, message("a")])
    assert isinstance(first, RejectedMessageError)
    assert isinstance(second, RejectedMessageError)
    assert third == answer(ModelTrainingRequested(site_id="a"))


def test_on_a_bus_poison_dies_with_its_reason_and_every_other_message_is_done_once():
    done: list[str] = []

    def step(events: Sequence[Event]) -> Sequence[Sequence[Event]]:
        if any(event.site_id == "poison" for event in events):
            raise RejectedMessageError("never")
        done.extend(event.site_id for event in events)
        return [() for _ in events]

    async def main() -> list[str]:
        bus, stop = InProcessBus(DeliveryPolicy(first_delay=timedelta(milliseconds=1))), asyncio.Event()
        parts = Parts(name="test", subscriptions=(BatchSubscription(queue=FORECASTER_TRAIN, handle=step, most=10),))
        worker = Worker(bus=bus, clock=FixedClock(NOW), parts=[parts])
        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            tasks.create_task(worker.run(stop))
            await asyncio.sleep(0.01)
            for number in range(25):
                await bus.publish(message("poison" if number == 7 else str(number)))
            while len(done) < 24:  # noqa: ASYNC110  # the condition is about a thread, which sets no event of the loop
                await asyncio.sleep(0.002)
            stop.set()
        await bus.close()
        return [letter.reason for letter in await bus.dead.page(FORECASTER_TRAIN)]

    assert asyncio.run(main()) == ["never"]
    assert sorted(done, key=int) == [str(number) for number in range(25) if number != 7]
