"""How often and how long a bus tries, and when it gives a consumer up."""

import random
from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta


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


@dataclass(slots=True)
class Verdicts:
    """How the last messages of a consumer ended."""

    policy: DeliveryPolicy
    _given_up: deque[bool] = field(init=False)
    _in_a_row: int = 0

    def __post_init__(self) -> None:
        self._given_up = deque(maxlen=self.policy.given_up_of)

    def note(self, *, given_up: bool) -> None:
        self._given_up.append(given_up)
        self._in_a_row = self._in_a_row + 1 if given_up else 0

    @property
    def hopeless(self) -> str | None:
        """Why to stop: nearly everything is given up, so the code is wrong, not the data."""
        if self._in_a_row >= self.policy.given_up_in_a_row:
            return f"the last {self._in_a_row} messages were all given up"
        total, lost = len(self._given_up), sum(self._given_up)
        if total == self.policy.given_up_of and lost >= self.policy.given_up_share * total:
            return f"{lost} of the last {total} messages were given up"
        return None
