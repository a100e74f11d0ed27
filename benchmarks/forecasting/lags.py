"""What the rivals know at an issue of each hour to forecast: the same wall clock on earlier days, and the calendar."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecasting.origin import Case, Indices, steps_of
from likeness.homes import clock_of
from likeness.measures import Values
from shared.domain.forecast import Target

Matrix = NDArray[np.float64]
WEEK = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """One row for each issue and hour ahead, issue by issue."""

    step: Indices
    lags: Matrix
    """The seven newest days that are known at that wall clock, shape (rows, 7); NaN where nothing was measured."""
    calendar: dict[str, Values]

    @property
    def mean(self) -> Values:
        return nan_mean(self.lags)


def rows_of(case: Case, issues: Indices) -> Rows:
    steps = steps_of(issues, case.hours)
    days = np.arange(case.hours) // 24 + 1
    lags = [same_clock(case, issues, steps, days + back) for back in range(WEEK)]
    clock, step = case.clock, steps.ravel()
    angle = 2.0 * np.pi * clock.day_of_year[step] / 365.25
    calendar = {
        "hour": np.floor(clock.hour[step]),
        "weekday": clock.weekday[step].astype(np.float64),
        "year_sin": np.sin(angle),
        "year_cos": np.cos(angle),
        "lead": (steps - issues[:, None]).ravel() // 24.0,
    }
    return Rows(step=step, lags=np.column_stack([values.ravel() for values in lags]), calendar=calendar)


def same_clock(case: Case, issues: Indices, steps: Indices, days: Indices) -> Matrix:
    """The value at the same time so many days back, shape of `steps`; NaN for what was not known. The sun keeps to UTC, people do not."""
    earlier = steps - 24 * days
    if case.target is Target.LOAD:
        shift = _shift(case)
        earlier = earlier + shift[steps] - shift[np.clip(earlier, 0, None)]
    known = (earlier >= 0) & (earlier < issues[:, None])
    return np.where(known, case.values[np.clip(earlier, 0, len(case.values) - 1)], np.nan)


def nan_mean(values: Matrix) -> Values:
    """Of each row's finite values; NaN for none."""
    finite = np.isfinite(values)
    count = finite.sum(axis=1)
    means: Values = np.divide(np.where(finite, values, 0.0).sum(axis=1), count, out=np.full(len(values), np.nan), where=count > 0)
    return means


def nan_median(values: Matrix) -> Values:
    """Of each row's finite values; NaN for none."""
    medians: Values = pd.DataFrame(values.T).median().to_numpy(dtype=np.float64)
    return medians


def _shift(case: Case) -> Indices:
    """Hours by which the wall clock is ahead of UTC, but for whole days."""
    utc = clock_of(case.start, len(case.values), "UTC").hour
    return np.rint((case.clock.hour - utc + 12.0) % 24.0 - 12.0).astype(np.int64)
