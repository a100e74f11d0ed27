"""Messages between services."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from shared.contracts.envelope import Envelope
from shared.contracts.topology import Queue

Handler = Callable[[Envelope], Awaitable[None]]
"""Returns when the message is done. `RetryableError` (and a supplier's `UnavailableError`): deliver again later;
`RejectedMessageError`: dead at once; anything else is a bug: logged, few retries, dead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message that was given up, why, and after how many attempts."""

    queue: str
    envelope: Envelope
    reason: str
    attempts: int


class MessageBus(Protocol):
    """At-least-once delivery; each queue gets every message of its routing keys, each message one consumer of the queue."""

    async def publish(self, envelope: Envelope) -> None:
        """Returns once the bus answers for the message; waits for room in full queues. Raises `UnavailableError` when it does not,
        or when nobody is bound to a command (`.requested`). A bus within one process drops an event that nobody consumes;
        one between processes raises for it too, for there a consumer may only be late."""
        ...

    async def consume(self, queue: Queue, handler: Handler, *, prefetch: int = 1) -> None:
        """Bind the queue and handle its messages until the bus is closed. Returns once bound."""
        ...

    async def dead_letters(self, queue: Queue) -> list[DeadLetter]:
        """What the queue gave up, oldest first."""
        ...

    async def close(self) -> None:
        """Take no new message, let running handlers finish."""
        ...
