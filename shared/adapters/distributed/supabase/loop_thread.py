"""An event loop in a thread of its own: where asynchronous code works for synchronous callers."""

import asyncio
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

Answer = TypeVar("Answer")


class LoopThread:
    """Begins when it is first used, and anew after `stop` or a fork (a thread does not survive one)."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._guard = threading.Lock()
        self._running: tuple[asyncio.AbstractEventLoop, threading.Thread, int] | None = None

    def run(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """Wait for the answer. Who is interrupted meanwhile leaves nothing running."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop())
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def stop(self) -> None:
        """End what still runs on it, and the thread."""
        with self._guard:
            running, self._running = self._running, None
        if running is None or running[2] != os.getpid():
            return
        loop, thread, _ = running
        asyncio.run_coroutine_threadsafe(_cancel_all(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    def _loop(self) -> asyncio.AbstractEventLoop:
        with self._guard:
            if self._running is None or self._running[2] != os.getpid():
                loop = asyncio.new_event_loop()
                thread = threading.Thread(target=loop.run_forever, name=self._name, daemon=True)
                thread.start()
                self._running = loop, thread, os.getpid()
            return self._running[0]


async def _cancel_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
