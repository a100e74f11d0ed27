"""`MessageBus` on RabbitMQ: one connection that publishes, one that consumes, both opened when they are first needed."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from datetime import timedelta

from aio_pika.abc import AbstractConnection
from yarl import URL

from shared.adapters.delivery import DeliveryPolicy
from shared.adapters.distributed.rabbitmq import wire
from shared.adapters.distributed.rabbitmq.connection import HEARTBEAT_SECONDS, Link, Outages
from shared.adapters.distributed.rabbitmq.consumer import WATCH_SECONDS, Consumer, ConsumeSession
from shared.adapters.distributed.rabbitmq.dead_letters import RabbitDeadLetters
from shared.adapters.distributed.rabbitmq.declaration import Declaration
from shared.adapters.distributed.rabbitmq.publisher import Publisher, PublishSession, publish_session
from shared.contracts.envelope import Envelope
from shared.contracts.topology import QUEUES, Queue, exchange_of
from shared.domain.errors import InvalidValueError
from shared.ports.bus import Handler
from shared.ports.dead_letters import DeadLetters
from shared.ports.errors import UnavailableError

PLATFORM_POLICY = DeliveryPolicy(
    attempts=100,  # 13 minutes: longer than a server takes to start again
    first_delay=timedelta(milliseconds=500),
    growth=4.0,  # 0.5 s, 2 s, then 8 s: a level of retry queues each
    longest_delay=timedelta(seconds=8),
    capacity=10_000,
)
PORTS = {"amqp": 5672, "amqps": 5671}


class RabbitBus:
    """Asks nothing of the broker before it is first used."""

    def __init__(
        self, url: str, policy: DeliveryPolicy = PLATFORM_POLICY, *,
        queues: Iterable[Queue] = QUEUES, watch_seconds: float = WATCH_SECONDS, heartbeat_seconds: int = HEARTBEAT_SECONDS,
    ) -> None:  # fmt: skip
        address, parsed = _parsed(url)
        queues = tuple(queues)
        self._policy, self._watch_seconds = policy, watch_seconds
        self._lossy = _types(queues, shared=False) - _types(queues, shared=True)
        self._failing: dict[str, str] = {}
        self._declaration = Declaration(queues, policy, address)
        outages = Outages(address, self._failing)
        self._publishing = Link(
            parsed, name="der publishes", address=address, outages=outages, prepare=self._publish_session,
            heartbeat_seconds=heartbeat_seconds,
        )  # fmt: skip
        self._consuming = Link(
            parsed, name="der consumes", address=address, outages=outages, prepare=self._consume_session,
            heartbeat_seconds=heartbeat_seconds,
        )  # fmt: skip
        self._publisher = Publisher(self._publishing, self._declaration, policy, address)
        self._dead = RabbitDeadLetters(self._publishing, self._publisher)
        self._consumers: list[Consumer] = []
        self._closed = False
        for library in ("aio_pika", "aiormq"):  # links that go and come are told once, by us
            logging.getLogger(library).setLevel(logging.CRITICAL)

    @property
    def dead(self) -> DeadLetters:
        return self._dead

    @property
    def failing(self) -> Mapping[str, str]:
        return self._failing

    async def publish(self, envelope: Envelope) -> None:
        self._require_open()
        await self._publisher.publish(
            wire.message_of(envelope),
            exchange=exchange_of(envelope.type),
            key=envelope.type,
            mandatory=envelope.type not in self._lossy,
        )

    async def consume(self, queue: Queue, handler: Handler, *, prefetch: int = 1) -> None:
        self._require_open()
        consumer = Consumer(
            queue, handler, prefetch=prefetch, link=self._consuming, publisher=self._publisher, declaration=self._declaration,
            policy=self._policy, failing=self._failing, watch_seconds=self._watch_seconds,
        )  # fmt: skip
        await consumer.start()
        self._consumers.append(consumer)

    async def close(self) -> None:
        """Running handlers get `drain_timeout` and may publish meanwhile; what is not acknowledged goes back to its queue."""
        consumers, self._consumers = self._consumers, []
        await asyncio.gather(*(consumer.stop_taking() for consumer in consumers))
        await asyncio.gather(*(consumer.drain() for consumer in consumers))
        self._closed = True
        await asyncio.gather(self._consuming.close(), self._publishing.close())

    def _require_open(self) -> None:
        if self._closed:
            raise UnavailableError("the bus is closed; this program is stopping")

    async def _publish_session(self, connection: AbstractConnection) -> PublishSession:
        return await publish_session(connection, self._declaration)

    async def _consume_session(self, connection: AbstractConnection) -> ConsumeSession:
        await self._declaration.everything(connection)
        return ConsumeSession(connection=connection)


def _types(queues: Iterable[Queue], *, shared: bool) -> set[str]:
    return {key for queue in queues if queue.shared is shared for key in queue.routing_keys}


def _parsed(url: str) -> tuple[str, URL]:
    """The server as a message may name it, and the address. Raises `InvalidValueError` without repeating a password."""
    try:
        parsed = URL(url)
        default = PORTS[parsed.scheme]
        port = parsed.port or default
    except (ValueError, KeyError):
        parsed, port = URL(), 0
    if not parsed.host:
        remedy = "must be amqp://USER:PASSWORD@HOST:PORT/VHOST, or amqps:// for TLS; write / in names as %2F"
        raise InvalidValueError("the address of RabbitMQ", url.rpartition("@")[2], remedy)
    return f"{parsed.host}:{port}", parsed
