"""Readings as InfluxDB's line protocol.

One measurement, tags `site_id` and `device_id`, a field of its own for each value. Two fields are in every point:
`quality`, without which a reading of missing values alone would not exist, and `present`, a bit for each value that the
reading has. InfluxDB merges a point written again field by field, so a value that has become missing would come back
from the older point; `present` says which values are of the newest one.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shared.adapters.embedded.columns import column_micros, require_columns
from shared.domain.errors import InvalidValueError, require_identifier
from shared.domain.reading import KEY_COLUMNS, READING_COLUMNS, TEXT_COLUMNS, VALUE_COLUMNS

MEASUREMENT = "reading"
PRESENT = "present"
FIRST_US, LAST_US = -(2**63) // 1000 + 2, (2**63 - 1) // 1000 - 1
"""What InfluxDB's clock of 64 bits of nanoseconds can hold, in microseconds: the years 1677 to 2262."""

FIELD_COLUMNS = (*VALUE_COLUMNS, *TEXT_COLUMNS)
"""The bits of `present`, the lowest first."""


def lines(readings: pd.DataFrame) -> Iterator[str]:
    """One line for each reading, oldest first, timestamps in microseconds; of a key that comes twice the last row.

    Raises `InvalidValueError` before the first line for a frame that cannot be written.
    """
    require_columns(readings, READING_COLUMNS)
    stamps = column_micros(readings, "timestamp")
    if len(stamps) and (stamps.min() < FIRST_US or stamps.max() > LAST_US):
        raise InvalidValueError("timestamp", str(readings["timestamp"].min()), "must be between the years 1678 and 2262")
    frame = readings.assign(timestamp=stamps).drop_duplicates(list(KEY_COLUMNS), keep="last").sort_values("timestamp", kind="stable")
    tags = _tags(frame)
    values = _numbers(frame)
    texts = [[quoted(text) if isinstance(text, str) else None for text in frame[name]] for name in TEXT_COLUMNS]
    flags = _flags(frame)
    return _formatted(tags, values, texts, flags, frame["timestamp"].tolist())


def _tags(frame: pd.DataFrame) -> list[str]:
    """Measurement and tags of each row. Identifiers have no character that the protocol would have to escape."""
    known: dict[tuple[object, object], str] = {}
    for site_id, device_id in {*zip(frame["site_id"], frame["device_id"], strict=True)}:
        for name, value in (("site_id", site_id), ("device_id", device_id)):
            if not isinstance(value, str):
                raise InvalidValueError(name, "missing or no text", "every row needs one")
            require_identifier(name, value)
        known[site_id, device_id] = f"{MEASUREMENT},device_id={device_id},site_id={site_id} "
    return [known[key] for key in zip(frame["site_id"], frame["device_id"], strict=True)]


def _numbers(frame: pd.DataFrame) -> NDArray[np.float64]:
    """The values, shape (rows, values)."""
    try:
        values = frame[list(VALUE_COLUMNS)].to_numpy(dtype=np.float64)
    except (TypeError, ValueError):
        wrong = [name for name in VALUE_COLUMNS if not pd.api.types.is_numeric_dtype(frame[name].dtype)]
        raise InvalidValueError("columns", ", ".join(wrong), "must hold numbers") from None
    if np.isinf(values).any():
        wrong = [name for name, column in zip(VALUE_COLUMNS, values.T, strict=True) if np.isinf(column).any()]
        raise InvalidValueError("columns", ", ".join(wrong), "hold infinities, which InfluxDB cannot store; write NaN for missing")
    return values


def _flags(frame: pd.DataFrame) -> list[int]:
    column = frame["quality"]
    if not pd.api.types.is_numeric_dtype(column.dtype) or column.isna().any():
        raise InvalidValueError("quality", str(column.dtype), "must be whole numbers, 0 for good, none missing")
    return [int(flag) for flag in column.tolist()]


def _formatted(
    tags: Sequence[str], values: NDArray[np.float64], texts: Sequence[Sequence[str | None]], flags: Sequence[int], stamps: Sequence[int]
) -> Iterator[str]:
    # a float's repr always has a point or an exponent, so a field never becomes one of whole numbers; NaN is not itself
    for tag, row, words, flag, stamp in zip(tags, values.tolist(), zip(*texts, strict=True), flags, stamps, strict=True):
        cells: list[object] = [value if value == value else None for value in row] + list(words)  # noqa: PLR0124
        fields = [f"{name}={cell}" for name, cell in zip(FIELD_COLUMNS, cells, strict=True) if cell is not None]
        present = sum(1 << bit for bit, cell in enumerate(cells) if cell is not None)
        yield f"{tag}{','.join([*fields, f'quality={flag}i', f'{PRESENT}={present}i'])} {stamp}"


def quoted(text: str) -> str:
    """A text as a field's value."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
