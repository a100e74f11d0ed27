"""A progress bar for long work, on standard error; plain lines where that is not a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Advance = Callable[[int], None]
Bar = Callable[[str, int], AbstractContextManager[Advance]]
"""Takes a description and the total amount of work."""


@contextmanager
def progress(description: str, total: int) -> Iterator[Advance]:
    """Call what it gives with the amount of work just done. Outside a terminal one line tells the start and one the end."""
    console = Console(file=sys.stderr)
    if not console.is_terminal:
        print(f"{description} ...", file=sys.stderr, flush=True)
        yield lambda _amount: None
        print(f"{description}: done", file=sys.stderr, flush=True)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(description, total=total)
        yield lambda amount: bar.advance(task, amount)


@contextmanager
def silent(_description: str, _total: int) -> Iterator[Advance]:
    """No bar at all: for work in the background."""
    yield lambda _amount: None
