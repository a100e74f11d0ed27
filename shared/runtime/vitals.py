"""What a process knows of its own health."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.ports.bus import MessageBus
from shared.ports.errors import SupplierError
from shared.runtime.arrival import Supplier

ANSWER_SECONDS = 3.0
FRESH_SECONDS = 5.0


@dataclass(slots=True, kw_only=True)
class Vitals:
    """Filled by those who find something out; read by the health page."""

    bus: MessageBus
    stores: Sequence[Supplier]
    stop: asyncio.Event
    steps: dict[str, str] = field(default_factory=dict)
    """Timers whose last run failed, and why."""
    waiting: dict[str, str] = field(default_factory=dict)
    """Suppliers that were not there yet since the process began, and why."""
    _asked: dict[str, tuple[float, str | None]] = field(default_factory=dict, repr=False)
    _asking: dict[str, asyncio.Task[str | None]] = field(default_factory=dict, repr=False)

    async def problems(self) -> dict[str, str]:
        """Why this process cannot do its work at the moment; empty when it can."""
        if self.stop.is_set():
            return {"process": "is stopping"}
        answers = await asyncio.gather(*(self._ask(store) for store in self.stores))
        silent = {store.name: answer for store, answer in zip(self.stores, answers, strict=True) if answer is not None}
        return self.steps | dict(self.bus.failing) | silent | self.waiting

    async def _ask(self, store: Supplier) -> str | None:
        """What is wrong with it, as it was found at most `FRESH_SECONDS` ago. However many ask, it is asked once."""
        now = asyncio.get_running_loop().time()
        when, answer = self._asked.get(store.name, (float("-inf"), None))
        if now - when <= FRESH_SECONDS:
            return answer
        if (task := self._asking.get(store.name)) is None or task.done():
            task = self._asking[store.name] = asyncio.create_task(self._answer(store))
        done, _ = await asyncio.wait([task], timeout=ANSWER_SECONDS)
        return task.result() if done else f"no answer within {ANSWER_SECONDS:g} s"

    async def _answer(self, store: Supplier) -> str | None:
        try:
            await store.ready()
        except SupplierError as problem:
            answer: str | None = str(problem)
        else:
            answer = None
        self._asked[store.name] = (asyncio.get_running_loop().time(), answer)
        return answer
