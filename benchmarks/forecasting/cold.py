"""The first week of a home that nobody has seen: ours, learned from other homes, against the average profile of these."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting import ours
from forecasting.origin import Case, Indices
from forecasting.scores import MEDIAN
from likeness.measures import Values

GROUPS = 3
"""Of homes; each is new to a model of the others."""
BIRTHS = 2
"""Of each home: at the beginning of the test and in the middle of it."""
DAYS = 7
FEWEST_AT_PLACE = 3
"""Other homes at a place that make a profile; with fewer all homes do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColdStart:
    """Mean absolute errors in kW over the first week of one home."""

    place: str
    site: str
    ours: float
    profile: float
    by_day: tuple[float, ...]
    """Ours over the profile's, on each day."""


def cold_starts(cases: Sequence[Case], *, groups: int = GROUPS) -> list[ColdStart]:
    """Every home of so many of the groups, by a model of the homes outside its group."""
    found = []
    for group in range(min(groups, len(cases))):
        new = list(cases[group::GROUPS])
        others = [case for case in cases if case not in new]
        births = [_births(case) for case in new]
        for case, born, weeks in zip(new, births, ours.newcomers(others, new, births), strict=True):
            found.append(_judged(case, born, others, [quantiles[:, MEDIAN] for quantiles in weeks]))
    return found


def profile(others: Sequence[Case], case: Case, birth: int, issues: Indices) -> Values:
    """The others' mean by hour and kind of day before their tests, in units of their means, times the home's level so far.

    Shape (issues, hours). Until the home has measured anything, its level is the middle one of the others.
    """
    near = [other for other in others if other.place == case.place]
    usual = near if len(near) >= FEWEST_AT_PLACE else others
    shapes = np.array([_shape(other) for other in usual])
    shape = np.nanmean(shapes, axis=0)
    middle = float(np.median([np.nanmean(other.values[: other.first]) for other in usual]))
    clock = case.clock
    expected = shape[(clock.weekday >= 5).astype(np.int64), clock.hour.astype(np.int64)]
    levels = [_level(case.values[birth:issue], expected[birth:issue], middle) for issue in issues]
    points: Values = np.array(levels)[:, None] * expected[issues[:, None] + np.arange(case.hours)]
    return points


def _level(measured: Values, expected: Values, middle: float) -> float:
    usable = np.isfinite(measured)
    return float(measured[usable].sum() / expected[usable].sum()) if usable.any() else middle


def _shape(case: Case) -> Values:
    """Mean of each hour of workdays and of weekends over the mean of all, shape (2, 24)."""
    values, clock = case.values[: case.first], case.clock
    place = (clock.weekday >= 5).astype(np.int64) * 24 + clock.hour.astype(np.int64)
    usable = np.isfinite(values)
    place, values = place[: case.first][usable], values[usable]
    sums, counts = (np.bincount(place, weights, minlength=48) for weights in (values, None))
    return (sums / np.maximum(counts, 1) / max(float(values.mean()), 1e-9)).reshape(2, 24)


def _births(case: Case) -> Indices:
    issues = case.issues[: max(1, len(case.issues) - DAYS + 1)]
    return issues[:: max(1, len(issues) // BIRTHS)][:BIRTHS]


def _judged(case: Case, births: Indices, others: Sequence[Case], ours_by_birth: Sequence[Values]) -> ColdStart:
    errors = []
    for birth, own in zip(births, ours_by_birth, strict=True):
        issues = birth + 24 * np.arange(DAYS)
        truth = case.values[issues[:, None] + np.arange(case.hours)]
        rival = profile(others, case, int(birth), issues)
        errors.append(np.stack([np.abs(own - truth), np.abs(rival - truth)]))
    both = np.stack(errors, axis=1)  # method, birth, day, hour
    days = np.nanmean(both, axis=(1, 3))
    return ColdStart(
        place=case.place.name, site=case.name, ours=float(np.nanmean(both[0])), profile=float(np.nanmean(both[1])),
        by_day=tuple(float(value) for value in days[0] / days[1]),
    )  # fmt: skip
