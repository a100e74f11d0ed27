"""Lines to where somebody follows along, a terminal, a pipe or a growing file: never half of one."""

import os
import select
import signal
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from services.gateway_sim.files.lines import json_lines
from services.gateway_sim.files.shown import arrays_of
from shared.ports.errors import UnavailableError
from shared.runtime.cli import UsageError

if TYPE_CHECKING:
    import pandas as pd


class Raw(Protocol):
    """A file without a buffer."""

    def fileno(self) -> int: ...

    def write(self, data: memoryview, /) -> int | None: ...


Show = Callable[["pd.DataFrame"], None]
"""Shows readings in the form of stores."""


def printer(*, copy: Path | None) -> Show:
    """Writes readings as JSON lines to standard output, and to a file as well when one is named.

    Raises `UsageError` where there is no standard output. What it gives raises `UnavailableError` where there is no room, and
    `BrokenPipeError` where nobody reads any more.
    """
    if sys.stdout is None:
        raise UsageError("standard output is closed; send it to a file, or to /dev/null where nobody reads it")
    append = appended_file(copy) if copy is not None else None

    def show(readings: "pd.DataFrame") -> None:
        lines = json_lines(arrays_of(readings))
        if append is not None:
            append(lines)
        try:
            write_lines(getattr(sys.stdout.buffer, "raw", sys.stdout.buffer), lines)
        except BrokenPipeError:
            raise
        except OSError as problem:
            raise UnavailableError(f"standard output cannot be written ({problem.strerror}); free space or send it elsewhere") from None

    return show


def until_nobody_reads(show: Show) -> Show:
    """Shows, and ends this process as SIGTERM does when the reader of standard output has gone."""

    def shown(readings: "pd.DataFrame") -> None:
        try:
            show(readings)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            signal.raise_signal(signal.SIGTERM)

    return shown


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
