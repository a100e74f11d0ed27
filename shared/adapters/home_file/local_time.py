"""Wall-clock times of a zone as UTC: the hour that comes twice is told apart by its order, the hour that never comes is an error."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from shared.adapters.home_file.moments import Stamps
from shared.adapters.home_file.table import Table
from shared.domain.errors import InvalidValueError


def utc_from_local(table: Table, stamps: Stamps, timezone: str) -> tuple[Stamps, tuple[str, ...]]:
    """UTC of wall-clock times, in the order of the file. Raises `InvalidValueError` naming a line that no clock there shows."""
    local = pd.Series(stamps).astype("datetime64[us]")
    filled = local.notna().to_numpy()
    summer = np.ones(len(local), dtype=bool)
    exists = local.dt.tz_localize(timezone, ambiguous=summer, nonexistent="NaT").notna().to_numpy()
    if (filled & ~exists).any():
        bad = int((filled & ~exists).argmax())
        raise InvalidValueError(
            f"time at {table.where(bad)}",
            str(local.iloc[bad]),
            f"does not exist in {timezone}, the clock jumps over it; {_fixed(timezone, local.iloc[bad])}",
        )
    twice = filled & local.dt.tz_localize(timezone, ambiguous="NaT", nonexistent="shift_forward").isna().to_numpy()
    notes: tuple[str, ...] = ()
    if twice.any():
        summer[twice] = _first_time(table, stamps[twice], np.flatnonzero(twice), timezone, descending=_descending(stamps))
        notes = (f"{int(twice.sum())} rows in the hour that comes twice in autumn were told apart by their order",)
    utc = local.dt.tz_localize(timezone, ambiguous=summer, nonexistent="NaT").dt.tz_convert("UTC").dt.tz_localize(None)
    return utc.to_numpy(dtype="datetime64[us]"), notes


def _fixed(timezone: str, moment: pd.Timestamp) -> str:
    """What to try when a file's clock does not follow the zone's summer time."""
    before = (moment - pd.Timedelta(days=1)).to_pydatetime().replace(tzinfo=ZoneInfo(timezone)).utcoffset() or timedelta(0)
    hours = before / timedelta(hours=1)
    if hours == int(hours):
        name = "UTC" if hours == 0 else f"Etc/GMT{-int(hours):+d}"
        return f"correct the line, or if the file has no summer time try --timezone {name}"
    return "correct the line, or if the file has no summer time write its times with an offset"


def _descending(stamps: Stamps) -> bool:
    steps = np.diff(stamps[~np.isnat(stamps)]).astype(np.int64)
    return bool((steps < 0).sum() > (steps > 0).sum())


def _first_time(table: Table, local: Stamps, rows: np.ndarray, timezone: str, *, descending: bool) -> np.ndarray:
    """For rows of the doubled hour: True where it comes the first time (summer time). All arrays have shape (rows,)."""
    if descending:
        return _first_time(table, local[::-1], rows[::-1], timezone, descending=False)[::-1]
    first = np.ones(len(local), dtype=bool)
    days = local.astype("datetime64[D]")
    for day in np.unique(days):
        inside = np.flatnonzero(days == day)
        back = np.cumsum(np.diff(local[inside], prepend=local[inside[0]] - np.timedelta64(1, "us")).astype(np.int64) <= 0)
        if back[-1] <= 1:
            first[inside] = back == 0
            continue
        # not in order of time: the first of two equal times is the first hour
        nth = pd.Series(local[inside]).groupby(local[inside]).cumcount().to_numpy()
        if nth.max() > 1:
            bad = int(rows[inside[int((nth > 1).argmax())]])
            raise InvalidValueError(
                f"time at {table.where(bad)}", str(pd.Timestamp(local[inside[int((nth > 1).argmax())]])),
                f"stands there more than twice and comes only twice in {timezone}; remove the repeated lines or write times with an offset",
            )  # fmt: skip
        first[inside] = nth == 0
    return first
