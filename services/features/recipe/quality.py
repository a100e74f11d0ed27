"""Defects of a measured series on its regular grid. What is flagged is left out of the clean series, never repaired.

Invariant: the flag of a step depends on that step and earlier ones alone, so no flag tells of the future. The grid begins
at a UTC midnight; what is usual is learnt from the whole UTC days before a step's own.
"""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from shared.domain.reading import Quality

Values = NDArray[np.float64]
Flags = NDArray[np.int64]
Mask = NDArray[np.bool_]

REFERENCE_DAYS = 14
"""Days from which the usual spread and the usual longest run are learnt."""
SPIKE_MADS = 10.0
"""Median absolute deviations above the median from which a value can be a spike."""
SPIKE_RATIO = 2.0
"""How far above the 99.5th percentile of the reference a spike is: homes are far from normal, an EV is 60 MADs high."""
LEAST_SPIKE_KW = 3.0
"""Below this any household appliance can do it."""
RATED_MARGIN = 1.2
NIGHT_ELEVATION_DEG = -6.0
"""Civil dusk: no array makes power below it."""
NIGHT_SHARE = 0.01
"""Of rated power; what an inverter may report at night without being wrong."""
FROZEN_SOLAR = timedelta(hours=3)
FROZEN_LOAD = timedelta(hours=6)
FROZEN_ZERO_LOAD = timedelta(hours=24)
"""An empty home can use nothing for most of a day."""
USUAL_RUNS = 3.0
"""A load is frozen when its run is longer than this many usual longest runs of a day: some meters are coarse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What was usual in the days before, one value for each UTC day of the grid, NaN where there was too little."""

    median_kw: Values
    mad_kw: Values
    high_kw: Values
    """The 99.5th percentile."""
    longest_run: Values
    """Median over the days of each day's longest run of one value, steps."""


def load_flags(load_kw: Values, *, step: timedelta) -> Flags:
    """Flags of consumption: missing, negative, spikes, frozen."""
    usual = _reference(load_kw, step)
    limit = _daily(np.fmax(FROZEN_LOAD / step, USUAL_RUNS * usual.longest_run), step, len(load_kw))
    limit = np.where(load_kw == 0, np.maximum(limit, FROZEN_ZERO_LOAD / step), limit)
    return _combined(
        (np.isnan(load_kw), Quality.MISSING),
        (load_kw < 0, Quality.OUT_OF_RANGE),
        (_spikes(load_kw, usual, step), Quality.SPIKE),
        (_run_lengths(load_kw) > limit, Quality.FROZEN),
    )


def solar_flags(solar_kw: Values, *, step: timedelta, rated_kw: float | None, elevation_deg: Values) -> Flags:
    """Flags of generation: missing, negative or beyond rated power, power at night, frozen by day, spikes of unrated arrays.

    `elevation_deg` is the sun's at the middle of each step, NaN where the site's place is unknown.
    """
    out_of_range = solar_kw < 0
    spikes = np.zeros(len(solar_kw), dtype=np.bool_)
    if rated_kw:
        out_of_range |= solar_kw > RATED_MARGIN * rated_kw
    else:
        spikes = _spikes(solar_kw, _reference(solar_kw, step), step)
    out_of_range |= (elevation_deg < NIGHT_ELEVATION_DEG) & (solar_kw > NIGHT_SHARE * (rated_kw or LEAST_SPIKE_KW))
    frozen = (_run_lengths(solar_kw) > FROZEN_SOLAR / step) & (solar_kw > 0)
    return _combined(
        (np.isnan(solar_kw), Quality.MISSING), (out_of_range, Quality.OUT_OF_RANGE), (spikes, Quality.SPIKE), (frozen, Quality.FROZEN)
    )


def clean(values: Values, flags: Flags) -> Values:
    """The series without what is flagged."""
    return np.where(flags == 0, values, np.nan)


def _combined(*parts: tuple[Mask, Quality]) -> Flags:
    flags = np.zeros(len(parts[0][0]), dtype=np.int64)
    for mask, flag in parts:
        flags |= np.where(mask, int(flag), 0)
    return flags


def _spikes(values: Values, usual: Reference, step: timedelta) -> Mask:
    threshold = np.maximum(usual.median_kw + SPIKE_MADS * usual.mad_kw, SPIKE_RATIO * usual.high_kw)
    spikes: Mask = values > _daily(np.maximum(threshold, LEAST_SPIKE_KW), step, len(values))  # NaN compares as false
    return spikes


def _reference(values: Values, step: timedelta) -> Reference:
    per_day = timedelta(days=1) // step
    days = -(-len(values) // per_day)
    padded = np.concatenate([values, np.full(days * per_day - len(values), np.nan)]).reshape(days, per_day)
    runs = np.concatenate([_run_lengths(values), np.zeros(days * per_day - len(values))]).reshape(days, per_day)
    longest = np.where(np.isfinite(padded).any(axis=1), runs.max(axis=1, initial=0.0), np.nan)
    found = np.full((4, days), np.nan)
    for day in range(1, days):
        before = slice(max(0, day - REFERENCE_DAYS), day)
        sample = padded[before][np.isfinite(padded[before])]
        if len(sample) >= per_day:
            median = np.median(sample)
            spread = np.median(np.abs(sample - median))
            run = np.median(longest[before][np.isfinite(longest[before])])
            found[:, day] = median, spread, np.quantile(sample, 0.995), run
    return Reference(median_kw=found[0], mad_kw=found[1], high_kw=found[2], longest_run=found[3])


def _daily(per_day: Values, step: timedelta, count: int) -> Values:
    """One value for each day, on the steps of the days."""
    return np.repeat(per_day, timedelta(days=1) // step)[:count]


def _run_lengths(values: Values) -> Values:
    """How many equal values in a row end at each step, shape (steps,). A gap ends a run."""
    index = np.arange(len(values))
    same = np.zeros(len(values), dtype=np.bool_)
    same[1:] = values[1:] == values[:-1]
    lengths: Values = (index - np.maximum.accumulate(np.where(same, 0, index)) + 1).astype(np.float64)
    return lengths
