"""A file of readings, its form picked by its ending: complete under its name, or its finished rows in a file beside it."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from services.gateway_sim.files.blocks import packed
from services.gateway_sim.files.lines import csv_header, csv_lines, json_lines
from services.gateway_sim.files.text import TextFile
from services.gateway_sim.files.working_file import WorkingFile
from services.gateway_sim.plant.columns import ReadingArrays
from shared.runtime.cli import UsageError

ENDINGS = (".jsonl", ".csv", ".parquet")
USUAL_BYTES = {".jsonl": 600, ".csv": 200, ".parquet": 50}
"""Of a reading at five minutes, by ending; rather too few."""

Encode = Callable[[ReadingArrays], bytes]


class ReadingFile(Protocol):
    """Takes blocks that `encoder` of its ending made."""

    @property
    def rows(self) -> int:
        """How many readings stand in the file and stay there whatever comes."""
        ...

    def write(self, block: bytes, count: int, /) -> None:
        """Add so many readings. Raises `OSError` when there is no room."""
        ...

    def finish(self) -> None: ...

    def settle(self) -> None:
        """Make the file whole with the rows that are finished; a file that was not begun is left alone."""
        ...


def too_long_for_its_disk(output: Path, rows: int) -> str | None:
    """What to tell of a file of so many readings that will hardly find room; None where it will, or where it cannot be written."""
    try:
        free = shutil.disk_usage(output.parent).free
    except OSError:
        return None
    size = rows * USUAL_BYTES.get(output.suffix, 0)
    return None if size < free else f"{str(output)!r} needs about {size / 1e9:,.1f} GB, and {free / 1e9:,.1f} GB are free there"


def encoder(ending: str) -> Encode:
    """What makes blocks of readings for a file of that ending: the part of the work that any process can do."""
    return {".jsonl": json_lines, ".csv": csv_lines, ".parquet": packed}[ending]


@contextmanager
def reading_file(output: Path, *, until: Callable[[int], str], interrupted: Callable[[str], object]) -> Iterator[ReadingFile]:
    """Gives a file to write to, which takes the output's place when the block ends without an error.

    Whatever ends it early, a full disk or Ctrl-C, the finished rows are left in the file beside the output, readable.
    `until` says how far a number of rows goes. `interrupted` is told what is kept when something else than the disk ends it.
    Raises `UsageError` for a place that cannot be written, before anything is done, and for one that ran out of room.
    """
    if output.suffix not in ENDINGS:
        raise UsageError(f"--output is {str(output)!r}: its name must end in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}")
    file = WorkingFile(output)
    readings = _opened(file)

    def kept() -> str:
        if not readings.rows:
            return "nothing is kept"
        return f"{readings.rows:,} readings, {until(readings.rows)}, are whole in {str(file.path)!r}"

    try:
        yield readings
        readings.finish()
        file.complete()
    except OSError as problem:
        _leave(file, readings)
        remedy = "free space or choose another folder, then start again"
        raise UsageError(f"--output is {str(output)!r}: not finished ({problem.strerror}); {kept()}; {remedy}") from None
    except BaseException:
        _leave(file, readings)
        interrupted(f"stopped before {str(output)!r} was complete; {kept()}")
        raise
    else:
        file.close(keep=True)


def _opened(file: WorkingFile) -> ReadingFile:
    match file.path.suffix:
        case ".parquet":
            from services.gateway_sim.files.parquet import ParquetFile

            return ParquetFile(file)
        case ".csv":
            return TextFile(file, header=csv_header())
        case _:
            return TextFile(file)


def _leave(file: WorkingFile, readings: ReadingFile) -> None:
    """Keep what is finished; when that is nothing, leave nothing."""
    try:
        if file.is_open:
            readings.settle()
    finally:
        file.close(keep=readings.rows > 0)
