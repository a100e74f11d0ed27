"""Publishing: persistent, mandatory, confirmed, and never for longer than the policy's patience.

Calls at the same time share one channel and do not wait for each other's confirms.
"""

import asyncio
from dataclasses import dataclass, field
from typing import NoReturn

from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange, AbstractMessage
from aio_pika.exceptions import DeliveryError, PublishError

from shared.adapters.delivery import DeliveryPolicy
from shared.adapters.distributed.rabbitmq.connection import ANSWER_SECONDS, Link
from shared.adapters.distributed.rabbitmq.declaration import EXCHANGES, Declaration
from shared.adapters.distributed.rabbitmq.failures import LinkLostError, link_errors
from shared.ports.errors import UnavailableError

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 0.5
"""Between tries; each may give a message twice to the other queues of its type, while one is full."""


@dataclass(slots=True, kw_only=True)
class PublishSession:
    """References that must live as long as the connection: the library holds them weakly."""

    connection: AbstractConnection
    channel: AbstractChannel
    exchanges: dict[str, AbstractExchange]
    letters: AbstractChannel | None = None
    """For dead letters, once somebody asks for them."""
    blocked_at: float | None = None
    declaring: asyncio.Lock = field(default_factory=asyncio.Lock)
    declared_at: float = float("-inf")
    doubting: asyncio.Lock = field(default_factory=asyncio.Lock)
    answered_at: float = float("-inf")


async def publish_session(connection: AbstractConnection, declaration: Declaration) -> PublishSession:
    """Declares the whole topology, and opens the one channel of this connection."""
    await declaration.everything(connection)
    channel = connection.channel(publisher_confirms=True, on_return_raises=True)
    await channel.initialize(timeout=ANSWER_SECONDS)
    exchanges = {name: await channel.get_exchange(name, ensure=False) for name in EXCHANGES}
    return PublishSession(connection=connection, channel=channel, exchanges={"": channel.default_exchange, **exchanges})


class Publisher:
    """Publishes on a link."""

    def __init__(self, link: Link[PublishSession], declaration: Declaration, policy: DeliveryPolicy, address: str) -> None:
        self._link, self._declaration, self._address = link, declaration, address
        self._patience = policy.publish_timeout.total_seconds()

    async def publish(self, message: AbstractMessage, *, exchange: str, key: str, mandatory: bool = True) -> None:
        """Returns once the broker answers for the message.

        A confirm that does not come in half of the patience means that nobody knows: the message is sent again under its id.
        A queue without room is asked again until the patience ends. Raises `UnavailableError`.
        """
        loop = asyncio.get_running_loop()
        end, pause, declared = self._end(), FIRST_PAUSE_SECONDS, False
        while True:
            session = await self._session(end)
            sent_at = loop.time()
            try:
                with link_errors("publishing"):
                    wait = max(0.001, min(end - loop.time(), self._patience / 2))
                    await session.exchanges[exchange].publish(message, key, mandatory=mandatory, timeout=wait)
            except LinkLostError as problem:
                reason = await self._after(session, problem, key, sent_at=sent_at, declared=declared)
                declared = declared or isinstance(problem.__cause__, PublishError)
            else:
                return
            if loop.time() + pause >= end:
                raise UnavailableError(reason)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _end(self) -> float:
        """When patience ends; it is spent already when the broker has been away, or has taken nothing, for that long."""
        now = asyncio.get_running_loop().time()
        return (now if self._link.lost_at is None else self._link.lost_at) + self._patience

    async def _session(self, end: float) -> PublishSession:
        """The open session, of a broker that takes messages. Raises `UnavailableError`."""
        try:
            async with asyncio.timeout_at(end):
                session = await self._link.get()
        except TimeoutError:
            raise UnavailableError(f"RabbitMQ at {self._address} does not answer; messages wait until it does") from None
        if session.blocked_at is not None:
            end = min(end, session.blocked_at + self._patience)
        try:
            async with asyncio.timeout_at(end):
                await _taking(session)
        except TimeoutError:
            raise UnavailableError(
                f"RabbitMQ at {self._address} takes no messages (its memory or disk alarm is on); free memory or disk space there"
            ) from None
        session.blocked_at = None
        return session

    async def _after(self, session: PublishSession, problem: LinkLostError, key: str, *, sent_at: float, declared: bool) -> str:
        """Put right what can be, before the next try; returns what to say if there is none. Raises `UnavailableError`."""
        match problem.__cause__:
            case PublishError():
                if declared:
                    self._nobody(key)
                async with session.declaring:  # somebody has deleted a queue; however many miss it, it is declared once
                    if session.declared_at < sent_at:
                        declared_at = asyncio.get_running_loop().time()
                        with link_errors("declaring queues"):
                            await self._declaration.everything(session.connection)
                        session.declared_at = declared_at
                return f"no queue takes {key}"
            case DeliveryError():
                return f"a queue for {key} at RabbitMQ {self._address} is full; wait until its consumer has caught up"
            case TimeoutError() if await _blocked(session):
                session.blocked_at = session.blocked_at or asyncio.get_running_loop().time()
            case TimeoutError() if await self._answers(session, sent_at):
                pass  # a queue does not confirm, perhaps for want of a leader; other queues do on this link
            case _:
                self._link.abandon(session, str(problem))
        return f"RabbitMQ at {self._address} has not confirmed {key}; it may have it or not: publish it again under the same id"

    async def _answers(self, session: PublishSession, since: float) -> bool:
        """Whether the broker has answered anything at all since then; however many doubt it, it is asked once."""
        async with session.doubting:
            if session.answered_at < since:
                try:
                    with link_errors("asking for an answer"):
                        async with asyncio.timeout(self._patience / 4), session.connection.channel(publisher_confirms=False):
                            session.answered_at = asyncio.get_running_loop().time()
                except LinkLostError:
                    return False
        return True

    def _nobody(self, key: str) -> NoReturn:
        raise UnavailableError(f"no queue at RabbitMQ {self._address} takes {key}; start the service that consumes it")


async def _taking(session: PublishSession) -> None:
    """Wait until the broker's alarm is over. Returns as well when the link is lost: the publish that follows finds out."""
    transport = session.connection.transport
    if transport is not None and session.connection.connected.is_set():
        await transport.ready()


async def _blocked(session: PublishSession) -> bool:
    try:
        async with asyncio.timeout(0.01):
            await _taking(session)
    except TimeoutError:
        return True
    return False
