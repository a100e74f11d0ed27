"""Messages between services."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from shared.contracts.envelope import Envelope
from shared.contracts.topology import Queue
from shared.ports.dead_letters import DeadLetters

Handler = Callable[[Envelope], Awaitable[None]]
"""Returns when the message is done. `RetryableError` (and a supplier's `UnavailableError`, or one that a person must mend):
deliver again later; `RejectedMessageError`: dead at once; anything else is a bug: logged, few retries, dead. On a per-instance
queue every failure is logged and forgotten."""


class MessageBus(Protocol):
    """At-least-once delivery; each queue gets every message of its routing keys, each message one consumer of the queue.
    Of a per-instance queue every consumer gets every message, as long as it lives and keeps up."""

    async def publish(self, envelope: Envelope) -> None:
        """Returns once the bus answers for the message; waits for room in full queues. Raises `UnavailableError` when it does not,
        or when there is no queue for it. A bus within one process knows no queue before its consumer has bound it: it drops an
        event that nobody consumes, and a command (`.requested`) that nobody consumes is an error. A bus between processes keeps
        both for a consumer that is late. What only per-instance queues take is dropped by both when nobody listens."""
        ...

    async def consume(self, queue: Queue, handler: Handler, *, prefetch: int = 1) -> None:
        """Bind the queue and handle its messages, `prefetch` at once, until the bus is closed. Returns once bound. When nearly
        everything is given up the code is wrong, not the data: the consumer stops, and the rest stays in the queue."""
        ...

    @property
    def dead(self) -> DeadLetters:
        """What the queues gave up."""
        ...

    @property
    def failing(self) -> Mapping[str, str]:
        """What does not work at the moment (`bus`, or a queue whose consumer has stopped), with the reason."""
        ...

    async def close(self) -> None:
        """Take no new message, let running handlers finish."""
        ...
