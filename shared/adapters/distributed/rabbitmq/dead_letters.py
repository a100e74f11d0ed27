"""The dead queues as a store: letters are fetched and, unless they are to go, given back by closing the channel."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue

from shared.adapters.distributed.rabbitmq import wire
from shared.adapters.distributed.rabbitmq.connection import ANSWER_SECONDS, Link
from shared.adapters.distributed.rabbitmq.failures import link_errors
from shared.adapters.distributed.rabbitmq.publisher import Publisher, PublishSession
from shared.contracts.topology import Queue
from shared.ports.dead_letters import PAGE, DeadLetter
from shared.ports.errors import NotFoundError


class RabbitDeadLetters:
    """`DeadLetters` in the broker's dead queues."""

    def __init__(self, link: Link[PublishSession], publisher: Publisher) -> None:
        self._link, self._publisher = link, publisher

    async def count(self, queue: Queue) -> int:
        if queue.dead is None:
            return 0
        async with self._channel() as channel:
            return await _depth(channel, queue.dead)

    async def page(self, queue: Queue, *, limit: int = PAGE) -> list[DeadLetter]:
        async with self._channel() as channel:
            return [wire.letter_of(message, queue) async for message in _oldest(channel, queue.dead, limit=limit)]

    async def find(self, queue: Queue, letter_id: str) -> DeadLetter:
        async with self._channel() as channel:
            async for message in _oldest(channel, queue.dead):
                if wire.identity(message) == letter_id:
                    return wire.letter_of(message, queue)
        raise _not_found(queue, letter_id)

    async def replay(self, queue: Queue, letter_id: str | None = None) -> int:
        replayed = 0
        async with self._channel() as channel:
            async for message in _oldest(channel, queue.dead):
                if letter_id in (None, wire.identity(message)):
                    await self._publisher.publish(wire.copy_of(message), exchange="", key=queue.name)
                    await message.ack()
                    replayed += 1
        return _some(replayed, queue, letter_id)

    async def drop(self, queue: Queue, letter_id: str | None = None) -> int:
        dropped = 0
        async with self._channel() as channel:
            async for message in _oldest(channel, queue.dead):
                if letter_id in (None, wire.identity(message)):
                    await message.ack()
                    dropped += 1
        return _some(dropped, queue, letter_id)

    @asynccontextmanager
    async def _channel(self) -> AsyncIterator[AbstractChannel]:
        """A channel of its own: what is unacknowledged at its end lies in the dead queue again, in its old place."""
        connection = (await self._link.get()).connection
        with link_errors("reading dead letters"):
            async with connection.channel(publisher_confirms=False) as channel:
                yield channel


async def _oldest(channel: AbstractChannel, name: str | None, *, limit: int | None = None) -> AsyncIterator[AbstractIncomingMessage]:
    """At most as many as there are now: a letter that dies again meanwhile is not met twice."""
    if name is None:
        return
    depth = await _depth(channel, name)
    queue: AbstractQueue = await channel.get_queue(name, ensure=False)
    for _ in range(depth if limit is None else min(depth, limit)):
        message = await queue.get(fail=False, timeout=ANSWER_SECONDS)
        if message is None:
            return
        yield message


async def _depth(channel: AbstractChannel, name: str) -> int:
    declared = await channel.declare_queue(name, passive=True, timeout=ANSWER_SECONDS)
    return declared.declaration_result.message_count or 0


def _some(count: int, queue: Queue, letter_id: str | None) -> int:
    if letter_id is not None and not count:
        raise _not_found(queue, letter_id)
    return count


def _not_found(queue: Queue, letter_id: str) -> NotFoundError:
    return NotFoundError(f"no dead letter {letter_id!r} in {queue.dead or queue.name}; list them to see their ids")
