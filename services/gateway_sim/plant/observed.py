"""Measured weather in the place of the simulated one, as far as it reaches."""

import numpy as np

from services.gateway_sim.plant.equipment import Home
from services.gateway_sim.plant.noise import HOUR_US, Floats, Integers
from services.gateway_sim.plant.sun import clear_sky_ghi_w_m2, sun_at

BRIDGED_US = 3 * HOUR_US
"""Between two values this far apart or nearer lies a line; a wider gap is nobody's."""
_PARTS = 12
"""An observation's clear sky is the mean of so many instants of its span."""
_DIM_W_M2 = 25.0
"""Below this clear sky the quotient of two small numbers says nothing of clouds."""
_HIGHEST_INDEX = 1.5


def observed_temperature_celsius(home: Home, instants_us: Integers) -> Floats | None:
    """At sorted instants, NaN where nobody observed; None when the home has no observations."""
    seen = home.weather
    if seen is None or not len(seen.instants_us) or not len(instants_us):
        return None
    reach = _reach(seen.instants_us, instants_us)
    return _between(seen.instants_us[reach], seen.temperature_celsius[reach], _spans_us(seen.instants_us)[reach], instants_us)


def observed_clear_sky_index(home: Home, instants_us: Integers) -> Floats | None:
    """Observed as a share of the clear sky's irradiance, so that nothing shines when the sun is down; NaN and None as above.

    Each observation is a mean over its span, which reaches half way to its nearer neighbour, and is divided by the mean
    of the clear sky over that span. Where dawn or dusk is too dim to tell, the nearest telling observation counts.
    """
    seen = home.weather
    if seen is None or not len(seen.instants_us) or not len(instants_us):
        return None
    reach = _reach(seen.instants_us, instants_us)
    middles, spans, ghi = seen.instants_us[reach], _spans_us(seen.instants_us)[reach], seen.ghi_w_m2[reach]
    parts = (2 * np.arange(_PARTS, dtype=np.int64) - (_PARTS - 1)) * spans[:, None] // (2 * _PARTS)
    moments = (middles[:, None] + parts).ravel()
    order = np.argsort(moments, kind="stable")
    clear = np.empty(len(moments))
    clear[order] = clear_sky_ghi_w_m2(sun_at(home.latitude, home.longitude, moments[order]).up)
    cells, total = clear.reshape(-1, _PARTS), np.zeros(len(middles))
    for part in range(_PARTS):
        total += cells[:, part]
    mean = total / _PARTS
    telling = (mean >= _DIM_W_M2) & np.isfinite(ghi)
    index = np.where(telling, np.clip(ghi / np.where(telling, mean, 1.0), 0.0, _HIGHEST_INDEX), np.nan)
    return _between(middles, _dim_filled(middles, index, dim=np.isfinite(ghi) & ~telling), spans, instants_us)


def _dim_filled(middles_us: Integers, index: Floats, *, dim: "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]") -> Floats:
    """The index of the nearest telling observation within the bridged time, where it is too dim; else it stays NaN."""
    telling = np.flatnonzero(np.isfinite(index))
    if not len(telling):
        return index
    rows = np.flatnonzero(dim)
    after = np.searchsorted(telling, rows)
    right, left = telling[np.minimum(after, len(telling) - 1)], telling[np.maximum(after - 1, 0)]
    to_right, to_left = np.abs(middles_us[right] - middles_us[rows]), np.abs(middles_us[rows] - middles_us[left])
    nearest = np.where(to_right < to_left, right, left)
    filled = index.copy()
    filled[rows] = np.where(np.minimum(to_right, to_left) <= BRIDGED_US, index[nearest], np.nan)
    return filled


def _reach(observed_us: Integers, instants_us: Integers) -> slice:
    """The observations that can matter to the instants: between them, and those within twice the bridged time around."""
    first = int(np.searchsorted(observed_us, instants_us[0] - 2 * BRIDGED_US - 1, side="left"))
    last = int(np.searchsorted(observed_us, instants_us[-1] + 2 * BRIDGED_US + 1, side="right"))
    return slice(first, last)


def _spans_us(observed_us: Integers) -> Integers:
    """How long each observation holds: the time to its nearer neighbour, an hour for one alone, the bridged time at most."""
    if len(observed_us) == 1:
        return np.array([HOUR_US], dtype=np.int64)
    gaps = np.minimum(np.diff(observed_us), BRIDGED_US)
    spans: Integers = np.minimum(np.concatenate([gaps[:1], gaps]), np.concatenate([gaps, gaps[-1:]]))
    return spans


def _between(observed_us: Integers, values: Floats, spans_us: Integers, instants_us: Integers) -> Floats:
    """On the line between two values that are near each other, level within half a span beside a lone one, NaN elsewhere."""
    known = np.isfinite(values)
    at, value, half = observed_us[known], values[known], spans_us[known] // 2
    result = np.full(len(instants_us), np.nan)
    if not len(at):
        return result
    right = np.searchsorted(at, instants_us, side="right")
    left, right = np.maximum(right - 1, 0), np.minimum(right, len(at) - 1)
    from_left, gap = instants_us - at[left], at[right] - at[left]
    bridged = (gap > 0) & (gap <= BRIDGED_US)
    share = from_left / np.where(bridged, gap, 1)
    np.copyto(result, value[left] + (value[right] - value[left]) * share, where=bridged)
    held_left = ~bridged & (from_left >= 0) & (from_left <= half[left])
    np.copyto(result, value[left], where=held_left)
    held_right = ~bridged & ~held_left & (np.abs(at[right] - instants_us) <= half[right])
    np.copyto(result, value[right], where=held_right)
    return result
