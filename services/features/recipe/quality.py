"""Defects of a measured series on its regular grid. What is flagged is left out of the clean series, never repaired.

Values have the shape (..., steps): of one site, or a row for each of many.

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
HIGH_SHARE = 0.995
SLIP_RATIO = 4.0
"""Times the highest value of a quiet day: no home comes there by living, a unit slipped or a counter was reset."""
QUIET_SHARE = 0.25
"""Of the reference days so many have a lower highest value than a quiet day: a slip may last nine days."""
LEAST_SLIP_KW = 30.0
"""Below this it may be a home that stood empty: three phases of 35 A carry 24 kW."""
LEAST_SPIKE_KW = 3.0
"""Below this any household appliance can do it."""
RATED_MARGIN = 1.2
NIGHT_ELEVATION_DEG = -6.0
"""Civil dusk: no array makes power below it."""
NIGHT_SHARE = 0.01
"""Of rated power; what an inverter may report at night without being wrong."""
SAME = 1e-9
"""Of a value: what rounding may do to the mean of equal readings."""
FROZEN_SOLAR = timedelta(hours=3)
CLIPPED_SHARE = 0.98
"""Of the most of the days before: an inverter at its limit gives the same for hours."""
FROZEN_LOAD = timedelta(hours=6)
FROZEN_ZERO_LOAD = timedelta(hours=24)
"""An empty home can use nothing for most of a day."""
USUAL_RUNS = 3.0
"""A load is frozen when its run is longer than this many usual longest runs of a day: some meters are coarse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What was usual in the days before, one value for each UTC day of the grid, NaN where there was too little.

    Days on which a unit slipped or a counter was reset teach nothing.
    """

    median_kw: Values
    """The median of the days' medians."""
    mad_kw: Values
    """The median of the days' median absolute deviations."""
    high_kw: Values
    """The 99.5th percentile of all their values."""
    longest_run: Values
    """Median over the days of each day's longest run of one value, steps."""


def load_flags(load_kw: Values, *, step: timedelta) -> Flags:
    """Flags of consumption: missing, negative, spikes (a reset counter and watts for kilowatts among them), frozen."""
    usual = _reference(np.where(load_kw < 0, np.nan, load_kw), step)
    limit = _daily(np.fmax(FROZEN_LOAD / step, USUAL_RUNS * usual.longest_run), step, load_kw.shape[-1])
    limit = np.where(load_kw == 0, np.maximum(limit, FROZEN_ZERO_LOAD / step), limit)
    return _combined(
        (np.isnan(load_kw), Quality.MISSING),
        (load_kw < 0, Quality.OUT_OF_RANGE),
        (_spikes(load_kw, usual, step), Quality.SPIKE),
        (_run_lengths(load_kw) > limit, Quality.FROZEN),
    )


def solar_flags(solar_kw: Values, *, step: timedelta, rated_kw: Values | float | None, elevation_deg: Values) -> Flags:
    """Flags of generation: missing, negative or beyond rated power, power at night, frozen by day, spikes of unrated arrays.

    `elevation_deg` is the sun's at the middle of each step, NaN where the site's place is unknown; `rated_kw` is NaN (or None) for an
    array that nobody rated, of many sites with the shape (sites, 1).
    """
    rated = np.asarray(np.nan if rated_kw is None else rated_kw, dtype=np.float64)
    out_of_range = (solar_kw < 0) | (solar_kw > RATED_MARGIN * rated)  # NaN compares as false
    out_of_range |= (elevation_deg < NIGHT_ELEVATION_DEG) & (solar_kw > NIGHT_SHARE * np.where(rated > 0, rated, LEAST_SPIKE_KW))
    spikes = np.zeros(solar_kw.shape, dtype=np.bool_)
    if np.isnan(rated).any():
        spikes = np.isnan(rated) & _spikes(solar_kw, _reference(np.where(solar_kw < 0, np.nan, solar_kw), step), step)
    clipped = solar_kw >= CLIPPED_SHARE * _daily(_highest_before(solar_kw, step), step, solar_kw.shape[-1])  # NaN compares as false
    frozen = (_run_lengths(solar_kw) > FROZEN_SOLAR / step) & (solar_kw > 0) & ~clipped
    return _combined(
        (np.isnan(solar_kw), Quality.MISSING), (out_of_range, Quality.OUT_OF_RANGE), (spikes, Quality.SPIKE), (frozen, Quality.FROZEN)
    )


def power_flags(power_kw: Values, *, lowest_kw: Values, highest_kw: Values) -> Flags:
    """Flags of a device's power: missing, or beyond what the device is rated for, of many sites with the shape (sites, 1).

    NaN where nobody rated it.
    """
    beyond = (power_kw < RATED_MARGIN * lowest_kw) | (power_kw > RATED_MARGIN * highest_kw)  # NaN compares as false
    return _combined((np.isnan(power_kw), Quality.MISSING), (beyond, Quality.OUT_OF_RANGE))


def clean(values: Values, flags: Flags) -> Values:
    """The series without what is flagged."""
    return np.where(flags == 0, values, np.nan)


def _combined(*parts: tuple[Mask, Quality]) -> Flags:
    flags = np.zeros(parts[0][0].shape, dtype=np.int64)
    for mask, flag in parts:
        flags |= np.where(mask, int(flag), 0)
    return flags


def _spikes(values: Values, usual: Reference, step: timedelta) -> Mask:
    threshold = np.maximum(usual.median_kw + SPIKE_MADS * usual.mad_kw, SPIKE_RATIO * usual.high_kw)
    spikes: Mask = values > _daily(np.maximum(threshold, LEAST_SPIKE_KW), step, values.shape[-1])  # NaN compares as false
    return spikes


def _reference(values: Values, step: timedelta) -> Reference:
    per_day = timedelta(days=1) // step
    days = -(-values.shape[-1] // per_day)
    runs = _in_days(_run_lengths(values), days, per_day, filling=0.0)
    ordered = np.sort(_in_days(values, days, per_day, filling=np.nan), axis=-1)  # NaN sorts last
    known = np.isfinite(ordered).sum(axis=-1)
    most_kw = np.fmax.reduce(ordered, axis=-1)
    median = _nth(ordered, (known - 1) / 2)
    mad = _nth(np.sort(np.abs(ordered - median[..., None]), axis=-1), (known - 1) / 2)
    longest = np.where(known > 0, runs.max(axis=-1, initial=0.0), np.nan)
    # what lies above the quantile of all days together lies among the highest of each of them
    most = int((1.0 - HIGH_SHARE) * REFERENCE_DAYS * per_day) + 2
    rank = np.arange(most) < known[..., None]
    highest = np.where(rank, np.take_along_axis(ordered, np.maximum(known[..., None] - 1 - np.arange(most), 0), axis=-1), np.nan)
    found = np.full((4, *known.shape), np.nan)
    for day in range(1, days):
        before = slice(max(0, day - REFERENCE_DAYS), day)
        quiet_kw = _ranked(most_kw[..., before], QUIET_SHARE)
        slipped = most_kw[..., before] > np.maximum(SLIP_RATIO * quiet_kw, LEAST_SLIP_KW)[..., None]
        total = np.where(slipped, 0, known[..., before]).sum(axis=-1)
        lately = np.where(slipped[..., None], np.nan, highest[..., before, :])
        top = -np.sort(-lately.reshape(*known.shape[:-1], -1), axis=-1)  # falling, NaN last
        high = _nth(top, (1.0 - HIGH_SHARE) * (total - 1))
        usual = [_ranked(np.where(slipped, np.nan, each[..., before]), 0.5) for each in (median, mad, longest)]
        enough = total >= per_day
        found[..., day] = np.where(enough, np.stack([usual[0], usual[1], high, usual[2]]), np.nan)
    return Reference(median_kw=found[0], mad_kw=found[1], high_kw=found[2], longest_run=found[3])


def _highest_before(values: Values, step: timedelta) -> Values:
    """The most of the reference days before each day, shape (..., days); NaN before the first."""
    per_day = timedelta(days=1) // step
    most = np.fmax.reduce(_in_days(values, -(-values.shape[-1] // per_day), per_day, filling=np.nan), axis=-1)
    highest = np.full(most.shape, np.nan)
    for day in range(1, most.shape[-1]):
        highest[..., day] = np.fmax.reduce(most[..., max(0, day - REFERENCE_DAYS) : day], axis=-1)
    return highest


def _in_days(values: Values, days: int, per_day: int, *, filling: float) -> Values:
    """Shape (..., days, steps of a day)."""
    whole = np.full((*values.shape[:-1], days * per_day), filling)
    whole[..., : values.shape[-1]] = values
    return whole.reshape(*values.shape[:-1], days, per_day)


def _nth(ordered: Values, place: Values) -> Values:
    """The value at a place along the last axis, between neighbours in proportion; NaN for a place before the first."""
    low = np.clip(np.floor(place), 0, ordered.shape[-1] - 1).astype(np.int64)
    lower, upper = (np.take_along_axis(ordered, np.minimum(at, ordered.shape[-1] - 1)[..., None], axis=-1)[..., 0] for at in (low, low + 1))
    share = place - low
    return np.where(place < 0, np.nan, np.where(share > 0, lower + share * (upper - lower), lower))


def _ranked(values: Values, share: float) -> Values:
    """The value above such a share of what is known along the last axis."""
    return _nth(np.sort(values, axis=-1), share * (np.isfinite(values).sum(axis=-1) - 1))


def _daily(per_day: Values, step: timedelta, count: int) -> Values:
    """One value for each day, on the steps of the days."""
    return np.repeat(per_day, timedelta(days=1) // step, axis=-1)[..., :count]


def _run_lengths(values: Values) -> Values:
    """How many equal values in a row end at each step, shape (..., steps). A gap ends a run.

    Equal are means of equal readings, however their spacing rounds.
    """
    index = np.arange(values.shape[-1])
    same = np.zeros(values.shape, dtype=np.bool_)
    same[..., 1:] = np.abs(np.diff(values)) <= SAME * np.abs(values[..., 1:])
    lengths: Values = (index - np.maximum.accumulate(np.where(same, 0, index), axis=-1) + 1).astype(np.float64)
    return lengths
