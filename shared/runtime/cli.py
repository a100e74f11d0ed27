"""What every command line of ours shares: help that teaches by example, one clear line for a wrong value, exit status 2."""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from shared.domain.errors import InvalidValueError
from shared.ports.errors import SupplierError

USAGE_STATUS = 2


class UsageError(Exception):
    """Something the person at the keyboard can put right. Its text is one line: what, the value, the remedy."""


class ProblemsError(UsageError):
    """Several things at once, such as all that is wrong in a file: a heading, and a line for each."""

    def __init__(self, heading: str, problems: Sequence[str]) -> None:
        self.lines = [heading, *problems]
        super().__init__("\n  ".join(self.lines))


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line and whose help shows examples as they are written."""

    def __init__(self, *, examples: str = "", **options: object) -> None:
        options.setdefault("epilog", f"examples:\n{examples}" if examples else None)
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        options.setdefault("allow_abbrev", False)
        super().__init__(**options)  # type: ignore[arg-type]

    def error(self, message: str) -> None:  # type: ignore[override]
        self.exit(USAGE_STATUS, f"{self.prog}: {message} (see {self.prog} --help)\n")


def run(program: str, body: Callable[[], int | None]) -> int:
    """The exit status of a command: what the body returns, or 2 after one line on standard error for what a person can mend."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        status = body() or 0
        if sys.stdout is not None:  # some start programs without one
            sys.stdout.flush()  # here, where a reader that has gone can still be handled
    except ProblemsError as problem:
        print("\n  ".join([f"{program}: {_one_line(problem.lines[0])}", *map(_one_line, problem.lines[1:])]), file=sys.stderr)
        return USAGE_STATUS
    except (UsageError, InvalidValueError, SupplierError) as problem:
        print(f"{program}: {_one_line(str(problem))}", file=sys.stderr)
        return USAGE_STATUS
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # the reader of our output has gone: keep the interpreter from complaining about it once more at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    else:
        return status
    finally:
        if before is signal.SIG_DFL:
            signal.signal(signal.SIGINT, before)  # at the interpreter's end, too, Ctrl-C prints no traceback


def _one_line(text: str) -> str:
    """Of what a terminal shows: a name in a file must not steer it."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in " ".join(text.split()))


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Inside, SIGTERM ends the command as Ctrl-C does: what is under way is put in order first; the exit status is 143."""

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def positive(kind: Callable[[str], float]) -> Callable[[str], float]:
    """An argparse type: a number above zero."""

    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a {'whole ' if kind is int else ''}number") from None
        if not 0 < value < float("inf"):
            raise argparse.ArgumentTypeError(f"{text} must be above 0")
        return value

    return parse


def folder(text: str) -> Path:
    """An argparse type: the name of a folder, there or not."""
    if not text.strip():
        raise argparse.ArgumentTypeError("is empty; name a folder")  # an empty path would be the current folder
    return Path(text)


def readable_file(text: str) -> Path:
    """An argparse type: a file that is there and can be read."""
    path = Path(text)
    try:
        there = path.is_file()
    except OSError:  # a name that is too long, a folder that may not be entered
        there = False
    if not there:
        raise argparse.ArgumentTypeError(f"no file {text!r}; give the path of an existing file")
    if not os.access(path, os.R_OK):
        raise argparse.ArgumentTypeError(f"{text!r} may not be read by this user; change its permissions")
    return path
