"""Whose turn it is to ask a supplier: one process at a time, never two questions in a hurry, and a pause after a failure."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

import orjson
from filelock import FileLock, Timeout

from shared.adapters.feeds.asking import BusyError
from shared.domain.time import format_instant, parse_instant
from shared.ports.errors import UnavailableError

PAUSE = timedelta(minutes=1)
"""After a failure."""
LONGEST_PAUSE = timedelta(hours=24)
PATIENCE_SECONDS = 90.0
"""For other processes that ask the same supplier: longer than one question may take."""


class Turns:
    """The turns of one supplier, shared by every process on a state folder."""

    def __init__(self, folder: Path, supplier: str, *, apart: timedelta, sleep: Callable[[float], None] = time.sleep) -> None:
        self._supplier, self._apart, self._sleep = supplier, apart.total_seconds(), sleep
        self._state = folder / f"{supplier}.turn"
        self._asked = folder / f"{supplier}.asked"
        self._lock = FileLock(folder / f"{supplier}.lock", thread_local=False, is_singleton=False)

    @contextmanager
    def held(self, now: datetime) -> Iterator[None]:
        """The supplier is ours alone inside. A failure inside begins a pause, in which entering raises that failure again.

        Raises `UnavailableError` in a pause, and when another process holds the turn for long.
        """
        try:
            self._state.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=PATIENCE_SECONDS)
        except Timeout:
            raise UnavailableError(f"{self._supplier} is being asked by another process; it is asked again later") from None
        except OSError as problem:
            folder = str(self._state.parent)
            raise UnavailableError(
                f"{self._supplier} is not asked: {folder!r} cannot be written ({problem.strerror}); mend the folder"
            ) from None
        try:
            self._require_no_pause(now)
            try:
                yield
            except UnavailableError as problem:
                pause = timedelta(seconds=problem.seconds) if isinstance(problem, BusyError) else PAUSE
                self._write(until=format_instant(now + min(pause, LONGEST_PAUSE)), problem=str(problem))
                raise
            self._write()
        finally:
            self._lock.release()

    def wait(self) -> None:
        """Sleep until the next question is decent. Call it before each, inside `held`."""
        with suppress(OSError):
            since = time.time() - self._asked.stat().st_mtime
            self._sleep(min(self._apart, max(0.0, self._apart - since)))  # a file from the future must not stop anybody for long
        with suppress(OSError):
            self._asked.touch()

    def _require_no_pause(self, now: datetime) -> None:
        try:
            document = orjson.loads(self._state.read_bytes())
            until, problem = parse_instant(document["until"]), str(document["problem"])
        except (OSError, ValueError, KeyError, TypeError):  # never written, works, or damaged
            return
        if now < until <= now + LONGEST_PAUSE:
            raise UnavailableError(problem)

    def _write(self, **state: str) -> None:
        """What is lost when the disk is full is a courtesy."""
        part = self._state.with_suffix(".part")
        with suppress(OSError):
            part.write_bytes(orjson.dumps(state))
            part.replace(self._state)
