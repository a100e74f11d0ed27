"""Dead letters of a bus within one process: kept as long as the process lives."""

from collections import defaultdict, deque
from collections.abc import Awaitable, Callable

from shared.contracts.envelope import Envelope
from shared.contracts.topology import Queue
from shared.ports.dead_letters import PAGE, DeadLetter
from shared.ports.errors import NotFoundError


class InProcessDeadLetters:
    """`DeadLetters` in memory; of too many the oldest is forgotten first."""

    def __init__(self, *, capacity: int, deliver: Callable[[Queue, Envelope], Awaitable[None]]) -> None:
        self._letters: defaultdict[str, deque[DeadLetter]] = defaultdict(lambda: deque(maxlen=capacity))
        self._deliver = deliver

    def bury(self, letter: DeadLetter) -> None:
        self._letters[letter.queue].append(letter)

    async def count(self, queue: Queue) -> int:
        return len(self._letters[queue.name])

    async def page(self, queue: Queue, *, limit: int = PAGE) -> list[DeadLetter]:
        return list(self._letters[queue.name])[:limit]

    async def find(self, queue: Queue, letter_id: str) -> DeadLetter:
        return self._chosen(queue, letter_id)[0]

    async def replay(self, queue: Queue, letter_id: str | None = None) -> int:
        chosen = self._chosen(queue, letter_id)
        for letter in chosen:
            assert letter.envelope is not None  # noqa: S101  # within one process nothing else is published
            await self._deliver(queue, letter.envelope)
            self._remove(letter)
        return len(chosen)

    async def drop(self, queue: Queue, letter_id: str | None = None) -> int:
        chosen = self._chosen(queue, letter_id)
        for letter in chosen:
            self._remove(letter)
        return len(chosen)

    def _chosen(self, queue: Queue, letter_id: str | None) -> list[DeadLetter]:
        chosen = [letter for letter in self._letters[queue.name] if letter_id in (None, letter.id)]
        if letter_id is not None and not chosen:
            raise NotFoundError(f"no dead letter {letter_id!r} in {queue.dead or queue.name}; list them to see their ids")
        return chosen

    def _remove(self, letter: DeadLetter) -> None:
        """By identity: the same message may have died twice, and another process of mind may have been here meanwhile."""
        kept = self._letters[letter.queue]
        remaining = [found for found in kept if found is not letter]
        kept.clear()
        kept.extend(remaining)
