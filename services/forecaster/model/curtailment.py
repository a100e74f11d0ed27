"""Generation that was held back: a level that no cloud keeps, below what the sky allowed. What was possible then is not known."""

import numpy as np
from numpy.typing import NDArray

from services.forecaster.model.series import Values

HOURS = 2
"""A level kept for longer is none of the weather's."""
SAME = 0.005
"""Of a level: less is no change."""
BELOW = 0.8
"""Of the clear sky: what is above may be a clear noon or an inverter at its rating."""
BRIGHT = 0.2
"""Of the peak: a clear sky below it is too dark to tell."""
LEAST = 0.1
"""Of the peak: a lower level may be overcast and rounded."""


def held_back(values: Values, clear: Values, *, per_hour: int, ended: bool) -> NDArray[np.bool_]:
    """Steps of levels kept, shape (count,): whole ones, or of each only what had lasted for `HOURS` by then.

    Of a level that has not `ended`, a step's answer depends on no later value. An ended one may be 0, if power was made the same day
    before and after it: an outage or snow lasts, and is no reason to expect more.
    """
    peak = float(clear.max(initial=0.0))
    low = np.isfinite(values) & (clear > BRIGHT * peak) & (values < BELOW * clear)
    level = low & ((values > LEAST * peak) | ended & (values <= 0.0))
    same = np.concatenate([[False], level[1:] & level[:-1] & (np.abs(np.diff(values)) <= SAME * values[1:])])
    index = np.arange(len(values))
    first = np.maximum.accumulate(np.where(same, 0, index))
    lasted = index - first + 1 >= HOURS * per_hour + 1
    if not ended:
        return level & lasted
    long = np.zeros(len(values), dtype=np.bool_)
    long[first[lasted]] = True
    kept = level & long[first]
    return kept & ((values > 0.0) | _within_a_day(values, peak, first, per_hour))


def _within_a_day(values: Values, peak: float, first: NDArray[np.int64], per_hour: int) -> NDArray[np.bool_]:
    """Whether power was made in the half day before each step's level began and in the half day after it ended."""
    count, half = len(values), 12 * per_hour
    made = np.concatenate([[0], np.cumsum(np.nan_to_num(values) > LEAST * peak)])
    last = np.searchsorted(first, first, side="right")
    before = made[first] - made[np.maximum(first - half, 0)]
    after = made[np.minimum(last + half, count)] - made[np.minimum(last, count)]
    found: NDArray[np.bool_] = (before > 0) & (after > 0)
    return found
