"""Messages between services of one process. Nothing survives the process: sweeps make up for what was under way."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from shared.adapters.delivery import STOPPED, DeliveryPolicy, Ending, Fate, Verdicts, attempt
from shared.adapters.embedded.dead_letters import InProcessDeadLetters
from shared.contracts.envelope import Envelope
from shared.contracts.topology import Queue
from shared.ports.bus import Handler
from shared.ports.dead_letters import DeadLetter, DeadLetters
from shared.ports.errors import UnavailableError

log = structlog.get_logger(part="bus")


@dataclass(slots=True)
class _Message:
    envelope: Envelope
    attempts: int = 0
    first_at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(slots=True)
class _Bound:
    """A queue with its messages and its room."""

    queue: Queue
    room: asyncio.Semaphore
    verdicts: Verdicts
    waiting: asyncio.Queue[_Message] = field(default_factory=asyncio.Queue)
    stopped: bool = False


class InProcessBus:
    """`MessageBus` on the running event loop."""

    def __init__(self, policy: DeliveryPolicy | None = None) -> None:
        self._policy = policy or DeliveryPolicy()
        self._queues: list[_Bound] = []
        self._dead = InProcessDeadLetters(capacity=self._policy.dead_letters, deliver=self._deliver_again)
        self._failing: dict[str, str] = {}
        self._consumers: set[asyncio.Task[None]] = set()
        self._retries: set[asyncio.TimerHandle] = set()
        self._running: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def dead(self) -> DeadLetters:
        return self._dead

    @property
    def failing(self) -> Mapping[str, str]:
        return self._failing

    async def publish(self, envelope: Envelope) -> None:
        """An event that nobody consumes is dropped; a command that nobody consumes raises `UnavailableError`."""
        self._require_open()
        bound = [found for found in self._queues if envelope.type in found.queue.routing_keys]
        if not bound and ".requested." in envelope.type:
            raise UnavailableError(f"nobody consumes {envelope.type}; start the service that does")
        for found in bound:
            await self._put(found, envelope)

    async def consume(self, queue: Queue, handler: Handler, *, prefetch: int = 1) -> None:
        self._require_open()
        bound = self._bound(queue)
        for _ in range(prefetch):
            task = asyncio.create_task(self._consume(bound, handler), name=f"consumer of {queue.name}")
            self._consumers.add(task)
            task.add_done_callback(self._consumers.discard)

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
        forgotten = sum(found.waiting.qsize() for found in self._queues if found.queue.shared) + len(self._retries)
        self._retries.clear()
        if forgotten:
            log.info("messages left at the end; the next sweep makes up for them", count=forgotten)

    def _require_open(self) -> None:
        if self._closed:
            raise UnavailableError("the bus is closed; this program is stopping")

    def _bound(self, queue: Queue) -> _Bound:
        """The shared queue of that name, or one more of a queue per instance."""
        if queue.shared:
            for found in self._queues:
                if found.queue.name == queue.name:
                    return found
        bound = _Bound(queue, asyncio.Semaphore(self._policy.capacity), Verdicts(self._policy))
        self._queues.append(bound)
        return bound

    async def _put(self, bound: _Bound, envelope: Envelope) -> None:
        if not bound.queue.shared and bound.room.locked():
            if bound.waiting.empty():  # all of them are running: this one is the oldest that waits
                return
            bound.waiting.get_nowait()
            bound.room.release()
        try:
            async with asyncio.timeout(self._policy.publish_timeout.total_seconds()):
                await bound.room.acquire()
        except TimeoutError:
            raise UnavailableError(f"queue {bound.queue.name} is full; wait until its consumer has caught up") from None
        bound.waiting.put_nowait(_Message(envelope))

    async def _deliver_again(self, queue: Queue, envelope: Envelope) -> None:
        self._require_open()
        await self._put(self._bound(queue), envelope)

    async def _consume(self, bound: _Bound, handler: Handler) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # a coroutine of a task has one
        while not (self._closed or bound.stopped):
            message = await bound.waiting.get()
            if bound.stopped:  # while this consumer waited, another one of the queue gave it up
                bound.waiting.put_nowait(message)
                return
            self._running.add(task)
            try:
                await self._deliver(bound, handler, message)
            finally:
                self._running.discard(task)

    async def _deliver(self, bound: _Bound, handler: Handler, message: _Message) -> None:
        message.attempts += 1
        ending = await attempt(lambda: handler(message.envelope), bound.queue, message.attempts, self._policy)
        if ending.fate is Fate.AGAIN:
            self._again(bound, message)
            return
        bound.room.release()
        if ending.fate is Fate.DEAD:
            self._bury(bound.queue, message, ending.reason)
        self._judge(bound, ending)

    def _again(self, bound: _Bound, message: _Message) -> None:
        if self._closed:
            return

        def deliver() -> None:
            self._retries.discard(handle)
            bound.waiting.put_nowait(message)

        handle = asyncio.get_running_loop().call_later(self._policy.delay(message.attempts), deliver)
        self._retries.add(handle)

    def _bury(self, queue: Queue, message: _Message, reason: str) -> None:
        envelope = message.envelope
        log.warning(
            "message given up",
            queue=queue.dead or queue.name, type=envelope.type, attempts=message.attempts, reason=reason,
            correlation_id=envelope.correlationid,
        )  # fmt: skip
        if not queue.shared:
            return
        letter = DeadLetter(
            id=envelope.id,
            queue=queue.name,
            envelope=envelope,
            body=envelope.model_dump_json().encode(),
            reason=reason,
            attempts=message.attempts,
            first_at=message.first_at,
            last_at=datetime.now(UTC),
        )
        self._dead.bury(letter)

    def _judge(self, bound: _Bound, ending: Ending) -> None:
        why = bound.verdicts.note(ending)
        if why is not None and bound.queue.shared and not bound.stopped:
            bound.stopped = True
            self._failing[bound.queue.name] = why
            log.error(STOPPED, queue=bound.queue.name, reason=why)
