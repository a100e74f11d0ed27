"""Consuming: a channel of its own, a bounded number of messages at once, acknowledged when their fate is sealed."""

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage

from shared.adapters.delivery import STOPPED, DeliveryPolicy, Ending, Fate, Verdicts, attempt
from shared.adapters.distributed.rabbitmq import wire
from shared.adapters.distributed.rabbitmq.connection import ANSWER_SECONDS, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, Link
from shared.adapters.distributed.rabbitmq.declaration import Declaration
from shared.adapters.distributed.rabbitmq.failures import LinkLostError, link_errors
from shared.adapters.distributed.rabbitmq.publisher import Publisher
from shared.contracts.topology import DEAD_EXCHANGE, RETRY_LEVELS, Queue
from shared.ports.bus import Handler
from shared.ports.errors import UnavailableError

log = structlog.get_logger(part="bus")

WATCH_SECONDS = 3.0
"""How long a queue may hold messages and its idle consumer get none, before the consumer is made anew."""


@dataclass(slots=True, kw_only=True)
class ConsumeSession:
    """The connection that consumers share. A connection that also published would hold up their acknowledgements in an alarm."""

    connection: AbstractConnection


@dataclass(slots=True, kw_only=True)
class _Subscription:
    """One life of a consumer: until its channel closes or the broker cancels it."""

    channel: AbstractChannel
    queue_name: str
    tag: str = ""
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    deliveries: int = 0


class Consumer:
    """Keeps one queue consumed until it is closed, or until nearly everything in it is given up."""

    def __init__(
        self, queue: Queue, handler: Handler, *,
        prefetch: int, link: Link[ConsumeSession], publisher: Publisher, declaration: Declaration,
        policy: DeliveryPolicy, failing: dict[str, str], watch_seconds: float,
    ) -> None:  # fmt: skip
        self._queue, self._handler, self._prefetch = queue, handler, prefetch
        self._link, self._publisher, self._declaration = link, publisher, declaration
        self._policy, self._failing, self._watch_seconds = policy, failing, watch_seconds
        self._verdicts = Verdicts(policy)
        self._slots = asyncio.Semaphore(prefetch)
        self._running: set[asyncio.Task[None]] = set()
        self._subscription: _Subscription | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._taking = True

    async def start(self) -> None:
        """Returns once bound. Raises `UnavailableError`."""
        self._subscription = await self._subscribe()
        self._keeper = asyncio.create_task(self._keep(self._subscription), name=f"consumer of {self._queue.name}")

    async def stop_taking(self) -> None:
        """Take no new message; those that are running go on."""
        self._taking = False
        subscription = self._subscription
        if self._keeper is not None:
            self._keeper.cancel()
        if subscription is not None and not subscription.ended.is_set():
            with suppress(LinkLostError), link_errors("cancelling a consumer"):  # or the broker has cancelled it already
                queue = await subscription.channel.get_queue(subscription.queue_name, ensure=False)
                await queue.cancel(subscription.tag, timeout=ANSWER_SECONDS)

    async def drain(self) -> None:
        """Running handlers get `drain_timeout`, then they are cancelled; their messages go back to the queue."""
        if self._running:
            await asyncio.wait(set(self._running), timeout=self._policy.drain_timeout.total_seconds())
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, *([self._keeper] if self._keeper else []), return_exceptions=True)
        if self._subscription is not None:
            await _close(self._subscription.channel)

    async def _subscribe(self) -> _Subscription:
        connection = (await self._link.get()).connection
        with link_errors(f"binding {self._queue.name}"):
            name = await self._declaration.queue(connection, self._queue)
            channel = connection.channel(publisher_confirms=False)
            await channel.initialize(timeout=ANSWER_SECONDS)
            subscription = _Subscription(channel=channel, queue_name=name)
            channel.close_callbacks.add(lambda *_: subscription.ended.set())
            underlay = await channel.get_underlay_channel()
            underlay.on_consumer_cancel_callbacks.add(lambda _: subscription.ended.set())  # a deleted queue, a moved leader
            await channel.set_qos(prefetch_count=self._prefetch, timeout=ANSWER_SECONDS)
            queue = await channel.get_queue(name, ensure=False)

            async def take(message: AbstractIncomingMessage) -> None:
                self._take(subscription, message)

            subscription.tag = await queue.consume(take, timeout=ANSWER_SECONDS)
        return subscription

    async def _keep(self, subscription: _Subscription) -> None:
        pause = FIRST_PAUSE_SECONDS
        while self._taking:  # and not for ever until it is cancelled: the library swallows that at times
            await self._until_ended(subscription)
            await _close(subscription.channel)
            try:
                subscription = self._subscription = await self._subscribe()
                pause = FIRST_PAUSE_SECONDS
            except UnavailableError:  # the link says so; a queue that cannot be declared says so when the publisher's link opens
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  # spreads the return of many consumers
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _until_ended(self, subscription: _Subscription) -> None:
        """The end of the subscription, or proof that it is dead: messages wait, nothing runs, and none comes."""
        while True:
            seen = subscription.deliveries
            try:
                async with asyncio.timeout(self._watch_seconds):
                    await subscription.ended.wait()
            except TimeoutError:
                if subscription.deliveries != seen or self._running or not await self._has_depth(subscription):
                    continue
                log.warning("consumer gets nothing though messages wait; it is made anew", queue=self._queue.name)
            return

    async def _has_depth(self, subscription: _Subscription) -> bool:
        try:
            with link_errors("asking for the depth of a queue"):
                queue = await subscription.channel.declare_queue(subscription.queue_name, passive=True, timeout=ANSWER_SECONDS)
        except LinkLostError:
            return True
        return bool(queue.declaration_result.message_count)

    def _take(self, subscription: _Subscription, message: AbstractIncomingMessage) -> None:
        """In a task of ours: the library cancels its own when the link goes, and a handler must not be torn in the middle."""
        subscription.deliveries += 1
        if not self._taking:  # unacknowledged, it goes back to the queue with the channel
            return
        task = asyncio.create_task(self._handle(subscription, message))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _handle(self, subscription: _Subscription, message: AbstractIncomingMessage) -> None:
        async with self._slots:  # handlers of a lost link may still be running beside those of the new one
            if not self._taking or subscription.ended.is_set():
                return

            async def handle() -> None:
                await self._handler(wire.envelope_of(message.body))

            attempts = wire.attempts_before(message) + 1
            ending = await attempt(handle, self._queue, attempts, self._policy)
            if ending.fate is not Fate.DONE and not await self._pass_on(subscription, message, ending, attempts):
                return
            with suppress(LinkLostError), link_errors("acknowledging"):  # or it is delivered again, and handling it twice changes nothing
                await message.ack()
            self._judge(ending)

    async def _pass_on(self, subscription: _Subscription, message: AbstractIncomingMessage, ending: Ending, attempts: int) -> bool:
        """To where it waits for its next try, or to the dead; confirmed, before it is acknowledged here: at least once.

        While the broker has no room for it, it stays in our hands. False when it went back to the queue instead.
        """
        queue = self._queue
        if ending.fate is Fate.DEAD:
            log.warning(
                "message given up",
                queue=queue.dead or queue.name, type=message.type, attempts=attempts, reason=ending.reason,
                correlation_id=message.correlation_id,
            )  # fmt: skip
        if not queue.shared:
            return True
        headers = wire.history(message, queue, attempts=attempts, reason=ending.reason, now=datetime.now(UTC))
        if ending.fate is Fate.DEAD:
            passed, exchange, key = wire.copy_of(message, headers=headers), DEAD_EXCHANGE, queue.name
        else:
            passed = wire.copy_of(message, headers=headers, expiration=self._policy.delay(attempts))
            exchange, key = "", queue.retries[min(attempts, RETRY_LEVELS) - 1]
        held = False
        while not subscription.ended.is_set():
            try:
                await self._publisher.publish(passed, exchange=exchange, key=key)
            except UnavailableError as problem:
                if not held:
                    log.warning("message cannot be passed on; it is held until it can", queue=queue.name, to=key, error=str(problem))
                held = True
                await asyncio.sleep(LONGEST_PAUSE_SECONDS)
            else:
                return True
        return False

    def _judge(self, ending: Ending) -> None:
        why = self._verdicts.note(ending)
        if why is not None and self._queue.shared and self._taking:
            self._taking = False
            self._failing[self._queue.name] = why
            log.error(STOPPED, queue=self._queue.name, reason=why)
            stopping = asyncio.create_task(self._retire())
            self._running.add(stopping)
            stopping.add_done_callback(self._running.discard)

    async def _retire(self) -> None:
        """Give what was not begun back to the queue, for another process with better code."""
        await self.stop_taking()
        others = self._running - {asyncio.current_task()}
        if others:
            await asyncio.wait(others)
        if self._subscription is not None:
            await _close(self._subscription.channel)


async def _close(channel: AbstractChannel) -> None:
    with suppress(LinkLostError), link_errors("closing a channel"):
        async with asyncio.timeout(ANSWER_SECONDS):
            await channel.close()
