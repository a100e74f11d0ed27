"""The pitfalls of a real broker: what breaks between us and it costs time, never a message that was confirmed."""

import asyncio
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self

import aio_pika
import pytest
from structlog.testing import capture_logs
from yarl import URL

from shared.adapters.clock import FixedClock
from shared.adapters.delivery import DeliveryPolicy
from shared.adapters.distributed.rabbitmq import PLATFORM_POLICY, RabbitBus
from shared.adapters.distributed.rabbitmq.connection import ANSWER_SECONDS
from shared.contracts.envelope import Envelope
from shared.contracts.events import Event, SyncWindowCompleted
from shared.contracts.topology import EVENTS_EXCHANGE, FEATURES_BUILD
from shared.ports.errors import RejectedMessageError, UnavailableError
from shared.runtime.worker import Parts, Subscription, Worker
from tests.contract.scenarios import Inbox, dead, until, window
from tests.factories import NOON
from tests.live import servers
from tests.live.broker import Broker, open_broker
from tests.live.faults import Wire
from tests.live.private_process import Missing, left_out

pytestmark = pytest.mark.live

QUICK = DeliveryPolicy(first_delay=timedelta(milliseconds=20), growth=2.0, longest_delay=timedelta(milliseconds=100), capacity=10_000)
HEARTBEAT_SECONDS = 1
LONG = float(os.environ.get("BUS_FAULTS_FACTOR", "1"))
"""How many times as long each outage lasts: 20 gives minutes."""


@pytest.fixture
def url() -> Iterator[str]:
    with servers.broker().vhost() as address:
        yield address


@pytest.fixture
def wire() -> Iterator[Wire]:
    broker = servers.broker()
    with Wire(broker.host, broker.port) as entered:
        yield entered


@pytest.fixture(scope="module")
def own_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One that may be killed."""
    if os.environ.get("RABBITMQ_TEST_URL"):
        pytest.skip("the broker of RABBITMQ_TEST_URL is not ours to kill")
    try:
        broker = open_broker(tmp_path_factory.mktemp("broker"))
    except Missing as problem:
        left_out(str(problem))
        raise
    yield broker
    broker.end()


def through(wire: Wire, url: str) -> str:
    return str(URL(url).with_host("127.0.0.1").with_port(wire.port))


@asynccontextmanager
async def opened(url: str, policy: DeliveryPolicy = PLATFORM_POLICY, **options: object):
    bus = RabbitBus(url, policy, heartbeat_seconds=HEARTBEAT_SECONDS, **options)
    try:
        yield bus
    finally:
        await bus.close()


def play(story: Callable[[], Awaitable[None]], *, seconds: float = 60.0) -> None:
    async def main() -> None:
        async with asyncio.timeout(seconds * LONG):
            await story()

    asyncio.run(main())


@dataclass(slots=True)
class Gateway:
    """Publishes message after message on several lines at once; what is not confirmed is published again under its id."""

    bus: RabbitBus
    every: float = 0.02
    confirmed: list[str] = field(default_factory=list)
    confirmed_at: float = 0.0
    failures: list[str] = field(default_factory=list)
    longest_seconds: float = 0.0
    _task: asyncio.Task[None] | None = None
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._publish_on())
        await until(lambda: len(self.confirmed) > 5)
        return self

    async def __aexit__(self, kind: object, *_exc: object) -> None:
        assert self._task is not None
        if kind is not None:
            print(f"{len(self.confirmed)} confirmed, the last failures are {self.failures[-3:]}")
            self._task.cancel()
        await self.stop()

    async def stop(self) -> None:
        """What is under way is confirmed first."""
        self._stop.set()
        assert self._task is not None
        await asyncio.wait([self._task])

    async def _publish_on(self) -> None:
        async with asyncio.TaskGroup() as lines:
            for _ in range(4):
                lines.create_task(self._line())

    async def _line(self) -> None:
        for number in itertools.count():
            envelope = window(number)
            while not await self._publish(envelope):
                pass
            if self._stop.is_set():
                return
            await asyncio.sleep(self.every)

    async def _publish(self, envelope: Envelope) -> bool:
        started = time.monotonic()
        try:
            await self.bus.publish(envelope)
        except UnavailableError as problem:
            self.failures.append(str(problem))
            await asyncio.sleep(0.05)
            return False
        finally:
            self.longest_seconds = max(self.longest_seconds, time.monotonic() - started)
        self.confirmed.append(envelope.id)
        self.confirmed_at = time.monotonic()
        return True

    async def goes_on(self) -> float:
        """Seconds until the next message is confirmed."""
        started, before = time.monotonic(), len(self.confirmed)
        await until(lambda: len(self.confirmed) > before or self._task.done())
        assert not self._task.done(), f"a publisher ended: {self._task}"
        return time.monotonic() - started


async def has_all(inbox: Inbox, gateway: Gateway) -> float:
    """Seconds until the inbox holds everything that was confirmed: nothing is lost."""
    started = time.monotonic()
    await until(lambda: set(gateway.confirmed) <= {envelope.id for envelope in inbox.got})
    return time.monotonic() - started


class TestABlackHole:
    """Bytes vanish and nobody is told."""

    def test_holds_up_no_publisher_for_longer_than_its_patience_and_loses_nothing(self, url, wire):
        async def story() -> None:
            inbox = Inbox()
            async with opened(url) as consumer, opened(through(wire, url)) as producer, Gateway(producer) as gateway:
                await consumer.consume(FEATURES_BUILD, inbox, prefetch=20)
                wire.swallow()
                began = time.monotonic()
                await until(lambda: producer.failing)
                assert time.monotonic() - began < 33
                await until(lambda: gateway.failures)
                await asyncio.sleep(2.0 * LONG)
                wire.heal()
                assert await gateway.goes_on() < 5
                assert gateway.longest_seconds < 5.5
                await gateway.stop()
                await has_all(inbox, gateway)
                assert not producer.failing

        play(story)

    def test_is_noticed_by_a_consumer_that_only_listens_which_is_back_soon_after(self, url, wire):
        async def story() -> None:
            inbox = Inbox()
            async with opened(url) as producer, opened(through(wire, url)) as consumer:
                await consumer.consume(FEATURES_BUILD, inbox)
                wire.swallow()
                async with asyncio.timeout(3 * HEARTBEAT_SECONDS + 5):
                    await until(lambda: consumer.failing)
                sent = [window(number) for number in range(50)]
                await asyncio.gather(*(producer.publish(envelope) for envelope in sent))
                wire.heal()
                async with asyncio.timeout(5):
                    await inbox.holds(50)
                assert {envelope.id for envelope in inbox.got} == {envelope.id for envelope in sent}

        play(story)

    def test_of_one_direction_is_noticed_too(self, url, wire):
        async def story() -> None:
            async with opened(url) as consumer, opened(through(wire, url)) as producer, Gateway(producer) as gateway:
                inbox = Inbox()
                await consumer.consume(FEATURES_BUILD, inbox, prefetch=20)
                wire.swallow("to client")
                await until(lambda: producer.failing)
                wire.heal()
                assert await gateway.goes_on() < 5
                await gateway.stop()
                await has_all(inbox, gateway)

        play(story)


def test_resets_again_and_again_lose_nothing_and_each_is_over_soon(url, wire):
    async def story() -> None:
        inbox, recoveries = Inbox(), []
        async with opened(through(wire, url)) as bus, Gateway(bus) as gateway:
            await bus.consume(FEATURES_BUILD, inbox, prefetch=20)
            for _ in range(int(5 * LONG)):
                wire.reset()
                recoveries.append(await gateway.goes_on())
                await asyncio.sleep(0.3)
            await gateway.stop()
            await has_all(inbox, gateway)
        assert max(recoveries) < ANSWER_SECONDS  # each loss is noticed when it happens: no question hangs until its time is over

    play(story)


def test_a_killed_broker_loses_nothing_that_it_confirmed(own_broker):
    async def story() -> None:
        inbox = Inbox()
        async with opened(own_broker.url("/")) as consumer, opened(own_broker.url("/")) as producer, Gateway(producer) as gateway:
            await consumer.consume(FEATURES_BUILD, inbox, prefetch=20)
            # RabbitMQ writes the names of new quorum queues to its disk within seconds; killed before, it may not find them again
            await asyncio.sleep(4)
            own_broker.kill()
            confirmed = len(gateway.confirmed)
            await asyncio.to_thread(own_broker.begin)
            assert await gateway.goes_on() < 10
            await gateway.stop()
            assert len(gateway.confirmed) > confirmed
            assert await has_all(inbox, gateway) < 10

    play(story, seconds=90)


def test_an_alarm_of_the_broker_makes_publishing_fail_in_time_and_go_on_after_it(own_broker):
    def disk_must_have(limit: str) -> None:
        command = ["/usr/lib/rabbitmq/bin/rabbitmqctl", "-n", own_broker.environment["RABBITMQ_NODENAME"], "set_disk_free_limit", limit]
        subprocess.run(command, env={**os.environ, **own_broker.environment}, check=True, capture_output=True, timeout=60)

    async def story() -> None:
        inbox = Inbox()
        async with opened(own_broker.url("/")) as consumer, opened(own_broker.url("/")) as producer, Gateway(producer) as gateway:
            await consumer.consume(FEATURES_BUILD, inbox, prefetch=20)
            await asyncio.to_thread(disk_must_have, "1000000GB")
            await until(lambda: any("alarm" in failure for failure in gateway.failures))
            asked = time.monotonic()
            with pytest.raises(UnavailableError, match="alarm"):
                await producer.publish(window())
            assert time.monotonic() - asked < 5.5
            assert gateway.longest_seconds < 5.5
            await has_all(inbox, gateway)  # consuming goes on meanwhile
            await asyncio.sleep(2.0 * (LONG - 1))
            await asyncio.to_thread(disk_must_have, "50MB")
            assert await gateway.goes_on() < 5
            await gateway.stop()
            await has_all(inbox, gateway)

    play(story, seconds=90)


def test_what_no_queue_takes_is_never_counted_as_sent(url):
    async def story() -> None:
        async with opened(url, queues=()) as bus:
            started = time.monotonic()
            with pytest.raises(UnavailableError, match=r"no queue at RabbitMQ .* takes sync\.window\.completed\.v1; start the service"):
                await bus.publish(window())
            assert time.monotonic() - started < 1
            ends = await asyncio.gather(*(bus.publish(window(number)) for number in range(1_000)), return_exceptions=True)
            assert {type(end) for end in ends} == {UnavailableError}

    play(story)


def test_a_consumer_cancelled_by_the_broker_comes_back(url):
    async def story() -> None:
        broker, inbox = servers.broker(), Inbox()
        async with opened(url) as consumer, opened(url) as producer:
            await consumer.consume(FEATURES_BUILD, inbox)
            await producer.publish(window(1))
            await inbox.holds(1)
            await asyncio.to_thread(broker.request, "DELETE", f"/api/queues{URL(url).raw_path}/{FEATURES_BUILD.name}")
            await producer.publish(window(2))
            async with asyncio.timeout(5):
                await inbox.holds(2)

    play(story)


def test_poison_is_set_aside_with_its_reason_and_everything_else_is_done(url):
    poison = set(range(7, 500, 100))

    async def story() -> None:
        handled, cured = [], Inbox()

        async def handle(envelope: Envelope) -> None:
            number = envelope.data["accepted"]
            if number in poison:
                raise RejectedMessageError(f"message {number} is poison")
            handled.append(number)

        async with opened(url, QUICK) as bus:
            await bus.consume(FEATURES_BUILD, handle, prefetch=20)
            await asyncio.gather(*(bus.publish(window(number)) for number in range(500)))
            found = await dead(bus, FEATURES_BUILD, len(poison))
            await until(lambda: len(handled) == 500 - len(poison))
            assert sorted(handled) == sorted(set(range(500)) - poison)
            assert {letter.envelope.data["accepted"]: letter.reason for letter in found} == {
                number: f"message {number} is poison" for number in poison
            }
        async with opened(url, QUICK) as upgraded:
            await upgraded.consume(FEATURES_BUILD, cured)
            assert await upgraded.dead.replay(FEATURES_BUILD) == len(poison)
            await cured.holds(len(poison))
            assert {envelope.data["accepted"] for envelope in cured.got} == poison
            assert await upgraded.dead.count(FEATURES_BUILD) == 0

    play(story)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"\xff\x00 no text", "the body is not JSON"),
        (b"[1, 2]", "the body is not an envelope"),
        (window().model_copy(update={"type": "sync.window.completed.v2"}).model_dump_json().encode(), "'sync.window.completed.v2': this"),
        (window().model_copy(update={"data": {"site_id": 3}}).model_dump_json().encode(), "site_id"),
    ],
    ids=["bytes", "no envelope", "newer major version", "malformed body"],
)
def test_what_cannot_be_understood_is_told_once_and_kept_for_an_upgrade(url, body, reason):
    async def story() -> None:
        bus = RabbitBus(url, QUICK)
        worker = Worker(
            bus=bus,
            clock=FixedClock(NOON),
            parts=[Parts(name="features", subscriptions=[Subscription(queue=FEATURES_BUILD, handle=lambda _event: ())])],
        )
        await worker.listen()
        async with await aio_pika.connect(url) as connection:
            exchange = await (await connection.channel()).get_exchange(EVENTS_EXCHANGE)
            await exchange.publish(aio_pika.Message(body, message_id="odd"), routing_key=SyncWindowCompleted.TYPE)
        (letter,) = await dead(bus, FEATURES_BUILD)
        assert (letter.id, letter.body, letter.attempts) == ("odd", body, 1)
        assert reason in letter.reason
        assert "\n" not in letter.reason
        await bus.close()

        inbox = Inbox()  # of a program that understands
        async with opened(url, QUICK) as upgraded:
            if letter.envelope is not None:
                await upgraded.consume(FEATURES_BUILD, inbox)
                assert await upgraded.dead.replay(FEATURES_BUILD, "odd") == 1
                await inbox.holds(1)
                assert inbox.got == [letter.envelope]

    with capture_logs() as logs:
        play(story)
    assert [entry["event"] for entry in logs if entry["log_level"] in ("warning", "error")] == ["message given up"]


def test_hard_work_in_a_thread_does_not_cost_the_link(url, wire):
    done = []

    def compute(_event: Event) -> list[Event]:
        end = time.monotonic() + 4 * HEARTBEAT_SECONDS
        while time.monotonic() < end:
            sum(range(1000))
        done.append(1)
        return []

    async def story() -> None:
        async with opened(through(wire, url)) as bus:
            worker = Worker(
                bus=bus,
                clock=FixedClock(NOON),
                parts=[Parts(name="features", subscriptions=[Subscription(queue=FEATURES_BUILD, handle=compute)])],
            )
            await worker.listen()
            await bus.publish(window())
            links = wire.accepted
            await until(lambda: done)
            assert not bus.failing
            assert wire.accepted == links
            assert done == [1]

    play(story)


PROGRAM = """
import sys, threading
from pathlib import Path
from shared.contracts.topology import FEATURES_BUILD
from shared.runtime.life import run_until_signalled
from shared.runtime.resources import open_resources
from shared.runtime.settings import RuntimeSettings
from shared.runtime.worker import Parts, Subscription

def handle(event):
    print("begun", event.accepted, flush=True)
    threading.Event().wait(0.5)
    print("done", event.accepted, flush=True)
    return ()

with open_resources(RuntimeSettings(bus_url=sys.argv[1], state_dir=Path(sys.argv[2]))) as resources:
    parts = [Parts(name="features", subscriptions=[Subscription(queue=FEATURES_BUILD, handle=handle)])]
    sys.exit(run_until_signalled(resources, parts))
"""


def test_a_process_that_is_told_to_stop_finishes_its_message_and_leaves_the_rest_to_others(url, tmp_path):
    async def publish() -> None:
        async with opened(url) as bus:
            for number in range(3):
                await bus.publish(window(number))

    asyncio.run(publish())
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, url, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "begun 0\n"
    process.send_signal(signal.SIGTERM)
    asked = time.monotonic()
    said, problems = process.communicate(timeout=30)
    assert time.monotonic() - asked < 8
    assert (process.returncode, said, problems) == (0, "done 0\n", "")

    async def collect() -> None:
        inbox = Inbox()
        async with opened(url) as bus:
            await bus.consume(FEATURES_BUILD, inbox)
            await inbox.holds(2)
            await asyncio.sleep(0.2)
        assert [envelope.data["accepted"] for envelope in inbox.got] == [1, 2]

    play(collect)
