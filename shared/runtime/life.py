"""How a process lives and ends: until SIGTERM or Ctrl-C, then within a bounded time."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import NoReturn

from shared.runtime.arrival import Supplier, arrive
from shared.runtime.logging import logger
from shared.runtime.resources import Resources
from shared.runtime.vitals import Vitals
from shared.runtime.worker import Parts, Worker

PATIENCE_SECONDS = 5.0
FAREWELL_SECONDS = 2.0
"""For the bus to be closed, besides what is left of the patience."""
YOUNG_OBJECTS = 20_000
"""Made and not yet freed, before those are collected: a message of 200 readings makes about 5,000. Python's own: 700."""

Companion = Callable[[asyncio.Event], Awaitable[None]]
"""Something that lives beside the worker, such as an HTTP server; it returns soon after the event is set."""


def run_until_signalled(resources: Resources, parts: Sequence[Parts], *, companions: Sequence[Companion] = ()) -> int:
    """Live with these parts until SIGTERM or Ctrl-C, then let what is under way finish; returns the exit status.

    Timers begin when the stores are there (at once where all parts work alone), messages are taken when the bus is there; what a
    person must mend, such as a wrong password, ends the process with its error. A step that takes longer than `PATIENCE_SECONDS`
    to finish is abandoned: every write is one transaction and every step begins where its watermark stands, so the next start
    does it again.
    """
    spare_collections()
    asyncio.run(_live(resources, parts, companions))
    return 0


def spare_collections() -> None:
    """Leave what is loaded by now out of every later garbage collection, and collect less often.

    A message of readings makes thousands of lists and numbers at once: by default every message sets off collections that look
    at all modules again, which took a quarter of the time of ingestion.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)


async def _live(resources: Resources, parts: Sequence[Parts], companions: Sequence[Companion]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    vitals = Vitals(bus=resources.bus, stores=[*resources.stores(), *(need for part in parts for need in part.needs)], stop=stop)
    worker = Worker(bus=resources.bus, clock=resources.clock, parts=parts, failing=vitals.steps)
    async with _health_page(resources, worker, vitals):
        work = (_listening(worker, vitals), _ticking(worker, vitals), *(companion(stop) for companion in companions))
        tasks = [asyncio.ensure_future(part) for part in work]
        # a part that ends by itself or fails ends the process; the others are told to stop
        await asyncio.wait([*tasks, ending := asyncio.ensure_future(stop.wait())], return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        await ending
        told = loop.time()
        _, late = await asyncio.wait(tasks, timeout=PATIENCE_SECONDS)
        if late:
            logger("runtime").warning("a step was still under way and is abandoned; the next start does it again")
            _leave()
        closing = asyncio.ensure_future(resources.bus.close())
        _, late = await asyncio.wait([closing], timeout=told + PATIENCE_SECONDS + FAREWELL_SECONDS - loop.time())
        if late:
            logger("runtime").warning("a message was still under way and goes back to its queue")
            _leave()
        closing.result()
    for task in tasks:
        task.result()


async def _listening(worker: Worker, vitals: Vitals) -> None:
    if await arrive(Supplier(name="bus", ready=worker.listen), vitals.stop, vitals.waiting):
        await vitals.stop.wait()


async def _ticking(worker: Worker, vitals: Vitals) -> None:
    for store in () if all(part.alone for part in worker.parts) else vitals.stores:
        if not await arrive(store, vitals.stop, vitals.waiting):
            return
    await worker.tick(vitals.stop)


def _health_page(resources: Resources, worker: Worker, vitals: Vitals) -> AbstractAsyncContextManager[None]:
    """Where one is asked for, the worker's bus and parts are counted. Without one its libraries are not even imported."""
    if resources.health_address is None:
        return nullcontext()
    from shared.runtime.health import HealthPage

    page = HealthPage(*resources.health_address, vitals)
    worker.bus, worker.parts = page.bus, page.parts(worker.parts)
    return page.served()


def _leave() -> NoReturn:
    """End at once, without waiting for threads that compute: nothing that they hold is half-written."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
