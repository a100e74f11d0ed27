"""The past of one home or many, simulated into one file."""

import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from services.gateway_sim.files.processes import Recipe, blocks, blocks_of_processes
from services.gateway_sim.files.reading_file import reading_file
from shared.domain.time import TimeGrid, format_instant
from shared.runtime.progress import Bar

_WORTH_PROCESSES = 300_000
"""Readings. Fewer are done before another process has begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Which homes over which steps. Rows are in the order of homes, each home's in the order of time."""

    recipe: Recipe
    text: str
    """What the recipe makes homes of."""
    grid: TimeGrid
    sites: int = 1

    @property
    def rows(self) -> int:
        return self.grid.count * self.sites

    def until(self, rows: int) -> str:
        """How far so many rows go."""
        number, step = divmod(rows - 1, self.grid.count)
        home = self.recipe(self.text)(number)
        return f"until {format_instant(self.grid.start + step * self.grid.step)} of site {home.site_id}"


def write_history(
    output: Path, history: History, *, bar: Bar, tell: Callable[[str], object] = lambda _text: None, processes: int | None = None
) -> None:
    """Write the file, whole or with its finished rows beside it, as `reading_file` does, with a bar in readings.

    `tell` is called once when Ctrl-C or SIGTERM ends the work, with what is kept. None processes: one for each core, where that
    is worth it. Raises `UsageError` for a place that cannot be written or is full.
    """
    homes = history.recipe(history.text)
    homes(0)  # what is wrong with them is told before anything is begun
    if processes is None:
        processes = min(len(os.sched_getaffinity(0)), history.sites) if history.rows >= _WORTH_PROCESSES else 1
    grid, sites, ending = history.grid, history.sites, output.suffix
    if processes == 1:
        work = blocks(homes, grid=grid, sites=sites, ending=ending)
    else:
        work = blocks_of_processes(history.recipe, history.text, grid=grid, sites=sites, ending=ending, processes=processes)
    whose = f" of {history.sites:,} sites" if history.sites > 1 else ""
    with (
        reading_file(output, until=history.until, interrupted=tell) as file,
        bar(f"simulating {history.rows:,} readings{whose}", history.rows) as advance,
        closing(work),
    ):
        for rows, block in work:
            file.write(block, rows)
            advance(rows)
