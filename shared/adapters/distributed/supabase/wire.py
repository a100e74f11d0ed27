"""Columns as JSON: instants as whole microseconds, null for a missing number, texts for the infinities."""

from collections.abc import Iterator, Sequence

import numpy as np
import orjson
from numpy.typing import NDArray

from shared.ports.errors import RefusedRowsError

PART = 500
"""Rows in a request."""

Json = object


def encoded(body: Json) -> str:
    """Raises `RefusedRowsError` for a text that is no Unicode."""
    try:
        return orjson.dumps(body).decode()
    except orjson.JSONEncodeError as problem:
        raise RefusedRowsError(f"a row cannot be sent: {problem}") from None


def numbers(values: NDArray[np.float64]) -> list[float | str | None]:
    """One for each value."""
    cells: list[float | str | None] = values.tolist()
    for at in np.flatnonzero(~np.isfinite(values)).tolist():
        cells[at] = None if np.isnan(values[at]) else "Infinity" if values[at] > 0 else "-Infinity"
    return cells


def cut(rows: int) -> Iterator[slice]:
    """Stretches of at most `PART` rows."""
    return (slice(start, start + PART) for start in range(0, rows, PART))


def floats(cells: Sequence[float | str | None] | Sequence[Sequence[float | str | None]]) -> NDArray[np.float64]:
    """The inverse of `numbers`, for a column or the rows of a matrix."""
    return np.array(cells, dtype=np.float64)
