"""How much each of several forecasts is to say, from what each of them missed of late."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.forecaster.model.series import Values

Matrix = NDArray[np.float64]

DAYS = 42
"""Days that are remembered."""
HALF_LIFE_DAYS = 10.0
STEPS = 30
RATE = 4.0
"""How far a step goes: a part that misses a whole mean value more than another loses a factor of exp(-`RATE`) against it."""
FIRST_SHARE = 0.9
"""Of the first part, before anything was measured."""
LEAST_SHARE = 0.03
"""A part that would say less is not asked."""
LEAST_LEVEL = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What the parts said of a day that is over, and what happened."""

    points: Matrix
    """Medians, shape (parts, rows)."""
    actual: Values
    """Shape (rows,); NaN teaches nothing."""


def shares(days: Sequence[Day], *, parts: int) -> Values:
    """Of each part, shape (parts,): none negative, together 1. `days` in order, the newest last.

    They minimise the absolute error of the blend, as parts may err in opposite ways, by exponentiated gradient (Kivinen and Warmuth
    1997): what was measured moves the shares away from those of the beginning, and is forgotten by half in `HALF_LIFE_DAYS`.
    """
    first = np.full(parts, (1.0 - FIRST_SHARE) / max(1, parts - 1))
    first[0] = FIRST_SHARE if parts > 1 else 1.0
    recent = days[-DAYS:]
    if parts == 1 or not any(np.isfinite(day.actual).any() for day in recent):
        return _without_the_least(first)
    age = np.concatenate([np.full(len(day.actual), len(recent) - 1 - number) for number, day in enumerate(recent)])
    actual = np.concatenate([day.actual for day in recent])
    measured = np.isfinite(actual)
    points = np.concatenate([day.points for day in recent], axis=1)[:, measured]
    actual, weight = actual[measured], 0.5 ** (age[measured] / HALF_LIFE_DAYS)
    weight /= weight.sum()
    slopes = points * (weight / max(float(weight @ np.abs(actual)), LEAST_LEVEL))
    regret, found, mean = np.zeros(parts), first, np.zeros(parts)
    for _ in range(STEPS):
        regret = regret + slopes @ np.sign(found @ points - actual)
        found = first * np.exp(-RATE * (regret - regret.min()))
        found = found / found.sum()
        mean += found / STEPS
    return _without_the_least(mean)


def _without_the_least(found: Values) -> Values:
    kept = np.where(found < LEAST_SHARE, 0.0, found)
    whole: Values = kept / kept.sum()
    return whole
