"""A history with faults on demand, and beside it the file of labels that tells them.

One process does the work: this is for testing what receives readings, not for filling disks.
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from services.gateway_sim.files.blocks import packed
from services.gateway_sim.files.history import History
from services.gateway_sim.files.lines import csv_lines, json_lines
from services.gateway_sim.files.processes import LONGEST_PIECE, MOST_ROWS
from services.gateway_sim.files.reading_file import Encode, ReadingFile, reading_file
from services.gateway_sim.files.shown import shown
from services.gateway_sim.plant.columns import ReadingArrays
from services.gateway_sim.plant.equipment import Home
from services.gateway_sim.plant.fault_injection import FaultInjector
from services.gateway_sim.plant.fault_labels import FaultLabels, labels_of
from services.gateway_sim.plant.faults import Faults
from services.gateway_sim.plant.home import pieces, simulate
from shared.runtime.files import whole_or_none
from shared.runtime.progress import Advance, Bar

_MICROSECOND = timedelta(microseconds=1)


def labels_beside(output: Path) -> Path:
    """`january.faults.csv` for `january.jsonl`."""
    return output.with_suffix(".faults.csv")


def write_faulty_history(
    output: Path, history: History, faults: Faults, *, bar: Bar, tell: Callable[[str], object] = lambda _text: None
) -> tuple[int, int]:
    """Write readings in the order of their delivery and, complete or not at all, their labels; returns the rows of both.

    Text is rounded before it is damaged, so a label's values are those that a reader finds. Raises `UsageError` for a place
    that cannot be written or is full.
    """
    homes = history.recipe(history.text)
    homes(0)  # what is wrong with the homes is told before anything is begun
    labels = labels_beside(output)
    with (
        whole_or_none(labels) as part,
        reading_file(output, until=lambda rows: f"the first {rows:,} delivered", interrupted=tell) as file,
        bar(f"simulating {history.rows:,} readings with faults", history.rows) as advance,
        part.open("w", encoding="utf-8", newline="") as side,
    ):
        labels_of("", "", []).frame().to_csv(side, index=False, lineterminator="\n")
        written = [0, 0]

        def note(found: FaultLabels) -> None:
            frame = found.frame()
            for name in ("timestamp", "delivered_timestamp"):
                frame[name] = frame[name].map(lambda moment: moment.isoformat(), na_action="ignore")
            frame.to_csv(side, index=False, header=False, lineterminator="\n")
            written[1] += len(found)

        for number in range(history.sites):
            written[0] += _write_home(file, homes(number), history, faults, ending=output.suffix, note=note, advance=advance)
    return written[0], written[1]


def _write_home(
    file: ReadingFile, home: Home, history: History, faults: Faults, *, ending: str, note: Callable[[FaultLabels], None], advance: Advance
) -> int:
    injector = FaultInjector(home, faults, step_us=history.grid.step // _MICROSECOND)
    before, encode = _forms(ending)
    grids = pieces(history.grid, min(LONGEST_PIECE, MOST_ROWS * history.grid.step))
    state, rows = None, 0
    for place, grid in enumerate(grids):
        done = simulate(home, grid, state=state)
        state = done.state
        damaged = injector.damage(before(done.arrays), last=place == len(grids) - 1)
        if len(damaged.arrays):
            file.write(encode(damaged.arrays), len(damaged.arrays))
        if len(damaged.labels):
            note(damaged.labels)
        rows += len(damaged.arrays)
        advance(grid.count)
    return rows


def _forms(ending: str) -> tuple[Callable[[ReadingArrays], ReadingArrays], Encode]:
    """What is done to readings before they are damaged, and after."""
    match ending:
        case ".jsonl":
            return shown, lambda arrays: json_lines(arrays, as_they_are=True)
        case ".csv":
            return shown, lambda arrays: csv_lines(arrays, as_they_are=True)
        case _:
            return lambda arrays: arrays, packed
