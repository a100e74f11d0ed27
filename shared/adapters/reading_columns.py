"""A frame of readings as checked columns in the order of their key: what every store makes of it before it writes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shared.adapters.embedded.columns import column_micros, require_columns
from shared.domain.errors import InvalidValueError
from shared.domain.reading import KEY_COLUMNS, READING_COLUMNS, TEXT_COLUMNS, VALUE_COLUMNS


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingColumns:
    """Readings sorted by site, device and timestamp, each key once. Arrays have one entry for each row."""

    sites: NDArray[np.int64]
    """Indices into `site_names`, which are sorted."""
    site_names: list[str]
    devices: NDArray[np.int64]
    device_names: list[str]
    stamps: NDArray[np.int64]
    """Microseconds since the epoch."""
    numbers: NDArray[np.float64]
    """Shape (rows, `VALUE_COLUMNS`), NaN for missing."""
    texts: dict[str, list[str | None]]
    """By the names of `TEXT_COLUMNS`."""
    quality: NDArray[np.int64]
    starts: NDArray[np.int64]
    """Where the rows of each site and device begin."""

    def __len__(self) -> int:
        return len(self.stamps)

    @property
    def ends(self) -> NDArray[np.int64]:
        return np.append(self.starts[1:], len(self))[: len(self.starts)]


def reading_columns(readings: pd.DataFrame) -> ReadingColumns:
    """Of a key that comes twice the last row wins. Raises `InvalidValueError` for a misshapen frame."""
    require_columns(readings, READING_COLUMNS)
    stamps = column_micros(readings, "timestamp")
    sites, site_names = _codes(readings, "site_id")
    devices, device_names = _codes(readings, "device_id")
    group = sites * len(device_names) + devices
    order = np.lexsort((stamps, group))  # stable: of equal keys the last row of the frame stands last
    group, ordered = group[order], stamps[order]
    newest = np.append((group[1:] != group[:-1]) | (ordered[1:] != ordered[:-1]), True)[: len(order)]
    group, order = group[newest], order[newest]
    return ReadingColumns(
        sites=sites[order],
        site_names=site_names,
        devices=devices[order],
        device_names=device_names,
        stamps=stamps[order],
        numbers=_numbers(readings)[order],
        texts={name: _texts(readings, name, order) for name in TEXT_COLUMNS},
        quality=_flags(readings)[order],
        starts=np.flatnonzero(np.diff(group, prepend=-1)),
    )


def chosen(columns: Sequence[str] | None) -> Sequence[str]:
    """The key columns and the given ones (None: all). Raises `KeyError` for an unknown one."""
    names = READING_COLUMNS if columns is None else (*KEY_COLUMNS, *(name for name in columns if name not in KEY_COLUMNS))
    unknown = [name for name in names if name not in READING_COLUMNS]
    if unknown:
        raise KeyError(f"readings have no column {', '.join(unknown)}")
    return names


def _codes(frame: pd.DataFrame, name: str) -> tuple[NDArray[np.int64], list[str]]:
    """A column of texts as numbers, sorted by text, and the texts."""
    codes, names = pd.factorize(frame[name], sort=True)
    texts = list(names)
    if (codes < 0).any() or not all(isinstance(text, str) and text for text in texts):
        raise InvalidValueError(name, "missing or no text", "every row needs one")
    return codes.astype(np.int64), texts


def _numbers(frame: pd.DataFrame) -> NDArray[np.float64]:
    """The values, shape (rows, values)."""
    try:
        return frame[list(VALUE_COLUMNS)].to_numpy(dtype=np.float64)
    except (TypeError, ValueError):
        wrong = [name for name in VALUE_COLUMNS if not pd.api.types.is_numeric_dtype(frame[name].dtype)]
        raise InvalidValueError("columns", ", ".join(wrong), "must hold numbers") from None


def _flags(frame: pd.DataFrame) -> NDArray[np.int64]:
    column = frame["quality"]
    if not pd.api.types.is_numeric_dtype(column.dtype) or column.isna().any():
        raise InvalidValueError("quality", str(column.dtype), "must be whole numbers, 0 for good, none missing")
    return column.to_numpy(dtype=np.int64)


def _texts(frame: pd.DataFrame, name: str, order: NDArray[np.int64]) -> list[str | None]:
    texts = frame[name].tolist()
    return [texts[at] if isinstance(texts[at], str) else None for at in order.tolist()]
