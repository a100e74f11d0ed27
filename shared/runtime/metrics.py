"""What a process did, counted where it happens: around its timers and around its bus. In Prometheus' form when it is asked for."""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from shared.contracts.envelope import Envelope
from shared.contracts.events import Event
from shared.contracts.topology import Queue
from shared.ports.bus import Handler, MessageBus
from shared.ports.dead_letters import DeadLetters
from shared.ports.errors import RejectedMessageError, RetryableError, SupplierError, UnavailableError
from shared.runtime.worker import Parts, Step

STEP_SECONDS = (0.01, 0.05, 0.25, 1, 5, 15, 60, 300, 1800)
MESSAGE_SECONDS = (0.001, 0.005, 0.025, 0.1, 0.5, 2, 10, 60, 600)
COUNTING_DEAD_SECONDS = 2.0


class Metrics:
    """Of one process. Memory, descriptors and CPU time of the process are among them."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, which nobody reads
        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self._steps = Counter("der_steps", "Runs of timers, by outcome.", ["step", "outcome"], registry=registry)
        self._step_seconds = Histogram("der_step_seconds", "Duration of runs of timers.", ["step"], buckets=STEP_SECONDS, registry=registry)
        self._step_success = Gauge("der_step_last_success_timestamp_seconds", "When a timer last succeeded.", ["step"], registry=registry)
        self._handled = Counter("der_messages_handled", "Deliveries of messages, by outcome.", ["queue", "outcome"], registry=registry)
        self._message_seconds = Histogram(
            "der_message_seconds", "Duration of handling a message.", ["queue"], buckets=MESSAGE_SECONDS, registry=registry
        )
        self._message_success = Gauge(
            "der_message_last_success_timestamp_seconds", "When a message of the queue was last handled.", ["queue"], registry=registry
        )
        self._published = Counter("der_messages_published", "Messages published, by outcome.", ["type", "outcome"], registry=registry)
        self._dead = Gauge("der_dead_letters", "Messages in the dead queue.", ["queue"], registry=registry)
        self._ready = Gauge("der_ready", "1 when everything works that this process needs.", registry=registry)

    def parts(self, parts: Sequence[Parts]) -> list[Parts]:
        """The same parts; each run of a timer is counted and timed."""
        return [
            replace(
                part, timers=[replace(timer, step=self._counted_step(f"{part.name}.{timer.name}", timer.step)) for timer in part.timers]
            )
            for part in parts
        ]

    def bus(self, bus: MessageBus) -> "CountedBus":
        """The same bus; what passes is counted and timed."""
        return CountedBus(bus, self)

    async def text(self, bus: "CountedBus", *, ready: bool) -> bytes:
        """All of them, for Prometheus. The dead letters are counted now, unless the bus does not answer."""
        self._ready.set(ready)
        await asyncio.gather(*(self._count_dead(bus.dead, queue) for queue in bus.consumed.values() if queue.shared))
        return generate_latest(self._registry)

    @contextmanager
    def handling(self, queue: Queue) -> Iterator[None]:
        """Count and time one delivery by how it ends."""
        outcome, started = "cancelled", time.perf_counter()
        try:
            yield
            outcome = "done"
            self._message_success.labels(queue.name).set_to_current_time()
        except RejectedMessageError:
            outcome = "rejected"
            raise
        except (RetryableError, UnavailableError):
            outcome = "retried"
            raise
        except Exception:
            outcome = "failed"
            raise
        finally:
            self._handled.labels(queue.name, outcome).inc()
            self._message_seconds.labels(queue.name).observe(time.perf_counter() - started)

    @contextmanager
    def publishing(self, event_type: str) -> Iterator[None]:
        """Count one message by whether the bus answered for it."""
        outcome = "failed"
        try:
            yield
            outcome = "confirmed"
        finally:
            self._published.labels(event_type, outcome).inc()

    def _counted_step(self, name: str, step: Step) -> Step:
        def counted() -> Sequence[Event]:
            outcome, started = "bug", time.perf_counter()
            try:
                events = step()
                outcome = "done"
                self._step_success.labels(name).set_to_current_time()
            except SupplierError:
                outcome = "failed"
                raise
            finally:
                self._steps.labels(name, outcome).inc()
                self._step_seconds.labels(name).observe(time.perf_counter() - started)
            return events

        return counted

    async def _count_dead(self, dead: DeadLetters, queue: Queue) -> None:
        try:
            async with asyncio.timeout(COUNTING_DEAD_SECONDS):
                self._dead.labels(queue.name).set(await dead.count(queue))
        except (SupplierError, TimeoutError):
            self._dead.remove(queue.name)


class CountedBus:
    """`MessageBus` that counts what passes to and from another one."""

    def __init__(self, bus: MessageBus, metrics: Metrics) -> None:
        self._bus, self._metrics = bus, metrics
        self.consumed: dict[str, Queue] = {}

    @property
    def dead(self) -> DeadLetters:
        return self._bus.dead

    @property
    def failing(self) -> Mapping[str, str]:
        return self._bus.failing

    async def publish(self, envelope: Envelope) -> None:
        with self._metrics.publishing(envelope.type):
            await self._bus.publish(envelope)

    async def consume(self, queue: Queue, handler: Handler, *, prefetch: int = 1) -> None:
        async def handle(envelope: Envelope) -> None:
            with self._metrics.handling(queue):
                await handler(envelope)

        await self._bus.consume(queue, handle, prefetch=prefetch)
        self.consumed[queue.name] = queue

    async def close(self) -> None:
        await self._bus.close()
