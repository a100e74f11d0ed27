"""Exchanges and queues on the broker, from the topology. Declaring what is there already changes nothing."""

import asyncio
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import ChannelPreconditionFailed
from pamqp.common import Arguments

from shared.adapters.delivery import DeliveryPolicy
from shared.adapters.distributed.rabbitmq.connection import ANSWER_SECONDS
from shared.adapters.distributed.rabbitmq.failures import one_line
from shared.contracts.topology import COMMANDS_EXCHANGE, DEAD_EXCHANGE, EVENTS_EXCHANGE, Queue
from shared.ports.errors import UnavailableError

EXCHANGES = {EVENTS_EXCHANGE: "topic", COMMANDS_EXCHANGE: "direct", DEAD_EXCHANGE: "direct"}
DELIVERY_LIMIT = 20
"""Deliveries of a message whose consumer dies or goes with it in its hands; then the broker itself buries it."""
LOOKED_AT_WITHOUT_END = 2**31 - 1
"""Delivery limit of dead queues: listing them delivers their messages each time. (Brokers before version 4 know no -1.)"""
MOST_BYTES = 2**30
"""In one queue."""


class Declaration:
    """The topology with the bounds of a policy."""

    def __init__(self, queues: Iterable[Queue], policy: DeliveryPolicy, address: str) -> None:
        self._queues, self._policy, self._address = tuple(queues), policy, address

    async def everything(self, connection: AbstractConnection) -> None:
        """All that is shared, at once, so that messages are kept for consumers that come later.

        Raises `UnavailableError` naming what is there with other settings.
        """
        async with connection.channel() as channel:
            for name, kind in EXCHANGES.items():
                with self._same("exchange", name):
                    await channel.declare_exchange(name, kind, durable=True, timeout=ANSWER_SECONDS)
        shared = [queue for queue in self._queues if queue.shared]
        # a channel each: they are declared side by side, and a refusal closes but one of them
        for outcome in await asyncio.gather(*(self.queue(connection, queue) for queue in shared), return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def queue(self, connection: AbstractConnection, queue: Queue) -> str:
        """One queue with its retry and dead queues; returns its name on the broker."""
        async with connection.channel() as channel:
            if not queue.shared:
                return await self._instance(channel, queue)
            assert queue.dead is not None  # noqa: S101  # a shared queue has one
            await self._declare(channel, queue.dead, self._dead())
            await _bind(channel, queue.dead, DEAD_EXCHANGE, [queue.name])
            for name in queue.retries:
                await self._declare(channel, name, self._work(dead_exchange="", dead_key=queue.name))
            await self._declare(channel, queue.name, self._work(dead_exchange=DEAD_EXCHANGE, dead_key=queue.name))
            await _bind(channel, queue.name, queue.exchange, queue.routing_keys)
            return queue.name

    def _work(self, *, dead_exchange: str, dead_key: str) -> Arguments:
        return {
            "x-queue-type": "quorum",
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-max-length": self._policy.capacity,
            "x-max-length-bytes": MOST_BYTES,
            # full queues refuse: publishers wait, and dead-lettering at least once asks for it
            "x-overflow": "reject-publish",
            "x-dead-letter-exchange": dead_exchange,
            "x-dead-letter-routing-key": dead_key,
            "x-dead-letter-strategy": "at-least-once",
        }

    def _dead(self) -> Arguments:
        return {
            "x-queue-type": "quorum",
            "x-delivery-limit": LOOKED_AT_WITHOUT_END,
            "x-max-length": self._policy.dead_letters,
            "x-max-length-bytes": MOST_BYTES,
            "x-overflow": "reject-publish",
        }

    async def _instance(self, channel: AbstractChannel, queue: Queue) -> str:
        # a new name each time: after a lost link the broker may still hold the old queue for the old connection
        name = f"{queue.name}.{uuid.uuid4().hex[:12]}"
        arguments: Arguments = {"x-queue-type": "classic", "x-max-length": self._policy.capacity, "x-overflow": "drop-head"}
        await channel.declare_queue(name, exclusive=True, auto_delete=True, arguments=arguments, timeout=ANSWER_SECONDS)
        await _bind(channel, name, queue.exchange, queue.routing_keys)
        return name

    async def _declare(self, channel: AbstractChannel, name: str, arguments: Arguments) -> None:
        with self._same("queue", name):
            await channel.declare_queue(name, durable=True, arguments=arguments, timeout=ANSWER_SECONDS)

    @contextmanager
    def _same(self, what: str, name: str) -> Iterator[None]:
        try:
            yield
        except ChannelPreconditionFailed as problem:
            raise UnavailableError(
                f"{what} {name} at RabbitMQ {self._address} has other settings than this program declares "
                f"({one_line(problem)}); empty it, delete it, and start again"
            ) from None


async def _bind(channel: AbstractChannel, name: str, exchange: str, keys: Iterable[str]) -> None:
    queue = await channel.get_queue(name, ensure=False)
    for key in keys:
        await queue.bind(exchange, key, timeout=ANSWER_SECONDS)
