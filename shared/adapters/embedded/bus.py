"""Messages between services of one process. Nothing survives the process: sweeps make up for what was under way."""

import asyncio
import random
from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from shared.contracts.envelope import Envelope
from shared.contracts.topology import Queue
from shared.ports.bus import DeadLetter, Handler
from shared.ports.errors import RejectedMessageError, RetryableError, UnavailableError

log = structlog.get_logger(part="bus")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPolicy:
    """How often and how long the bus tries."""

    attempts: int = 6
    """Deliveries of a message whose handler asks for another try, then it is dead."""
    attempts_after_bug: int = 3
    first_delay: timedelta = timedelta(milliseconds=200)
    """Doubles with every attempt, up to `longest_delay`; each delay is drawn from its upper half."""
    longest_delay: timedelta = timedelta(seconds=30)
    capacity: int = 1_000
    """Messages that a queue holds, waiting, running or between tries; publishers wait for room."""
    publish_timeout: timedelta = timedelta(seconds=5)
    drain_timeout: timedelta = timedelta(seconds=5)
    """How long `close` waits for running handlers."""
    dead_letters: int = 10_000
    """Kept for each queue; the oldest is forgotten first."""

    def delay(self, attempt: int) -> float:
        """Seconds to wait after that many attempts."""
        longest = min(self.longest_delay.total_seconds(), self.first_delay.total_seconds() * 2.0 ** (attempt - 1))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311  # spreads retries, keeps no secret


@dataclass(slots=True)
class _Message:
    envelope: Envelope
    attempts: int = 0


@dataclass(slots=True)
class _Bound:
    """A queue with its messages, its room and its dead."""

    queue: Queue
    room: asyncio.Semaphore
    dead: deque[DeadLetter]
    waiting: asyncio.Queue[_Message] = field(default_factory=asyncio.Queue)


class InProcessBus:
    """`MessageBus` on the running event loop."""

    def __init__(self, policy: DeliveryPolicy | None = None) -> None:
        self._policy = policy or DeliveryPolicy()
        self._queues: dict[str, _Bound] = {}
        self._consumers: set[asyncio.Task[None]] = set()
        self._retries: set[asyncio.TimerHandle] = set()
        self._running: set[asyncio.Task[None]] = set()
        self._closed = False

    async def publish(self, envelope: Envelope) -> None:
        """An event that nobody consumes is dropped; a command that nobody consumes raises `UnavailableError`."""
        if self._closed:
            raise UnavailableError("the bus is closed; this program is stopping")
        bound = [found for found in self._queues.values() if envelope.type in found.queue.routing_keys]
        if not bound and ".requested." in envelope.type:
            raise UnavailableError(f"nobody consumes {envelope.type}; start the service that does")
        for found in bound:
            try:
                async with asyncio.timeout(self._policy.publish_timeout.total_seconds()):
                    await found.room.acquire()
            except TimeoutError:
                raise UnavailableError(f"queue {found.queue.name} is full; wait until its consumer has caught up") from None
            found.waiting.put_nowait(_Message(envelope))

    async def consume(self, queue: Queue, handler: Handler, *, prefetch: int = 1) -> None:
        if self._closed:
            raise UnavailableError("the bus is closed; this program is stopping")
        bound = self._bound(queue)
        for _ in range(prefetch):
            task = asyncio.create_task(self._consume(bound, handler), name=f"consumer of {queue.name}")
            self._consumers.add(task)
            task.add_done_callback(self._consumers.discard)

    async def dead_letters(self, queue: Queue) -> list[DeadLetter]:
        found = self._queues.get(queue.name)
        return list(found.dead) if found else []

    async def close(self) -> None:
        """Running handlers get `drain_timeout`, then they are cancelled; messages that wait are forgotten."""
        self._closed = True
        for retry in self._retries:
            retry.cancel()
        running = set(self._running)
        for task in self._consumers - running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=self._policy.drain_timeout.total_seconds())
        unfinished = [task for task in self._consumers if not task.done()]
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        forgotten = sum(found.waiting.qsize() for found in self._queues.values()) + len(self._retries)
        self._retries.clear()
        if forgotten:
            log.info("messages left at the end; the next sweep makes up for them", count=forgotten)

    def _bound(self, queue: Queue) -> _Bound:
        if queue.name not in self._queues:
            room, dead = asyncio.Semaphore(self._policy.capacity), deque[DeadLetter](maxlen=self._policy.dead_letters)
            self._queues[queue.name] = _Bound(queue, room, dead)
        return self._queues[queue.name]

    async def _consume(self, bound: _Bound, handler: Handler) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # a coroutine of a task has one
        while not self._closed:
            message = await bound.waiting.get()
            self._running.add(task)
            try:
                await self._deliver(bound, handler, message)
            finally:
                self._running.discard(task)

    async def _deliver(self, bound: _Bound, handler: Handler, message: _Message) -> None:
        message.attempts += 1
        try:
            await handler(message.envelope)
        except RejectedMessageError as problem:
            self._bury(bound, message, str(problem))
        except (RetryableError, UnavailableError) as problem:
            self._again(bound, message, self._policy.attempts, str(problem))
        except Exception as problem:  # the bus's loop: a handler's bug must not end the consumer
            log.exception("handler failed by a bug", queue=bound.queue.name, type=message.envelope.type, attempt=message.attempts)
            self._again(bound, message, self._policy.attempts_after_bug, repr(problem))
        else:
            bound.room.release()

    def _again(self, bound: _Bound, message: _Message, attempts: int, reason: str) -> None:
        if message.attempts >= attempts:
            self._bury(bound, message, reason)
            return
        if self._closed:
            return

        def deliver() -> None:
            self._retries.discard(handle)
            bound.waiting.put_nowait(message)

        handle = asyncio.get_running_loop().call_later(self._policy.delay(message.attempts), deliver)
        self._retries.add(handle)

    def _bury(self, bound: _Bound, message: _Message, reason: str) -> None:
        bound.room.release()
        bound.dead.append(DeadLetter(queue=bound.queue.name, envelope=message.envelope, reason=reason, attempts=message.attempts))
        log.warning("message given up", queue=bound.queue.dead, type=message.envelope.type, attempts=message.attempts, reason=reason)
