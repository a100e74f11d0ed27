"""Readings on the regular grid of their sites: mean power of each step, and how much of the step was measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from services.features.recipe.rolling import quantile
from shared.domain.reading import FIELDS, Quality
from shared.domain.time import Instants, TimeGrid, instant64

Values = NDArray[np.float64]

LEAST_SHARE = 0.5
"""A step has a value when at least this share of it was measured."""
LONGEST_SPACING = timedelta(hours=1)
"""The longest time for which one reading speaks."""
GONE_AFTER = timedelta(hours=24)
"""A device that was silent for so long no longer belongs to its site."""
DOUBTS = ~(Quality.SIMULATED | Quality.INTERPOLATED)
"""What a reading tells of itself is a doubt, apart from where it comes from."""

_SPACINGS = 9
_BOUNDS = {field.column: (field.low, field.high) for field in FIELDS}
_MICROS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Gridded:
    """One quantity on a grid, each of shape (sites, steps)."""

    values: Values
    """Mean over the step, NaN where too little of it was measured."""
    share: Values
    """How much of the step was measured, 0 to 1."""


def on_grid(readings: pd.DataFrame, columns: Sequence[str], grid: TimeGrid, site_ids: Sequence[str]) -> dict[str, Gridded]:
    """The mean of columns over each step for each site, weighted by time: mean for each device, then the sum of a site's devices.

    A reading speaks from its timestamp on, for as long as its device usually takes to the next one. What lies outside
    the believable bounds of `FIELDS` was not measured. A step where a device of the site is silent has no value: a sum
    without it would be too small.

    Invariant: a step depends on readings stamped before its end alone.
    """
    devices = _Devices.of(readings, site_ids)
    spread = _Spread.of(devices, grid)
    return {column: _of_sites(_of_devices(devices.rows[column], column, spread, devices, grid), devices, grid) for column in columns}


def told_on_grid(readings: pd.DataFrame, grid: TimeGrid, site_ids: Sequence[str]) -> NDArray[np.int64]:
    """The `DOUBTS` of the readings stamped in each step, shape (sites, steps); 0 throughout where `quality` is not known."""
    told = np.zeros((len(site_ids), grid.count), dtype=np.int64)
    if "quality" not in readings:
        return told
    flags = readings["quality"].to_numpy(dtype=np.int64) & int(DOUBTS)
    rows = np.flatnonzero(flags)
    doubtful = readings.take(rows)
    step = (doubtful["timestamp"].to_numpy(dtype="datetime64[us]") - instant64(grid.start)) // np.timedelta64(grid.step)
    site = pd.Index(site_ids).get_indexer(pd.Index(doubtful["site_id"]))
    inside = (step >= 0) & (step < grid.count) & (site >= 0)
    np.bitwise_or.at(told, (site[inside], step[inside]), flags[rows][inside])
    return told


@dataclass(frozen=True, slots=True, kw_only=True)
class _Devices:
    """Readings in the order of their devices, sites first, and time."""

    rows: pd.DataFrame
    stamps: Instants
    device: NDArray[np.int64]
    """Number of the device of each reading."""
    site: NDArray[np.int64]
    """Place among the sites of each device, rising."""
    sites: int

    @classmethod
    def of(cls, readings: pd.DataFrame, site_ids: Sequence[str]) -> Self:
        codes, found = pd.factorize(readings["site_id"])
        site = pd.Index(site_ids).get_indexer(pd.Index(found)).astype(np.int64)[codes]
        name, names = pd.factorize(readings["device_id"])
        both = site * max(len(names), 1) + name
        stamps = readings["timestamp"].to_numpy(dtype="datetime64[us]")
        in_order = (np.diff(both) > 0) | ((np.diff(both) == 0) & (np.diff(stamps) > np.timedelta64(0)))
        if not (in_order.all() and (site >= 0).all()):
            order = np.lexsort((stamps, both))
            order = order[site[order] >= 0]
            readings, both, stamps = readings.take(order), both[order], stamps[order]
        begins = np.diff(both, prepend=-1) != 0
        return cls(
            rows=readings,
            stamps=stamps,
            device=np.cumsum(begins) - 1,
            site=both[begins] // max(len(names), 1),
            sites=len(site_ids),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spread:
    """The pieces of readings that fall into steps."""

    owner: NDArray[np.int64]
    """The reading of each piece."""
    place: NDArray[np.int64]
    """Its step, counted on from device to device."""
    seconds: Values

    @classmethod
    def of(cls, devices: _Devices, grid: TimeGrid) -> Self:
        width = int(grid.step.total_seconds() * _MICROS)
        begin = devices.stamps.astype(np.int64) - int(instant64(grid.start).astype(np.int64))
        end = begin + _spacing(devices, grid.step)
        first, last = begin // width, (end - 1) // width
        pieces = last - first + 1
        owner = np.repeat(np.arange(len(begin)), pieces)
        index = first[owner] + np.arange(len(owner)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
        seconds = (np.minimum(end[owner], (index + 1) * width) - np.maximum(begin[owner], index * width)) / _MICROS
        inside = (index >= 0) & (index < grid.count)
        owner = owner[inside]
        return cls(owner=owner, place=devices.device[owner] * grid.count + index[inside], seconds=seconds[inside])


def _of_devices(column: "pd.Series[float]", name: str, spread: _Spread, devices: _Devices, grid: TimeGrid) -> Gridded:
    """Of each device, shape (devices, steps)."""
    values = column.to_numpy(dtype=np.float64)
    low, high = _BOUNDS[name]
    # an inverter's own consumption at night is no defect: up to a percent of a kW below zero counts as zero
    values = np.where((values < low) & (values >= low - 0.01), low, values)
    good = (values >= low) & (values <= high)
    seconds = np.where(good[spread.owner], spread.seconds, 0.0)
    shape = (len(devices.site), grid.count)
    covered = np.bincount(spread.place, weights=seconds, minlength=shape[0] * shape[1]).reshape(shape)
    sums = np.bincount(spread.place, weights=seconds * np.where(good, values, 0.0)[spread.owner], minlength=covered.size).reshape(shape)
    share = np.minimum(1.0, covered / grid.step.total_seconds())
    enough = share >= LEAST_SHARE - 1e-9
    return Gridded(values=np.where(enough, sums / np.where(enough, covered, 1.0), np.nan), share=share)


def _of_sites(device: Gridded, devices: _Devices, grid: TimeGrid) -> Gridded:
    """The sum of each site's devices, shape (sites, steps)."""
    found = Gridded(values=np.full((devices.sites, grid.count), np.nan), share=np.zeros((devices.sites, grid.count)))
    if not len(devices.site) or not grid.count:
        return found
    here = _recently(device.share > 0, max(1, GONE_AFTER // grid.step))
    if len(np.unique(devices.site)) == len(devices.site):  # one device each: nothing to sum
        found.values[devices.site] = np.where(here, device.values, np.nan)
        found.share[devices.site] = device.share
        return found
    sites, begin = np.unique(devices.site, return_index=True)
    anyone = np.logical_or.reduceat(here, begin, axis=0)
    total = np.add.reduceat(np.where(here, device.values, 0.0), begin, axis=0)
    share = np.minimum.reduceat(np.where(here, device.share, 1.0), begin, axis=0)
    found.values[sites] = np.where(anyone, total, np.nan)
    found.share[sites] = np.where(anyone, share, 0.0)
    return found


def _spacing(devices: _Devices, step: timedelta) -> NDArray[np.int64]:
    """For how long each reading speaks, microseconds: until the next one, at most the median of the last spacings before it.

    So a gap is not filled, and the first reading of a device does not speak over its second.
    """
    between = np.diff(devices.stamps.astype(np.int64), prepend=0).astype(np.float64)
    begins = np.diff(devices.device, prepend=-1) != 0
    between[begins] = np.nan
    longest = np.clip(_usual(between, begins, step), _MICROS, LONGEST_SPACING.total_seconds() * _MICROS).astype(np.int64)
    following = ~begins[1:]
    longest[:-1][following] = np.minimum(longest[:-1][following], between[1:][following].astype(np.int64))
    return longest


def _usual(between: Values, begins: NDArray[np.bool_], step: timedelta) -> Values:
    """The median of the last `_SPACINGS` of a device; a step where there is none. Most devices keep time: only others are sorted."""
    index = np.arange(len(between))
    first = np.maximum.accumulate(np.where(begins, index, 0))
    changed = np.ones(len(between), dtype=np.bool_)
    changed[1:] = between[1:] != between[:-1]
    changed[1:] &= ~begins[:-1]  # the second reading of a device is the first with a spacing
    since = np.maximum.accumulate(np.where(changed, index, 0))
    usual = np.where(begins, step.total_seconds() * _MICROS, between)
    uneven = np.flatnonzero(~begins & (since > np.maximum(first + 1, index - _SPACINGS + 1)))
    window = uneven[:, None] - np.arange(_SPACINGS)
    usual[uneven] = quantile(np.where(window > first[uneven, None], between[np.maximum(window, 0)], np.nan), 0.5)
    return usual


def _recently(present: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    """Whether there was anything within the last `steps` steps, this one included."""
    index = np.arange(present.shape[-1])
    newest = np.maximum.accumulate(np.where(present, index, -steps - 1), axis=-1)
    recent: NDArray[np.bool_] = index - newest < steps
    return recent
