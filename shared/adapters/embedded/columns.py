"""Between columns of frames and SQLite's integers: instants are microseconds since the epoch."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shared.domain.errors import InvalidValueError
from shared.domain.time import EPOCH, Interval, as_utc

_MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """Microseconds since the epoch. Raises `InvalidValueError` for a moment without an offset."""
    return (as_utc(moment) - EPOCH) // _MICROSECOND


def moment(count: int) -> datetime:
    """The inverse of `micros`."""
    return EPOCH + count * _MICROSECOND


def closed(first: int, last: int) -> Interval:
    """The interval from a first to just after a last timestamp."""
    return Interval(start=moment(first), end=moment(last + 1))


def column_micros(frame: pd.DataFrame, name: str) -> NDArray[np.int64]:
    """A column of instants, shape (rows,). Raises `InvalidValueError` when it has no zone or lacks a value."""
    column = frame[name]
    if not len(column):
        return np.empty(0, dtype=np.int64)
    if not isinstance(column.dtype, pd.DatetimeTZDtype):
        raise InvalidValueError(name, str(column.dtype), "must be a column of UTC times such as datetime64[us, UTC]")
    if column.isna().any():
        raise InvalidValueError(name, "missing", "every row needs a time")
    return column.to_numpy(dtype="datetime64[us]").astype(np.int64)


def utc_column(counts: Sequence[int] | NDArray[np.int64]) -> pd.DatetimeIndex:
    """Instants as `datetime64[us, UTC]`."""
    return pd.DatetimeIndex(np.asarray(counts, dtype=np.int64).view("datetime64[us]")).tz_localize("UTC")


def floats(values: Sequence[float | None]) -> NDArray[np.float64]:
    """Numbers with NaN for NULL."""
    return np.array(values, dtype=np.float64)


def require_columns(frame: pd.DataFrame, names: Sequence[str]) -> None:
    """Raise `InvalidValueError` naming the columns that are not there."""
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise InvalidValueError("columns", ", ".join(missing), "are missing from the frame")
