"""Messages handled together: what has come within a moment, in one call, each still done or failed for itself."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from shared.contracts.envelope import Envelope, UnknownEventError
from shared.contracts.events import Event
from shared.ports.errors import RejectedMessageError, RetryableError, UnavailableError
from shared.runtime.logging import correlation

BatchStep = Callable[[Sequence[Event]], Sequence[Sequence[Event]]]
"""Handles messages together; what each of them brought about, in their order."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    envelope: Envelope
    done: "asyncio.Future[Sequence[Event]]"


@dataclass(slots=True, kw_only=True)
class Batcher:
    """Collects messages for a step: at most `most`, or what is there after `linger`. One batch at a time, parsed and handled
    in a thread; what comes meanwhile waits for the next one.
    """

    step: BatchStep
    most: int
    linger: timedelta
    _waiting: deque[_Waiting] = field(default_factory=deque)
    _full: asyncio.Event = field(default_factory=asyncio.Event)
    _runner: "asyncio.Task[None] | None" = None

    async def handle(self, envelope: Envelope) -> Sequence[Event]:
        """What the message brought about. Raises what its handling raised."""
        one = _Waiting(envelope, asyncio.get_running_loop().create_future())
        self._waiting.append(one)
        if len(self._waiting) >= self.most:
            self._full.set()
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._run())
        return await one.done

    async def _run(self) -> None:
        while self._waiting:
            self._full.clear()
            if len(self._waiting) < self.most:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._full.wait(), self.linger.total_seconds())
            batch = [self._waiting.popleft() for _ in range(min(self.most, len(self._waiting)))]
            outcomes = await asyncio.to_thread(self._outcomes, [one.envelope for one in batch])
            for one, outcome in zip(batch, outcomes, strict=True):
                if one.done.done():  # given up meanwhile
                    continue
                if isinstance(outcome, BaseException):
                    one.done.set_exception(outcome)
                else:
                    one.done.set_result(outcome)

    def _outcomes(self, envelopes: Sequence[Envelope]) -> list[Sequence[Event] | Exception]:
        """What each message brought about, or how it failed. Runs in a thread."""
        outcomes: list[Sequence[Event] | Exception] = []
        sound: list[tuple[int, Event]] = []
        for place, envelope in enumerate(envelopes):
            outcomes.append(())
            try:
                sound.append((place, envelope.event()))
            except UnknownEventError as problem:
                outcomes[place] = RejectedMessageError(str(problem))
        if not sound:
            return outcomes
        try:
            with correlation(envelopes[sound[0][0]].correlationid):
                done: Sequence[Sequence[Event] | Exception] = self.step([event for _, event in sound])
        except (UnavailableError, RetryableError) as problem:
            done = [problem] * len(sound)
        except Exception as problem:  # noqa: BLE001  # a worker's loop: one message's bug must not fail the others
            done = [self._alone(event, envelopes[place]) for place, event in sound] if len(sound) > 1 else [problem]
        for (place, _), outcome in zip(sound, done, strict=True):
            outcomes[place] = outcome
        return outcomes

    def _alone(self, event: Event, envelope: Envelope) -> Sequence[Event] | Exception:
        try:
            with correlation(envelope.correlationid):
                (outcome,) = self.step([event])
        except Exception as problem:  # noqa: BLE001  # as above
            return problem
        return outcome
