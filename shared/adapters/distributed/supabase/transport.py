"""HTTP with patience: what may pass is asked again, what a person must mend is raised at once."""

import asyncio
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx

from shared.adapters.distributed.supabase.refusals import Refusals, is_passing, retry_after
from shared.ports.errors import RefusedRowsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a request may take, and how often it is made again."""

    attempts: int = 6
    first_wait: timedelta = timedelta(milliseconds=200)
    """Doubles with each attempt; the wait is drawn between nothing and that (full jitter)."""
    longest_wait: timedelta = timedelta(seconds=10)
    longest_asked: timedelta = timedelta(seconds=30)
    """A server that asks for more (Retry-After) is unavailable; a wait it asks for comes before the drawn one."""
    connect: timedelta = timedelta(seconds=5)
    answer: timedelta = timedelta(seconds=30)

    @property
    def timeout(self) -> httpx.Timeout:
        return httpx.Timeout(self.answer.total_seconds(), connect=self.connect.total_seconds(), pool=None)


class PatientTransport(httpx.AsyncBaseTransport):
    """Every request of ours may be made twice without harm, so all are repeated alike, whatever their method.

    Returns successes alone. Raises `UnavailableError` when patience ends, and for the other answers what `Refusals` says.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport, *, refusals: Refusals, patience: Patience) -> None:
        self._inner = inner
        self._refusals = refusals
        self._patience = patience

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        left, wait, asked = self._patience.attempts, self._patience.first_wait, None
        while True:
            left -= 1
            try:
                response = await self._inner.handle_async_request(request)
                await response.aread()  # a body that is cut is no answer either
            except httpx.RequestError as problem:
                failure, asked = self._refusals.of_silence(problem), None
            else:
                if response.is_success:
                    return response
                failure, asked = self._refusals.of(response), retry_after(response, now=datetime.now(UTC))  # type: ignore[assignment]
                if not is_passing(response.status_code) or isinstance(failure, RefusedRowsError):
                    raise failure
            if left <= 0 or (asked is not None and asked > self._patience.longest_asked):
                raise failure from None
            pause = (asked or timedelta(0)) + wait * random.random()  # noqa: S311  # spreads load, hides nothing
            await asyncio.sleep(pause.total_seconds())
            wait = min(2 * wait, self._patience.longest_wait)

    async def aclose(self) -> None:
        await self._inner.aclose()
