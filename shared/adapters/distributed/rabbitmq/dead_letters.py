"""The dead queues as a store: letters are fetched and, unless they are to go, given back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

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
        self._alone = asyncio.Lock()

    async def count(self, queue: Queue) -> int:
        """By looking at each: what the broker says of a queue's depth may be older than the last call."""
        async with self._channel() as channel:
            return len([None async for _ in _all(channel, queue.dead)])

    async def page(self, queue: Queue, *, limit: int = PAGE) -> list[DeadLetter]:
        letters: list[DeadLetter] = []
        async with self._channel() as channel:
            async for message in _all(channel, queue.dead):
                if len(letters) < limit:
                    letters.append(wire.letter_of(message, queue))
        return letters

    async def find(self, queue: Queue, letter_id: str) -> DeadLetter:
        found: list[DeadLetter] = []
        async with self._channel() as channel:
            async for message in _all(channel, queue.dead):
                if not found and wire.identity(message) == letter_id:
                    found.append(wire.letter_of(message, queue))
        if not found:
            raise _not_found(queue, letter_id)
        return found[0]

    async def replay(self, queue: Queue, letter_id: str | None = None) -> int:
        replayed = 0
        async with self._channel() as channel:
            async for message in _all(channel, queue.dead):
                if letter_id in (None, wire.identity(message)):
                    await self._publisher.publish(wire.copy_of(message), exchange="", key=queue.name)
                    await message.ack()
                    replayed += 1
        return _some(replayed, queue, letter_id)

    async def drop(self, queue: Queue, letter_id: str | None = None) -> int:
        dropped = 0
        async with self._channel() as channel:
            async for message in _all(channel, queue.dead):
                if letter_id in (None, wire.identity(message)):
                    await message.ack()
                    dropped += 1
        return _some(dropped, queue, letter_id)

    @asynccontextmanager
    async def _channel(self) -> AsyncIterator[AbstractChannel]:
        """What is unacknowledged in the end lies in the dead queue again, in its old place.

        One channel, one call at a time: through another one the next call could overtake what this one gives back.
        """
        async with self._alone:
            session = await self._link.get()
            with link_errors("reading dead letters"):
                if session.letters is None or session.letters.is_closed:
                    session.letters = session.connection.channel(publisher_confirms=False)
                    await session.letters.initialize(timeout=ANSWER_SECONDS)
                try:
                    yield session.letters
                finally:
                    underlay = await session.letters.get_underlay_channel()
                    await underlay.basic_nack(0, multiple=True, requeue=True)


async def _all(channel: AbstractChannel, name: str | None) -> AsyncIterator[AbstractIncomingMessage]:
    """All that are there at the first one, oldest first: a letter that dies again meanwhile is not met twice.

    To be read to its end: a quorum queue puts what is given back behind what was given back before, so that only a whole round
    leaves the order as it was.
    """
    if name is None:
        return
    queue = await channel.get_queue(name, ensure=False)
    message = await queue.get(fail=False, timeout=ANSWER_SECONDS)
    left = message.message_count or 0 if message else 0
    while message is not None:
        yield message
        message = await queue.get(fail=False, timeout=ANSWER_SECONDS) if left else None
        left -= 1


def _some(count: int, queue: Queue, letter_id: str | None) -> int:
    if letter_id is not None and not count:
        raise _not_found(queue, letter_id)
    return count


def _not_found(queue: Queue, letter_id: str) -> NotFoundError:
    return NotFoundError(f"no dead letter {letter_id!r} in {queue.dead or queue.name}; list them to see their ids")
