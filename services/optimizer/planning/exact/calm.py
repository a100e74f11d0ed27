"""Among courses of equal cost the calmest: fewest switches between charging, idling and discharging, then the most even power.

Given one dual solution, a course is optimal exactly where each step takes energy at that marginal cost and the store stands at a bound
where the marginal cost jumps. So between two jumps each step may take what its pieces of exactly that slope leave open, and nothing
else is free: what is changed here costs nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from services.optimizer.planning.problem import Array

SLOPE = 1e-11
"""Marginal costs closer than this are one; they come of the same products of the same prices."""
ENERGY_KWH = 1e-9
MOST_LABELS = 200
HALVINGS = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a step may take from the store: pieces by rising slope from `least_kwh` on."""

    least_kwh: float
    slopes: Sequence[float]
    lengths: Sequence[float]

    def marginal(self, taken_kwh: float) -> tuple[float, float]:
        """What the last kWh taken cost, and what the next one would."""
        edge, down, up = self.least_kwh, -np.inf, np.inf
        for slope, length in zip(self.slopes, self.lengths, strict=True):
            if taken_kwh > edge + ENERGY_KWH:
                down = slope
            edge += length
            if taken_kwh < edge - ENERGY_KWH:
                up = slope
                break
        return down, up

    def at(self, slope: float) -> tuple[float, float]:
        """The least and the most that may be taken at a marginal cost."""
        low = self.least_kwh + sum(length for own, length in zip(self.slopes, self.lengths, strict=True) if own < slope - SLOPE)
        return low, low + sum(length for own, length in zip(self.slopes, self.lengths, strict=True) if abs(own - slope) <= SLOPE)


def calmed(choices: Sequence[Choice], energy_kwh: Array, *, start_kwh: float, lowest_kwh: Array, highest_kwh: Array) -> Array:
    """The calmest course of equal cost, as stored energy at the end of each step, shape (steps,), which ends where the given one does."""
    course = np.concatenate(([start_kwh], energy_kwh))
    taken = -np.diff(course)
    for first, after, slope in _stretches(choices, taken, energy_kwh, lowest_kwh, highest_kwh):
        spans = [choices[step].at(slope) for step in range(first, after)]
        low, high = np.array(spans).T
        if int((high - low > ENERGY_KWH).sum()) < 2:
            continue
        inner = slice(first, after - 1)
        room = _Room(
            low=np.minimum(low, taken[first:after]),
            high=np.maximum(high, taken[first:after]),
            least=course[first] - np.append(highest_kwh[inner], course[after]),
            most=course[first] - np.append(lowest_kwh[inner], course[after]),
        )
        modes = _fewest_switches(
            room,
            before=_mode(taken[first - 1]) if first else 0,
            then=_mode(taken[after]) if after < len(taken) else None,
        )
        if modes is not None:
            taken[first:after] = _level(room.along(modes))
    return start_kwh - np.cumsum(taken)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Room:
    """Of the steps of a stretch: what each may take, and bounds of what is taken up to and with it, shape (steps,)."""

    low: Array
    high: Array
    least: Array
    most: Array

    def along(self, modes: Sequence[int]) -> "_Room":
        """With the direction of each step decided."""
        mode = np.array(modes)
        return _Room(
            low=np.where(mode < 0, self.low, np.where(mode == 0, 0.0, np.maximum(self.low, 0.0))),
            high=np.where(mode > 0, self.high, np.where(mode == 0, 0.0, np.minimum(self.high, 0.0))),
            least=self.least,
            most=self.most,
        )

    def part(self, steps: slice, taken: float) -> "_Room":
        """Some of the steps, when so much was taken before them."""
        return _Room(low=self.low[steps], high=self.high[steps], least=self.least[steps] - taken, most=self.most[steps] - taken)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stretch:
    """Steps between two touches of a bound: the marginal costs that suit them all, and whether the touch before was of the upper one."""

    first: int
    low: float
    high: float
    after_full: bool


def _stretches(choices: Sequence[Choice], taken: Array, energy: Array, lowest: Array, highest: Array) -> list[tuple[int, int, float]]:
    """Runs of steps under one marginal cost of stored energy: first step, step after the last, that cost.

    It jumps only where a bound is touched: down where the store is full, up where it is empty; here as seldom as may be.
    """
    touched = _touched(choices, taken, energy, lowest, highest)
    feasible: list[tuple[float, float]] = []
    for stretch in touched:
        low, high = stretch.low, stretch.high
        if feasible and stretch.after_full:
            high = min(high, feasible[-1][1])
        elif feasible:
            low = max(low, feasible[-1][0])
        feasible.append((low, high))
    slopes = [_between(*feasible[-1])]
    for low, high in reversed(feasible[:-1]):
        slopes.append(min(max(slopes[-1], low), high))
    slopes.reverse()
    found: list[tuple[int, int, float]] = []
    for stretch, slope, after in zip(touched, slopes, [*(each.first for each in touched[1:]), len(choices)], strict=True):
        if found and abs(found[-1][2] - slope) <= SLOPE:
            found[-1] = (found[-1][0], after, found[-1][2])
        else:
            found.append((stretch.first, after, slope))
    return found


def _touched(choices: Sequence[Choice], taken: Array, energy: Array, lowest: Array, highest: Array) -> list[_Stretch]:
    found: list[_Stretch] = []
    first, low, high, after_full = 0, -np.inf, np.inf, False
    for step, choice in enumerate(choices):
        down, up = choice.marginal(float(taken[step]))
        full = step > first and energy[step - 1] >= highest[step - 1] - ENERGY_KWH
        if full or (step > first and energy[step - 1] <= lowest[step - 1] + ENERGY_KWH):
            found.append(_Stretch(first=first, low=low, high=high, after_full=after_full))
            first, low, high, after_full = step, -np.inf, np.inf, full
        low, high = max(low, down), min(high, up)
    return [*found, _Stretch(first=first, low=low, high=high, after_full=after_full)]


def _between(low: float, high: float) -> float:
    """A marginal cost between two, either of which may be open."""
    if np.isfinite(low) and np.isfinite(high):
        return 0.5 * (low + high)
    return low if np.isfinite(low) else high


def _mode(taken_kwh: float) -> int:
    return 0 if abs(taken_kwh) <= ENERGY_KWH else int(np.sign(taken_kwh))


class _Label(NamedTuple):
    """A way to come to a step: how often it switched, its mode now, what it may have taken in all, and how it came here."""

    switches: int
    mode: int
    low: float
    high: float
    before: "_Label | None"


def _fewest_switches(room: _Room, *, before: int, then: int | None) -> list[int] | None:
    """The mode of each step of a course with the fewest switches; None where the search would be too large."""
    labels = [_Label(0, before, 0.0, 0.0, None)]
    for step in range(len(room.low)):
        labels = _undominated([
            found for label in labels for mode in (-1, 0, 1) if (found := _stepped(label, mode, room, step)) is not None
        ])  # fmt: skip
        if not 0 < len(labels) <= MOST_LABELS:
            return None
    best = min(labels, key=lambda label: (label.switches + (then is not None and label.mode != then), abs(label.mode)))
    modes = []
    while best.before is not None:
        modes.append(best.mode)
        best = best.before
    return modes[::-1]


def _stepped(label: _Label, mode: int, room: _Room, step: int) -> _Label | None:
    low, high = float(room.low[step]), float(room.high[step])
    if mode == 0:
        if low > ENERGY_KWH or high < -ENERGY_KWH:
            return None
        low = high = 0.0
    elif mode > 0:
        if high <= ENERGY_KWH:
            return None
        low = max(low, 0.0)
    else:
        if low >= -ENERGY_KWH:
            return None
        high = min(high, 0.0)
    least = max(label.low + low, float(room.least[step]) - ENERGY_KWH)
    most = min(label.high + high, float(room.most[step]) + ENERGY_KWH)
    return _Label(label.switches + (mode != label.mode), mode, least, most, label) if least <= most else None


def _undominated(labels: list[_Label]) -> list[_Label]:
    """Without those that another one of the same mode reaches beyond with no more switches."""
    kept: list[_Label] = []
    for label in sorted(labels, key=lambda each: (each.switches, each.low, -each.high)):
        if not any(
            other.mode == label.mode and other.low <= label.low + ENERGY_KWH and other.high >= label.high - ENERGY_KWH for other in kept
        ):
            kept.append(label)
    return kept


def _level(room: _Room) -> Array:
    """The most even amounts within the room: least sum of squares.

    With the total alone the amounts are one level cut to each step's limits; where that breaks a bound on the way, the worst bound
    holds with equality, and both sides are levelled apart (Vidal, Gribel, Jaillet: "Separable convex optimization with nested lower
    and upper constraints", INFORMS Journal on Optimization 1(1), 2019).
    """
    amounts = _at_one_level(room.low, room.high, float(room.least[-1]))
    sums = np.cumsum(amounts)
    over, under = sums[:-1] - room.most[:-1], room.least[:-1] - sums[:-1]
    breach = np.maximum(over, under)
    if len(amounts) < 2 or breach.max() <= ENERGY_KWH:
        return amounts
    at = int(np.argmax(breach))
    held = float(room.most[at] if over[at] >= under[at] else room.least[at])
    head, tail = room.part(slice(0, at + 1), 0.0), room.part(slice(at + 1, None), held)
    head.least[-1] = head.most[-1] = held
    return np.concatenate((_level(head), _level(tail)))


def _at_one_level(low: Array, high: Array, total: float) -> Array:
    """One level for all, cut to each step's limits, so that the amounts sum to a total within their reach."""
    down, up = float(low.min()), float(high.max())
    for _ in range(HALVINGS):
        level = 0.5 * (down + up)
        if float(np.clip(level, low, high).sum()) < total:
            down = level
        else:
            up = level
    amounts = np.clip(up, low, high)
    inside = (amounts > low) & (amounts < high)
    if inside.any():
        amounts = np.where(inside, amounts + (total - amounts.sum()) / inside.sum(), amounts)
    return np.asarray(amounts, dtype=np.float64)
