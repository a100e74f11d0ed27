"""A process that lives: it handles messages, runs timers, publishes what its steps did, and stops cleanly.

Steps are synchronous and run in threads, so CPU work never holds up the event loop.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

from shared.contracts.envelope import Envelope, UnknownEventError, wrap
from shared.contracts.events import Event
from shared.contracts.topology import Queue
from shared.ports.bus import Handler, MessageBus
from shared.ports.clock import Clock
from shared.ports.errors import RejectedMessageError, SupplierError
from shared.runtime.arrival import Supplier
from shared.runtime.batching import Batcher, BatchStep
from shared.runtime.logging import correlation, current_correlation, logger

_message_id: ContextVar[str | None] = ContextVar("message_id", default=None)

Step = Callable[[], Sequence[Event]]
MessageStep = Callable[[Event], Sequence[Event]]


def message_id() -> str:
    """The id of the message that is being handled: the same each time it is delivered. A new one outside of messages."""
    return _message_id.get() or str(uuid4())


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A queue and what to do with each of its messages; the events it returns are published."""

    queue: Queue
    handle: MessageStep


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSubscription:
    """A queue whose messages are handled together: at most `most`, or what has come within `linger`. Each is done or failed
    for itself; when a batch fails by a bug or a rejection its messages are tried one by one."""

    queue: Queue
    handle: BatchStep
    most: int
    linger: timedelta = timedelta(milliseconds=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """A step run at once and then at every multiple of an interval since its start; late ticks are not made up in a burst."""

    name: str
    every: timedelta
    step: Step
    at_once: bool = True
    unfinished: Callable[[], bool] = lambda: False
    """Asked after each run: while it is true the step runs again at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a service brings to a process."""

    name: str
    subscriptions: Sequence[Subscription | BatchSubscription] = ()
    timers: Sequence[Timer] = ()
    needs: Sequence[Supplier] = ()
    """What must be there before the timers begin, besides the cloud store."""
    alone: bool = False
    """Whether its timers begin without any of these: what happens at the edge happens now, and is kept there."""
    stopping: Sequence[Callable[[], None]] = ()
    """Called when the process is told to stop, so that long steps can end early."""


@dataclass(slots=True, kw_only=True)
class Worker:
    """Runs parts on a bus until it is told to stop."""

    bus: MessageBus
    clock: Clock
    parts: Sequence[Parts]
    failing: dict[str, str] = field(default_factory=dict)
    """Timers (`sync.sweep`) whose last run failed, with the error: what a health page shows."""
    _kinds: dict[str, type[SupplierError]] = field(default_factory=dict, repr=False)
    """How each of them failed when it was last logged: away is one thing, refused another."""
    _tried: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    _listening: set[str] = field(default_factory=set, repr=False)
    _unpublished: set[str] = field(default_factory=set, repr=False)
    """Types of which the last message was not published."""

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set. Running steps finish; the bus is closed by who opened it."""
        await self.listen()
        await self.tick(stop)

    async def listen(self) -> None:
        """Consume every queue that is not consumed yet. Raises `UnavailableError` while the bus is away; call again then."""
        try:
            for parts in self.parts:
                for subscription in parts.subscriptions:
                    if subscription.queue.name not in self._listening:
                        await self._consume(parts.name, subscription)
                        self._listening.add(subscription.queue.name)
        finally:
            self._tried.set()

    async def tick(self, stop: asyncio.Event) -> None:
        """Run the timers until `stop` is set; those that run then finish. They begin after the first try to listen, so that
        a process hears what it tells itself."""
        await self._tried.wait()
        async with asyncio.TaskGroup() as tasks:
            for parts in self.parts:
                for timer in parts.timers:
                    tasks.create_task(self._tick(parts.name, timer, stop))
            await stop.wait()
            for parts in self.parts:
                for tell in parts.stopping:
                    tell()

    async def _consume(self, source: str, subscription: Subscription | BatchSubscription) -> None:
        if isinstance(subscription, BatchSubscription):
            # as many again, so that the next batch is there when one is done
            handler = self._batch_handler(source, subscription)
            await self.bus.consume(subscription.queue, handler, prefetch=2 * subscription.most)
        else:
            await self.bus.consume(subscription.queue, self._handler(source, subscription))

    async def publish(self, events: Sequence[Event], *, source: str, cause: Envelope | None = None) -> None:
        """Publish what a step did. A bus that does not answer is reported and forgotten: the next sweep makes up for it."""
        for event in events:
            try:
                await self.bus.publish(wrap(event, source=source, time=self.clock.now(), cause=cause, correlation_id=current_correlation()))
            except SupplierError as problem:
                if event.TYPE not in self._unpublished:
                    self._unpublished.add(event.TYPE)
                    logger(source).warning("message not published; the next sweep makes up for it", type=event.TYPE, error=str(problem))
            else:
                if event.TYPE in self._unpublished:
                    self._unpublished.discard(event.TYPE)
                    logger(source).info("messages are published again", type=event.TYPE)

    def _handler(self, source: str, subscription: Subscription) -> Callable[[Envelope], "asyncio.Future[None]"]:
        async def handle(envelope: Envelope) -> None:
            _message_id.set(envelope.id)
            with correlation(envelope.correlationid):
                try:
                    event = envelope.event()
                except UnknownEventError as problem:
                    raise RejectedMessageError(str(problem)) from problem
                events = await asyncio.to_thread(subscription.handle, event)
                await self.publish(events, source=source, cause=envelope)

        return handle  # type: ignore[return-value]

    def _batch_handler(self, source: str, subscription: BatchSubscription) -> Handler:
        batcher = Batcher(step=subscription.handle, most=subscription.most, linger=subscription.linger)

        async def handle(envelope: Envelope) -> None:
            with correlation(envelope.correlationid):
                await self.publish(await batcher.handle(envelope), source=source, cause=envelope)

        return handle

    async def _tick(self, source: str, timer: Timer, stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        started, interval, ticks = loop.time(), timer.every.total_seconds(), 0
        if not timer.at_once:
            ticks = 1
        while not await _wait(stop, started + ticks * interval - loop.time()):
            await self._run(source, timer)
            while timer.unfinished() and not stop.is_set():
                await self._run(source, timer)
            ticks = max(ticks + 1, int((loop.time() - started) // interval) + 1)

    async def _run(self, source: str, timer: Timer) -> None:
        with correlation(str(uuid4())):  # what begins here can be followed through what others make of it
            await self._stepped(source, timer)

    async def _stepped(self, source: str, timer: Timer) -> None:
        log, name = logger(source), f"{source}.{timer.name}"
        try:
            events = await asyncio.to_thread(timer.step)
            await self.publish(events, source=source)
        except SupplierError as problem:
            if name not in self.failing or self._kinds.get(name) is not type(problem):
                self._kinds[name] = type(problem)
                log.warning("step failed; it is tried again at its next time", step=timer.name, error=str(problem))
            self.failing[name] = str(problem)
        except Exception as problem:  # the worker's loop: one step's bug must not end the process
            log.exception("step failed by a bug; it is tried again at its next time", step=timer.name)
            self.failing[name] = repr(problem)
        else:
            if self.failing.pop(name, None) is not None:
                log.info("step works again", step=timer.name)


async def _wait(stop: asyncio.Event, seconds: float) -> bool:
    """Sleep that long; True when stop was set."""
    try:
        await asyncio.wait_for(stop.wait(), timeout=max(0.0, seconds))
    except TimeoutError:
        return stop.is_set()
    return True
