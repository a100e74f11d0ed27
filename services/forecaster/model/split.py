"""Rolling origin: forecasts from many past moments, each by a model that had seen the past alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.forecaster.model.series import Indices, Series

HORIZON_HOURS = 48
ISSUE_EVERY_HOURS = 6
"""Test issues stand at 0, 6, 12 and 18 h after the first, so that each lead time meets each time of day."""

LEAST_TRAINING_DAYS = 7
LEAST_TEST_DAYS = 2
MOST_TEST_DAYS = 60
REFIT_DAYS = 7
REHEARSALS = 3
"""Refits before the first forecast that counts; their forecasts calibrate the model and set the shares of its parts."""
MOST_FOLDS = 6
"""Refits of a test at most; the longer ones are then more than a week apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """A model that may know what was known at `until` forecasts from each of `issues`, none before `until`."""

    until: int
    issues: Indices


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Rows of a design: forecast from `issue`, knowing the steps before `known`, for `step`."""

    issue: Indices
    known: Indices
    step: Indices

    def __len__(self) -> int:
        return len(self.step)

    def where(self, chosen: NDArray[np.bool_]) -> "Pairs":
        return Pairs(issue=self.issue[chosen], known=self.known[chosen], step=self.step[chosen])

    def lead_hours(self, series: Series) -> NDArray[np.float64]:
        """From the issue to the beginning of the step."""
        return (self.step - self.issue) / series.per_hour


def days_of_test(history_days: float, test_share: float) -> int:
    """Days at the end of a history that are kept for testing; 0 where the history is too short for a model."""
    wanted = int(np.clip(round(history_days * test_share), LEAST_TEST_DAYS, MOST_TEST_DAYS))
    return wanted if history_days - wanted >= LEAST_TRAINING_DAYS else 0


def rolling_folds(*, first: int, end: int, per_day: int) -> list[Fold]:
    """Folds whose issues run from `first` to before `end`; refits at least a week apart and at most `MOST_FOLDS`."""
    days = max(1, -(-(end - first) // per_day))
    length = max(REFIT_DAYS, -(-days // MOST_FOLDS)) * per_day
    every = per_day * ISSUE_EVERY_HOURS // 24
    return [Fold(until=start, issues=np.arange(start, min(start + length, end), every)) for start in range(first, end, length)]


def pairs(series: Series, issues: Indices, *, hours: int = HORIZON_HOURS) -> Pairs:
    """Every step of the horizon of every issue that is still to be forecast, with what each issue may know.

    A step that was announced by then is left out, unless its value is missing.
    """
    width = hours * series.per_hour
    step = (issues[:, None] + np.arange(width)).ravel()
    issue = np.repeat(issues, width)
    known = np.repeat(series.known_at(issues), width)
    return to_forecast(series, issue=issue, known=known, step=step)


def to_forecast(series: Series, *, issue: Indices, known: Indices, step: Indices) -> Pairs:
    """Rows within the table whose value is not known yet; knowledge ends at the last value before the step."""
    inside = step < series.count
    issue, known, step = issue[inside], known[inside], step[inside]
    announced = (step < known) & np.isfinite(series.values[step])
    known = series.last_known[np.minimum(known, step)]
    return Pairs(issue=issue, known=known, step=step).where(~announced)


def training_pairs(series: Series, *, until: int, rows: int, rng: np.random.Generator, days: int = 365) -> Pairs:
    """At most `rows` random pairs whose outcome was known at `until`, from the last `days`; a third have short leads."""
    known_until = int(series.known_at(np.array([until]))[0])
    begin = max(series.per_day, known_until - days * series.per_day)
    candidates = np.arange(min(begin, known_until), known_until)
    candidates = candidates[np.isfinite(series.values[candidates])]
    if not len(candidates):
        return Pairs(issue=candidates, known=candidates, step=candidates)
    repeats = int(np.clip(rows // len(candidates), 1, 4))
    step = np.repeat(candidates, repeats)
    if len(step) > rows:
        step = np.sort(rng.choice(step, rows, replace=False))
    far, near = HORIZON_HOURS * series.per_hour, ISSUE_EVERY_HOURS * series.per_hour
    lead = np.where(rng.random(len(step)) < 1 / 3, rng.integers(0, near, len(step)), rng.integers(0, far, len(step)))
    issue = np.maximum(step - lead, 0)
    known = series.known_at(issue)
    usable = (known > 0) & (known <= step)
    return Pairs(issue=issue, known=known, step=step).where(usable)
