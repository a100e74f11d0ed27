"""Waiting for the servers that a process needs: a line when it begins to wait, a line when they are there, never a restart."""

import asyncio
import random
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from shared.ports.errors import UnavailableError
from shared.runtime.logging import logger

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplier:
    """Something outside this process that it needs."""

    name: str
    """As a health page calls it: `bus`, `cloud store`."""
    ready: Callable[[], Awaitable[object]]
    """Returns when it answers. Raises `UnavailableError` while waiting may help, another `SupplierError` when a person must act."""


async def arrive(supplier: Supplier, stop: asyncio.Event, waiting: dict[str, str]) -> bool:
    """Wait until the supplier is there; False when `stop` was set before. Why it waits stands in `waiting`, each reason once in the log."""
    pause, said = FIRST_PAUSE_SECONDS, set[str]()
    stopping = asyncio.ensure_future(stop.wait())
    try:
        while not stop.is_set():
            asking = asyncio.ensure_future(supplier.ready())
            await asyncio.wait([asking, stopping], return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                asking.cancel()
                await asyncio.wait([asking], timeout=1.0)  # it lets go of what it holds
                return False
            try:
                asking.result()
            except UnavailableError as problem:
                if str(problem) not in said:
                    said.add(str(problem))
                    logger("runtime").warning("waiting for a server that this program needs", server=supplier.name, reason=str(problem))
                waiting[supplier.name] = str(problem)
            else:
                if waiting.pop(supplier.name, None) is not None:
                    logger("runtime").info("the server is there", server=supplier.name)
                return True
            await asyncio.wait([stopping], timeout=pause * random.uniform(0.5, 1.0))  # noqa: S311  # spreads many processes
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        return False
    finally:
        stopping.cancel()


async def aside(question: Callable[[], object]) -> None:
    """Ask in a thread that nobody waits for at the end of the process, should no answer come."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[None] = loop.create_future()

    def tell(problem: BaseException | None) -> None:
        if answer.done():  # whoever asked has gone
            return
        if problem is None:
            answer.set_result(None)
        else:
            answer.set_exception(problem)

    def ask() -> None:
        problem: BaseException | None = None
        try:
            question()
        except Exception as raised:  # noqa: BLE001  # whatever it is, it is raised where the answer is awaited
            problem = raised
        if not loop.is_closed():
            loop.call_soon_threadsafe(tell, problem)

    threading.Thread(target=ask, daemon=True).start()
    await answer
