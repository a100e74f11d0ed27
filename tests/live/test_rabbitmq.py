"""RabbitMQ itself: what is asked of it, what it is told wrong, and what it does to us. What any bus promises is in tests/contract."""

import asyncio
import dataclasses
from contextlib import asynccontextmanager
from datetime import timedelta

import aio_pika
import pytest

from shared.adapters.distributed.rabbitmq import PLATFORM_POLICY, RabbitBus
from shared.adapters.distributed.rabbitmq.declaration import DELIVERY_LIMIT
from shared.contracts.topology import FEATURES_BUILD, FORECASTER_TRAIN, GATEWAY_SCHEDULE, QUEUES
from shared.domain.errors import InvalidValueError
from shared.ports.errors import RejectedMessageError, RetryableError, SupplierError, UnavailableError
from tests.contract.scenarios import Inbox, dead, training, until, window
from tests.live import servers
from tests.live.broker import open_broker
from tests.live.private_process import Missing, free_port, left_out

pytestmark = pytest.mark.live

POLICY = dataclasses.replace(
    PLATFORM_POLICY,
    attempts=3,
    first_delay=timedelta(milliseconds=1),
    publish_timeout=timedelta(seconds=2),
    drain_timeout=timedelta(seconds=1),
)
SETTLED_SECONDS = 2.0
"""A broker (3.10) that is killed right after it made a quorum queue may never open it again: its register of queues is written late."""
FEW = (FEATURES_BUILD, FORECASTER_TRAIN)


@pytest.fixture
def url():
    with servers.broker().vhost() as address:
        yield address


def run(scenario):
    async def within():
        async with asyncio.timeout(40):
            return await scenario()

    return asyncio.run(within())


@asynccontextmanager
async def a_bus(url, policy=POLICY, *, queues=FEW, **options):
    bus = RabbitBus(url, policy, queues=queues, **options)
    try:
        yield bus
    finally:
        await bus.close()


@asynccontextmanager
async def a_channel(url):
    """Of somebody else."""
    connection = await aio_pika.connect(url)
    async with connection, connection.channel(publisher_confirms=True, on_return_raises=True) as channel:
        yield channel


# ---- what a person can put right


@pytest.mark.parametrize("password", ["secret", ""])
def test_no_broker_is_one_line_that_names_the_address_and_no_password(password):
    port = free_port()

    async def scenario():
        async with a_bus(f"amqp://der:{password}@127.0.0.1:{port}/") as bus:
            with pytest.raises(UnavailableError, match=rf"RabbitMQ at 127\.0\.0\.1:{port} does not answer") as publishing:
                await bus.publish(window())
            with pytest.raises(UnavailableError, match="does not answer"):
                await bus.consume(FEATURES_BUILD, Inbox())
            return str(publishing.value)

    told = run(scenario)
    assert "secret" not in told
    assert "\n" not in told


def test_a_wrong_password_is_named_as_what_it_is(url):
    async def scenario():
        async with a_bus(url.replace("guest:guest", "guest:hush-hush")) as bus:
            with pytest.raises(SupplierError, match="refuses user 'guest' with this password") as refused:
                await bus.publish(window())
            return str(refused.value)

    assert "hush" not in run(scenario)


def test_a_missing_virtual_host_is_named(url):
    async def scenario():
        async with a_bus(url.rpartition("/")[0] + "/nowhere") as bus:
            with pytest.raises(UnavailableError, match="virtual host 'nowhere' to user 'guest': it is missing"):
                await bus.publish(window())

    run(scenario)


@pytest.mark.parametrize("wrong", ["amqp://", "amqp://u:hush@host:port/", "http://u:hush@host/", "amqp:host", ""])
def test_an_address_that_is_none_is_refused_without_its_password(wrong):
    with pytest.raises(InvalidValueError, match="amqp://USER:PASSWORD@HOST:PORT/VHOST") as refused:
        RabbitBus(wrong)
    assert "hush" not in str(refused.value)


def test_a_queue_with_other_settings_is_named_with_the_remedy(url):
    async def scenario():
        async with a_bus(url) as bus:
            await bus.publish(window())
        other = dataclasses.replace(POLICY, capacity=7)
        async with a_bus(url, other) as bus:
            with pytest.raises(UnavailableError, match=r"queue \S+\.v1\S* at RabbitMQ .*x-max-length.*delete it"):
                await bus.publish(window())

    run(scenario)


def test_a_type_that_no_queue_takes_is_an_error_within_a_second(url):
    async def scenario():
        async with a_bus(url, queues=(FEATURES_BUILD,)) as bus:
            await bus.publish(window())
            start = asyncio.get_running_loop().time()
            outcomes = await asyncio.gather(*(bus.publish(training()) for _ in range(50)), return_exceptions=True)
            assert asyncio.get_running_loop().time() - start < 5
            assert {type(outcome) for outcome in outcomes} == {UnavailableError}
            assert "no queue" in str(outcomes[0])

    run(scenario)


# ---- topology


def test_processes_that_start_at_once_declare_the_same(url):
    async def scenario():
        buses = [RabbitBus(url) for _ in range(4)]
        await asyncio.gather(*(bus.publish(window(number)) for number, bus in enumerate(buses)))
        for bus in buses:
            await bus.close()

    run(scenario)
    vhost = url.rpartition("/")[2]
    declared = {queue["name"]: queue for queue in servers.broker().request("GET", f"/api/queues/{vhost}").json()}
    wanted = {name for queue in QUEUES if queue.shared for name in (queue.name, queue.dead, *queue.retries)}
    assert declared.keys() == wanted
    for queue in declared.values():
        assert queue["durable"]
        assert queue["arguments"].keys() >= {"x-queue-type", "x-delivery-limit", "x-max-length", "x-overflow"}
        assert queue["arguments"]["x-overflow"] == "reject-publish"


def test_a_queue_per_instance_ends_with_its_process(url):
    def instances():
        queues = servers.broker().request("GET", f"/api/queues/{url.rpartition('/')[2]}").json()
        return [queue["name"] for queue in queues if queue["name"].startswith(GATEWAY_SCHEDULE.name)]

    async def scenario():
        async with a_bus(url) as bus:
            await bus.consume(GATEWAY_SCHEDULE, Inbox())
            await bus.consume(GATEWAY_SCHEDULE, Inbox())
            assert len(instances()) == 2
        await until(lambda: not instances())

    run(scenario)


def test_a_deleted_queue_is_declared_again_by_whoever_publishes(url):
    async def scenario():
        async with a_bus(url) as bus, a_channel(url) as channel:
            await bus.publish(window(0))
            await channel.queue_delete(FEATURES_BUILD.name)
            await bus.publish(window(1))
            inbox = Inbox()
            await bus.consume(FEATURES_BUILD, inbox)
            await inbox.holds(1)
            assert inbox.got[0].data["accepted"] == 1

    run(scenario)


# ---- messages


def test_a_message_carries_its_envelope_and_survives_the_broker(url):
    async def scenario():
        async with a_bus(url) as bus, a_channel(url) as channel:
            await bus.publish(envelope := window(3))
            queue = await channel.get_queue(FEATURES_BUILD.name, ensure=False)
            message = await queue.get()
            assert (message.message_id, message.correlation_id, message.type) == (envelope.id, envelope.correlationid, envelope.type)
            assert (message.content_type, message.app_id) == ("application/json", "test")
            assert message.delivery_mode == aio_pika.DeliveryMode.PERSISTENT
            assert message.timestamp == envelope.time
            await message.ack()

    run(scenario)


MALFORMED = {
    "nothing": (b"", "not JSON"),
    "no JSON": (b"<xml/>", "not JSON"),
    "bad UTF-8": (b'{"id": "\xff"}', "not JSON"),
    "nested without end": (b"[" * 100_000, "not JSON"),
    "a number": (b"17", "not an envelope"),
    "no envelope": (b'{"id": 5}', "not an envelope: "),
    "too large": (b'"' + b"x" * (8 * 2**20) + b'"', "must be at most"),
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_a_malformed_body_is_dead_at_once_and_the_consumer_lives(url, kind):
    body, reason = MALFORMED[kind]

    async def scenario():
        inbox = Inbox()
        async with a_bus(url) as bus, a_channel(url) as channel:
            await bus.consume(FEATURES_BUILD, inbox)
            await channel.default_exchange.publish(aio_pika.Message(body), FEATURES_BUILD.name)
            await bus.publish(window())
            await inbox.holds(1)
            (letter,) = await dead(bus, FEATURES_BUILD)
            assert (letter.envelope, letter.body, letter.attempts) == (None, body, 1)
            assert reason in letter.reason
            assert await bus.dead.drop(FEATURES_BUILD, letter.id) == 1

    run(scenario)


def test_a_message_that_nobody_would_take_is_refused_before_it_is_sent(url):
    async def scenario():
        async with a_bus(url) as bus:
            envelope = window()
            with pytest.raises(ValueError, match="smaller batches"):
                await bus.publish(envelope.model_copy(update={"data": {"text": "x" * 9_000_000}}))

    run(scenario)


# ---- retries and the dead


def test_a_short_wait_never_queues_behind_a_long_one(url):
    policy = dataclasses.replace(
        POLICY, attempts=9, first_delay=timedelta(milliseconds=50), growth=200.0, longest_delay=timedelta(seconds=10)
    )

    async def scenario():
        tries, order = {0: 2, 1: 1}, []

        async def handle(envelope):
            number = envelope.data["accepted"]
            if tries[number]:
                tries[number] -= 1
                raise RetryableError
            order.append(number)

        async with a_bus(url, policy) as bus:
            await bus.consume(FEATURES_BUILD, handle, prefetch=2)
            await bus.publish(window(0))
            await until(lambda: tries[0] == 0)  # its second wait takes at least five seconds
            await bus.publish(window(1))
            await until(lambda: order)
            assert order == [1]

    run(scenario)


def test_a_message_whose_consumer_always_dies_is_dead_with_the_reason(url):
    async def scenario():
        async with a_bus(url) as bus:
            await bus.publish(envelope := window())
            connection = await aio_pika.connect(url)
            async with connection:
                for _ in range(DELIVERY_LIMIT + 1):
                    async with connection.channel() as channel:
                        queue = await channel.get_queue(FEATURES_BUILD.name, ensure=False)
                        while await queue.get(fail=False) is None:  # noqa: ASYNC110  # the broker puts it back in its own time
                            await asyncio.sleep(0.01)
            (letter,) = await dead(bus, FEATURES_BUILD)
            assert (letter.id, letter.attempts) == (envelope.id, DELIVERY_LIMIT + 1)
            assert "ended 21 times while handling it" in letter.reason

    run(scenario)


def test_a_message_waits_in_its_consumer_while_the_dead_queue_is_full(url):
    async def scenario():
        async with a_bus(url, dataclasses.replace(POLICY, dead_letters=1, publish_timeout=timedelta(milliseconds=300))) as bus:
            inbox = Inbox(*(RejectedMessageError(f"no {number}") for number in range(4)))
            await bus.consume(FEATURES_BUILD, inbox)
            for number in range(5):
                await bus.publish(window(number))
            await until(lambda: inbox.deliveries >= 3)
            dropped = 0
            while dropped < 4:
                dropped += await bus.dead.drop(FEATURES_BUILD)
                await asyncio.sleep(0.1)
            await inbox.holds(1)
            assert (dropped, inbox.got[0].data["accepted"]) == (4, 4)

    run(scenario)


# ---- ends and new beginnings


def test_what_a_process_had_in_its_hands_goes_to_the_next_one(url):
    async def scenario():
        started = asyncio.Event()

        async def never_ends(_envelope):
            started.set()
            await asyncio.Event().wait()

        async with a_bus(url, dataclasses.replace(POLICY, drain_timeout=timedelta(milliseconds=50))) as first:
            await first.consume(FEATURES_BUILD, never_ends, prefetch=3)
            for number in range(5):
                await first.publish(window(number))
            await started.wait()
        async with a_bus(url) as second:
            inbox = Inbox()
            await second.consume(FEATURES_BUILD, inbox)
            await inbox.holds(5)
            assert sorted(envelope.data["accepted"] for envelope in inbox.got) == list(range(5))

    run(scenario)


def test_a_handler_that_is_drained_may_still_publish(url):
    async def scenario():
        started = asyncio.Event()
        async with a_bus(url) as bus:

            async def handle(_envelope):
                started.set()
                await asyncio.sleep(0.05)
                await bus.publish(training())

            await bus.consume(FEATURES_BUILD, handle)
            await bus.publish(window())
            await started.wait()
        async with a_bus(url) as bus:
            inbox = Inbox()
            await bus.consume(FORECASTER_TRAIN, inbox)
            await inbox.holds(1)
            assert await bus.dead.count(FEATURES_BUILD) == 0

    run(scenario)


def test_a_consumer_that_the_broker_cancels_goes_on_by_itself(url):
    async def scenario():
        inbox = Inbox()
        async with a_bus(url, watch_seconds=0.5) as bus, a_channel(url) as channel:
            await bus.consume(FEATURES_BUILD, inbox)
            for _ in range(3):
                await channel.queue_delete(FEATURES_BUILD.name)
                before = len(inbox.got)
                while len(inbox.got) == before:  # a message that meets the queue's end ends with it
                    await bus.publish(window())
                    await asyncio.sleep(0.05)
            assert bus.failing == {}

    run(scenario)


def test_a_consumer_that_gets_nothing_though_messages_wait_is_made_anew(url):
    async def scenario():
        inbox = Inbox()
        async with a_bus(url, watch_seconds=0.2) as bus:
            await bus.consume(FEATURES_BUILD, inbox)
            await bus.publish(window(0))
            await inbox.holds(1)
            (consumer,) = bus._consumers
            # as if the broker had forgotten it: nobody tells the bus
            queue = await consumer._subscription.channel.get_queue(FEATURES_BUILD.name, ensure=False)
            await queue.cancel(consumer._subscription.tag)
            await bus.publish(window(1))
            await inbox.holds(2)

    run(scenario)


@pytest.fixture(scope="module")
def own_broker(tmp_path_factory):
    """To be killed."""
    try:
        broker = open_broker(tmp_path_factory.mktemp("broker"))
    except Missing as problem:
        left_out(str(problem))
        raise
    if broker.process is None:
        broker.end()
        pytest.skip("killed and started again is a private process alone, no container and no broker of RABBITMQ_TEST_URL")
    yield broker
    broker.end()


def test_a_killed_broker_loses_nothing_that_it_confirmed_and_is_told_once(own_broker, capsys):
    async def scenario(url):
        inbox, confirmed, refusals = Inbox(), [], set()

        async def publish_until(stop):
            number = 0
            while not stop.is_set():
                envelope = window(number)
                number += 1
                try:
                    await bus.publish(envelope)
                    confirmed.append(envelope.id)
                except UnavailableError as problem:
                    refusals.add(str(problem))
                await asyncio.sleep(0.01)

        async with a_bus(url) as bus:
            await bus.consume(FEATURES_BUILD, inbox, prefetch=10)
            await bus.publish(window())
            stop = asyncio.Event()
            publishers = [asyncio.create_task(publish_until(stop)) for _ in range(4)]
            await inbox.holds(50)
            await asyncio.sleep(SETTLED_SECONDS)
            await asyncio.to_thread(own_broker.kill)
            await until(lambda: "bus" in bus.failing)
            await asyncio.to_thread(own_broker.begin)
            before = len(confirmed)
            await until(lambda: len(confirmed) > before + 50)
            stop.set()
            await asyncio.gather(*publishers)
            await until(lambda: set(confirmed) <= {envelope.id for envelope in inbox.got})
            assert bus.failing == {}
            assert all("RabbitMQ at" in refusal for refusal in refusals)

    run(lambda: scenario(own_broker.url(own_broker.new_vhost())))
    printed = capsys.readouterr()
    told = printed.out + printed.err
    assert told.count("link to RabbitMQ lost") == told.count("link to RabbitMQ is back") == 1
    assert "Traceback" not in told


def test_dead_exchange_and_queues_keep_what_was_dead_before_a_crash(own_broker):
    async def scenario(url):
        async with a_bus(url) as bus:
            await bus.consume(FEATURES_BUILD, Inbox(RejectedMessageError("no")))
            await bus.publish(envelope := window())
            await dead(bus, FEATURES_BUILD)
            await asyncio.sleep(SETTLED_SECONDS)
            await asyncio.to_thread(own_broker.kill)
            await asyncio.to_thread(own_broker.begin)
            while True:
                try:
                    (letter,) = await bus.dead.page(FEATURES_BUILD)
                    break
                except UnavailableError:
                    await asyncio.sleep(0.1)
            assert (letter.id, letter.reason) == (envelope.id, "no")

    run(lambda: scenario(own_broker.url(own_broker.new_vhost())))
