"""Another process that writes batches of four readings and says over a pipe which are acknowledged."""

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from tests.contract.implementations import CLOUD_STORES, EDGE_STORES
from tests.factories import NOON, readings

START = datetime(2024, 6, 15, tzinfo=UTC)
ROWS = 4

# forked from a small server, not from the tests with their threads; started once, so libraries are imported once
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.contract.writer"])


@dataclass(frozen=True)
class Writer:
    """A running writer."""

    process: BaseProcess
    pipe: Connection

    def acknowledged(self, count: int) -> list[int]:
        """The next numbers of batches that it was told are stored, at most so many; fewer when it ended."""
        numbers: list[int] = []
        while len(numbers) < count and self.pipe.poll(60):
            try:
                numbers.append(self.pipe.recv())
            except EOFError:
                break
        return numbers


@contextmanager
def writing(kind: str, name: str, folder: Path, device: str, batches: int) -> Iterator[Writer]:
    """A process that writes that many batches to a store; killed at the end if it still runs."""
    ours, theirs = _processes.Pipe(duplex=False)
    process = _processes.Process(target=_write, args=((kind, name), folder, device, batches, theirs))
    process.start()
    theirs.close()
    try:
        yield Writer(process, ours)
    finally:
        process.kill()
        process.join()
        ours.close()


def _write(implementation: tuple[str, str], folder: Path, device: str, batches: int, pipe: Connection) -> None:
    kind, name = implementation
    with {"edge": EDGE_STORES, "cloud": CLOUD_STORES}[kind][name](folder) as store:
        for number in range(batches):
            frame = readings(start=START + number * timedelta(hours=1), hours=1, device_id=device)
            if kind == "edge":
                store.write(frame)
            else:
                store.readings.upsert(frame, stored_at=NOON)
            pipe.send(number)
