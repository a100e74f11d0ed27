"""Homes simulated by several processes at once; what they make comes out in the order of the homes.

Nothing but text and numbers goes to a process, and nothing but bytes comes back. Home `n` is the work of process `n` modulo
their number. Each runs ahead of the reader by a bounded number of bytes, so memory does not grow with the range.
"""

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from threading import Condition, Thread

from services.gateway_sim.files.reading_file import Encode, encoder
from services.gateway_sim.plant.equipment import Home
from services.gateway_sim.plant.home import pieces, simulate
from shared.domain.time import TimeGrid, format_instant, parse_instant
from shared.runtime.cli import UsageError

MOST_ROWS = 30_000
"""Of one block: some 20 MB as JSON lines."""
LONGEST_PIECE = timedelta(days=31)
AHEAD_BYTES = 64_000_000
"""How far a process runs ahead."""
_PIPE_BYTES = 1_048_576
"""What Linux lets anybody have: fewer turns between the two ends."""
_PIPE_SIZE = 1031
"""`F_SETPIPE_SZ` of fcntl, by its number because other systems do not name it."""

Homes = Callable[[int], Home]
"""A home for each number from 0."""
Recipe = Callable[[str], Homes]
"""Makes homes of a text; a function of a module, which another process can import."""

_Share = tuple[Recipe, str, tuple[str, int, int], range, str]
"""Of one process: recipe and text, the grid's start, step in microseconds and count, numbers of homes, ending of the file."""


def blocks(homes: Homes, *, grid: TimeGrid, sites: int, ending: str) -> Generator[tuple[int, bytes]]:
    """The homes' readings over the grid, in the order of homes, then of time: how many, and as `encoder` makes them."""
    encode = encoder(ending)
    for number in range(sites):
        yield from _blocks_of(homes(number), grid, encode)


def blocks_of_processes(
    recipe: Recipe, text: str, *, grid: TimeGrid, sites: int, ending: str, processes: int
) -> Generator[tuple[int, bytes]]:
    """The same as `blocks`, byte for byte, made by so many processes."""
    span = (format_instant(grid.start), grid.step // timedelta(microseconds=1), grid.count)
    shares = [(recipe, text, span, range(first, sites, processes), ending) for first in range(processes)]
    with _started(shares) as running:
        counts = [piece.count for piece in _pieces(grid)]
        for number in range(sites):
            process, connection = running[number % processes]
            for count in counts:
                yield count, received(process, connection)


def _pieces(grid: TimeGrid) -> list[TimeGrid]:
    return pieces(grid, min(LONGEST_PIECE, MOST_ROWS * grid.step))


def _blocks_of(home: Home, grid: TimeGrid, encode: Encode) -> Iterator[tuple[int, bytes]]:
    state = None
    for piece in _pieces(grid):
        done = simulate(home, piece, state=state)
        state = done.state
        yield piece.count, encode(done.arrays)


@contextmanager
def _started(shares: Sequence[_Share]) -> Iterator[list[tuple[BaseProcess, Connection]]]:
    """A process for each share, with the end of its pipe; none of them lives on."""
    context = multiprocessing.get_context("spawn")
    running: list[tuple[BaseProcess, Connection]] = []
    resource_tracker.ensure_running()  # it lets Ctrl-C in again when it begins
    # Ctrl-C reaches all processes of a terminal; only this one answers, and the others inherit that they do not
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        try:
            for share in shares:
                reading, writing = context.Pipe(duplex=False)
                with writing:
                    _widen(writing)
                    process = context.Process(target=_live, args=(writing, share), daemon=True)
                    running.append((process, reading))
                    process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        yield running
    finally:
        for begun, reading in running:
            reading.close()
            if begun.pid is not None:
                begun.kill()
                begun.join()


def received(process: BaseProcess, connection: Connection) -> bytes:
    """The next block of a process. Raises `UsageError` when the system killed it."""
    try:
        return connection.recv_bytes()
    except (EOFError, OSError):  # the latter where it ended within a block
        process.join()
        if process.exitcode == -signal.SIGKILL:
            raise UsageError("a simulating process was killed, as systems do that run out of memory; free some, then start again") from None
        raise RuntimeError(f"a simulating process ended with status {process.exitcode} before its work was done") from None


def _live(connection: Connection, share: _Share) -> None:
    """The life of a process: its homes' blocks into the pipe, until they are done or nobody reads any more."""
    recipe, text, (start, step_us, count), numbers, ending = share
    grid = TimeGrid(start=parse_instant(start), step=timedelta(microseconds=step_us), count=count)
    homes, encode, outbox = recipe(text), encoder(ending), _Outbox(connection)
    for number in numbers:
        for _, block in _blocks_of(homes(number), grid, encode):
            outbox.put(block)
    outbox.close()


class _Outbox:
    """Sends blocks in a thread of its own, so the next is made meanwhile."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._blocks: deque[bytes] = deque()
        self._bytes = 0
        self._changed = Condition()
        self._sender = Thread(target=self._send, daemon=True)
        self._sender.start()

    def put(self, block: bytes) -> None:
        """Leave a block to be sent; waits while too much is waiting."""
        with self._changed:
            self._changed.wait_for(lambda: not self._blocks or self._bytes + len(block) <= AHEAD_BYTES)
            self._blocks.append(block)
            self._bytes += len(block)
            self._changed.notify_all()

    def close(self) -> None:
        """Wait until all is sent."""
        self.put(b"")
        self._sender.join()

    def _send(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._blocks))
                block = self._blocks[0]
            if not block:
                return
            try:
                self._connection.send_bytes(block)
            except OSError:  # nobody reads any more
                os._exit(0)
            with self._changed:
                self._blocks.popleft()
                self._bytes -= len(block)
                self._changed.notify_all()


def _widen(writing: Connection) -> None:
    import fcntl

    with suppress(OSError):
        fcntl.fcntl(writing.fileno(), _PIPE_SIZE, _PIPE_BYTES)
