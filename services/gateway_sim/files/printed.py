"""Lines to where somebody follows along, a terminal, a pipe or a growing file: never half of one."""

import os
import select
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from shared.ports.errors import UnavailableError
from shared.runtime.cli import UsageError


class Raw(Protocol):
    """A file without a buffer."""

    def fileno(self) -> int: ...

    def write(self, data: memoryview, /) -> int | None: ...


def write_lines(file: Raw, lines: bytes) -> None:
    """Write line by line: what a pipe takes at once it takes whole (POSIX: up to 4,096 bytes), and a file loses what was cut short.

    Nothing stays in a buffer, so a process that must end while its reader does not read leaves no half of a line.
    Raises `OSError`.
    """
    for line in lines.splitlines(keepends=True):
        _write_line(file, memoryview(line))


def appended_file(path: Path) -> Callable[[bytes], None]:
    """Gives a function that adds lines to a file, opened for each call so that it can be moved away in between.

    Raises `UsageError` at once for a place that cannot be written; the function raises `UnavailableError`.
    """

    def append(lines: bytes) -> None:
        try:
            with path.open("ab", buffering=0) as file:
                write_lines(file, lines)
        except OSError as problem:
            raise UnavailableError(
                f"output_file {str(path)!r} cannot be written ({problem.strerror}); free space or correct it in the configuration"
            ) from None

    try:
        append(b"")
    except UnavailableError as problem:
        raise UsageError(str(problem)) from None
    return append


def _write_line(file: Raw, rest: memoryview) -> None:
    length = len(rest)
    try:
        while rest:
            written = file.write(rest)
            if written is None:  # a pipe that somebody told not to wait
                select.select([], [file.fileno()], [])
            else:
                rest = rest[written:]
    except OSError:
        if len(rest) < length and stat.S_ISREG((state := os.fstat(file.fileno())).st_mode):
            os.ftruncate(file.fileno(), state.st_size - (length - len(rest)))
        raise
