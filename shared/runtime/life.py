"""How a process lives and ends: until SIGTERM or Ctrl-C, then within a bounded time."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn

from shared.runtime.logging import logger
from shared.runtime.resources import Resources
from shared.runtime.worker import Parts, Worker

PATIENCE_SECONDS = 5.0

Companion = Callable[[asyncio.Event], Awaitable[None]]
"""Something that lives beside the worker, such as an HTTP server; it returns soon after the event is set."""


def run_until_signalled(resources: Resources, parts: Sequence[Parts], *, companions: Sequence[Companion] = ()) -> int:
    """Live with these parts until SIGTERM or Ctrl-C, then let what is under way finish; returns the exit status.

    A step that takes longer than `PATIENCE_SECONDS` to finish is abandoned: every write is one transaction and every
    step begins where its watermark stands, so the next start does it again.
    """
    asyncio.run(_live(resources, parts, companions))
    return 0


async def _live(resources: Resources, parts: Sequence[Parts], companions: Sequence[Companion]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    worker = Worker(bus=resources.bus, clock=resources.clock, parts=parts)
    tasks = [asyncio.ensure_future(work) for work in (worker.run(stop), *(companion(stop) for companion in companions))]
    # a part that ends by itself or fails ends the process; the others are told to stop
    await asyncio.wait([*tasks, ending := asyncio.ensure_future(stop.wait())], return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    await ending
    _, late = await asyncio.wait(tasks, timeout=PATIENCE_SECONDS)
    if late:
        logger("runtime").warning("a step was still under way and is abandoned; the next start does it again")
        _leave()
    await resources.bus.close()
    for task in tasks:
        task.result()


def _leave() -> NoReturn:
    """End at once, without waiting for threads that compute: nothing that they hold is half-written."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
