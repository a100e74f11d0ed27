"""Readings on a site's regular grid: mean power of each step, and how much of the step was measured."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shared.domain.reading import FIELDS
from shared.domain.time import Instants, TimeGrid, instant64

Values = NDArray[np.float64]

LEAST_SHARE = 0.5
"""A step has a value when at least this share of it was measured."""
LONGEST_SPACING = timedelta(hours=1)
"""The longest time for which one reading speaks."""
GONE_AFTER = timedelta(hours=24)
"""A device that was silent for so long no longer belongs to its site."""

_SPACINGS = 9
_BOUNDS = {field.column: (field.low, field.high) for field in FIELDS}
_MICROS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Gridded:
    """One quantity on a grid, each of shape (steps,)."""

    values: Values
    """Mean over the step, NaN where too little of it was measured."""
    share: Values
    """How much of the step was measured, 0 to 1."""


def on_grid(readings: pd.DataFrame, column: str, grid: TimeGrid) -> Gridded:
    """The mean of a column over each step, weighted by time: mean for each device, then the sum of a site's devices.

    A reading speaks from its timestamp on, for as long as its device usually takes to the next one. What lies outside
    the believable bounds of `FIELDS` was not measured. A step where a device of the site is silent has no value: a sum
    without it would be too small.

    Invariant: a step depends on readings stamped before its end alone.
    """
    devices = [_of_device(part, column, grid) for _, part in readings.groupby("device_id", sort=True)]
    devices = [device for device in devices if device.share.any()]
    if not devices:
        return Gridded(values=np.full(grid.count, np.nan), share=np.zeros(grid.count))
    steps = max(1, GONE_AFTER // grid.step)
    total, share, anyone = np.zeros(grid.count), np.ones(grid.count), np.zeros(grid.count, dtype=np.bool_)
    for device in devices:
        here = _recently(device.share > 0, steps)
        total += np.where(here, device.values, 0.0)
        share = np.where(here, np.minimum(share, device.share), share)
        anyone |= here
    return Gridded(values=np.where(anyone, total, np.nan), share=np.where(anyone, share, 0.0))


def _of_device(readings: pd.DataFrame, column: str, grid: TimeGrid) -> Gridded:
    readings = readings.sort_values("timestamp")
    values = readings[column].to_numpy(dtype=np.float64)
    low, high = _BOUNDS[column]
    # an inverter's own consumption at night is no defect: up to a percent of a kW below zero counts as zero
    values = np.where((values < low) & (values >= low - 0.01), low, values)
    good = (values >= low) & (values <= high)
    stamps = readings["timestamp"].to_numpy(dtype="datetime64[us]")
    spacing = _spacing(stamps, grid.step)
    sums, covered = _spread(stamps[good], spacing[good], values[good], grid)
    share = np.minimum(1.0, covered / grid.step.total_seconds())
    enough = share >= LEAST_SHARE - 1e-9
    return Gridded(values=np.where(enough, sums / np.where(enough, covered, 1.0), np.nan), share=share)


def _spacing(stamps: Instants, step: timedelta) -> NDArray[np.int64]:
    """For how long each reading speaks, microseconds: until the next one, at most the median of the last spacings before it.

    So a gap is not filled, and the first reading of a device does not speak over its second.
    """
    between = np.full(len(stamps), np.nan)
    between[1:] = np.diff(stamps.astype(np.int64))
    usual = pd.Series(between).rolling(_SPACINGS, min_periods=1).median().fillna(step.total_seconds() * _MICROS)
    longest: NDArray[np.int64] = np.clip(usual.to_numpy(), _MICROS, LONGEST_SPACING.total_seconds() * _MICROS).astype(np.int64)
    longest[:-1] = np.minimum(longest[:-1], between[1:].astype(np.int64))
    return longest


def _spread(stamps: Instants, spacing: NDArray[np.int64], values: Values, grid: TimeGrid) -> tuple[Values, Values]:
    """Value times seconds, and seconds, that fall in each step, each of shape (steps,)."""
    width = int(grid.step.total_seconds() * _MICROS)
    begin = stamps.astype(np.int64) - int(instant64(grid.start).astype(np.int64))
    end = begin + spacing
    first, last = begin // width, (end - 1) // width
    pieces = last - first + 1
    owner = np.repeat(np.arange(len(stamps)), pieces)
    index = first[owner] + np.arange(len(owner)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    seconds = (np.minimum(end[owner], (index + 1) * width) - np.maximum(begin[owner], index * width)) / _MICROS
    inside = (index >= 0) & (index < grid.count)
    index, seconds, owner = index[inside], seconds[inside], owner[inside]
    covered = np.bincount(index, weights=seconds, minlength=grid.count).astype(np.float64)
    sums = np.bincount(index, weights=seconds * values[owner], minlength=grid.count).astype(np.float64)
    return sums, covered


def _recently(present: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    """Whether there was anything within the last `steps` steps, this one included."""
    newest = np.maximum.accumulate(np.where(present, np.arange(len(present)), -steps - 1))
    recent: NDArray[np.bool_] = np.arange(len(present)) - newest < steps
    return recent
