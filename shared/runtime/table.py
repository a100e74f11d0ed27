"""Tables for people: drawn on a terminal, aligned plain text anywhere else."""

import sys
from collections.abc import Sequence
from datetime import datetime, timedelta

from rich.console import Console
from rich.table import Table


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Rows of cells under their headings, on standard output; None is a dash, moments are UTC to the second."""
    cells = [[_cell(value) for value in row] for row in rows]
    console = Console()
    if console.is_terminal:
        table = Table(*columns)
        for line in cells:
            table.add_row(*line)
        console.print(table)
        return
    widths = [max(len(line[index]) for line in [list(columns), *cells]) for index in range(len(columns))]
    for line in [list(columns), *cells]:
        sys.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n")


def _cell(value: object) -> str:
    match value:
        case None | "":
            return "-"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S}"
        case timedelta():
            return str(timedelta(seconds=round(value.total_seconds())))
        case float():
            return f"{value:g}"
        case _:
            return str(value)
