"""Messages that were given up: looked at, sent again, or dropped, by a person."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.contracts.envelope import Envelope
from shared.contracts.topology import Queue

PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message that was given up, why, and after how many attempts."""

    id: str
    """Of its envelope; a message that is no envelope is given one when it dies."""
    queue: str
    """Whose consumer gave it up."""
    envelope: Envelope | None
    """None when the body is none: then `reason` says what is wrong with it."""
    body: bytes
    """As it came."""
    reason: str
    attempts: int
    first_at: datetime
    """When it was first handled."""
    last_at: datetime
    """When it was given up."""


class DeadLetters(Protocol):
    """The dead of each queue, oldest first. Every call may raise `UnavailableError`. While one call holds letters in its hands,
    another one on the same queue does not see them."""

    async def count(self, queue: Queue) -> int:
        """How many there are; those of a per-instance queue are never kept."""
        ...

    async def page(self, queue: Queue, *, limit: int = PAGE) -> list[DeadLetter]:
        """The oldest `limit` of them; they stay."""
        ...

    async def find(self, queue: Queue, letter_id: str) -> DeadLetter:
        """Raises `NotFoundError`."""
        ...

    async def replay(self, queue: Queue, letter_id: str | None = None) -> int:
        """Send that one, or all that are there now, back to their own queue, each confirmed before it is removed; their attempts
        are counted anew. Returns how many. Raises `NotFoundError`; after `UnavailableError` the rest is still dead."""
        ...

    async def drop(self, queue: Queue, letter_id: str | None = None) -> int:
        """Forget that one, or all that are there now. Returns how many. Raises `NotFoundError`."""
        ...
