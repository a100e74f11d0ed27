"""How often and how long a bus tries, how a handling ends, and when a consumer is given up."""

import random
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum

import structlog

from shared.contracts.topology import Queue
from shared.ports.errors import RejectedMessageError, RetryableError, SchemaTooNewError, SupplierError, UnavailableError

STOPPED = "consumer stopped: the code is wrong, not the data; correct it and start again"

log = structlog.get_logger(part="bus")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPolicy:
    """The defaults suit a bus within one process."""

    attempts: int = 6
    """Deliveries of a message whose handler asks for another try, then it is dead."""
    attempts_after_bug: int = 3
    first_delay: timedelta = timedelta(milliseconds=200)
    """Grows by `growth` with every attempt, up to `longest_delay`; each delay is drawn from its upper half."""
    growth: float = 2.0
    longest_delay: timedelta = timedelta(seconds=30)
    capacity: int = 1_000
    """Messages that a queue holds; publishers wait for room. A per-instance queue lets go of its oldest instead."""
    publish_timeout: timedelta = timedelta(seconds=5)
    drain_timeout: timedelta = timedelta(seconds=5)
    """How long `close` waits for running handlers."""
    dead_letters: int = 10_000
    """Kept for each queue."""
    given_up_in_a_row: int = 20
    """So many messages rejected or dead by a bug, or `given_up_share` of the last `given_up_of`, stop a consumer."""
    given_up_share: float = 0.95
    given_up_of: int = 100

    def delay(self, attempt: int) -> float:
        """Seconds to wait after that many attempts."""
        longest = self.longest_delay.total_seconds()
        grown = min(longest, self.first_delay.total_seconds() * self.growth ** min(attempt - 1, 64))
        return grown * random.uniform(0.5, 1.0)  # noqa: S311  # spreads retries, keeps no secret


class Fate(Enum):
    """What becomes of a message after a delivery."""

    DONE = "done"
    AGAIN = "again"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a delivery ended."""

    fate: Fate
    reason: str = ""
    hopeless: bool = False
    """Rejected, or a bug: a later try would not have helped."""


async def attempt(handle: Callable[[], Awaitable[None]], queue: Queue, number: int, policy: DeliveryPolicy) -> Ending:
    """Handle a message, for the `number`th time, and say what becomes of it."""
    try:
        await handle()
    except RejectedMessageError as problem:
        return Ending(Fate.DEAD, str(problem), hopeless=True)
    except Exception as problem:  # the bus's loop: a handler's bug must not end the consumer
        if _passes(problem):
            again = queue.shared and number < policy.attempts
            return Ending(Fate.AGAIN if again else Fate.DEAD, str(problem))
        log.exception("handler failed by a bug", queue=queue.name, attempt=number)
        again = queue.shared and number < policy.attempts_after_bug
        return Ending(Fate.AGAIN if again else Fate.DEAD, repr(problem), hopeless=not again)
    return Ending(Fate.DONE)


def _passes(problem: Exception) -> bool:
    """Whether it lies with a supplier: away, or to be mended by a person (a password, a missing table). The message is good."""
    return isinstance(problem, RetryableError | UnavailableError | SchemaTooNewError) or type(problem) is SupplierError


@dataclass(slots=True)
class Verdicts:
    """How the last messages of a consumer ended."""

    policy: DeliveryPolicy
    _given_up: deque[bool] = field(init=False)
    _in_a_row: int = 0

    def __post_init__(self) -> None:
        self._given_up = deque(maxlen=self.policy.given_up_of)

    def note(self, ending: Ending) -> str | None:
        """Why to stop now: nearly everything is given up, so the code is wrong, not the data. What may work later says nothing."""
        if ending.fate is not Fate.DONE and not ending.hopeless:
            return None
        self._given_up.append(ending.hopeless)
        self._in_a_row = self._in_a_row + 1 if ending.hopeless else 0
        if self._in_a_row >= self.policy.given_up_in_a_row:
            return f"the last {self._in_a_row} messages were all given up"
        total, lost = len(self._given_up), sum(self._given_up)
        if total == self.policy.given_up_of and lost >= self.policy.given_up_share * total:
            return f"{lost} of the last {total} messages were given up"
        return None
