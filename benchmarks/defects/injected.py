"""Defects as they happen to meters, and the steps of each that can be told from life.

Each is put into a series once in some days, from the day on which the usual is known. `told` are the steps that must be flagged;
what is smaller is not counted, and says so in the words of the defect.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from defects.real import Measured
from likeness.measures import Values
from shared.domain.reading import Quality

Mask = NDArray[np.bool_]
Generator = np.random.Generator

FIRST_DAY, EVERY_DAYS = 15, 20
LEAST_KW = 0.01
"""A wrong unit or sign of less is no difference."""
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Damaged:
    """A series with a defect in it."""

    values: Values
    touched: Mask
    told: Mask
    """Of the touched steps those that are large enough to be told from life."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """One kind of defect of load or generation."""

    words: str
    flags: Quality
    """Any of which is right."""
    hours: tuple[float, float]
    """How long it lasts, at least and at most; 0: one step."""
    wrong: Callable[[Values, slice, Measured, Generator], Values]
    """The values of the slice as they are delivered."""
    told: Callable[[Values, Values, slice, Measured], Mask]
    """From the true and the delivered series: which of the slice must be flagged."""
    after_sunrise: bool = False
    """Whether it begins by day."""
    at_night: bool = False


def damaged(values: Values, defect: Defect, home: Measured, rng: Generator) -> Damaged:
    """Put a defect into a series every `EVERY_DAYS` days."""
    given, touched, told = values.copy(), np.zeros(len(values), dtype=np.bool_), np.zeros(len(values), dtype=np.bool_)
    for rows in _events(defect, home, len(values), rng):
        given[rows] = defect.wrong(values, rows, home, rng)
        touched[rows] = np.isfinite(values[rows])
        told[rows] = touched[rows] & defect.told(values, given, rows, home)
    return Damaged(values=given, touched=touched, told=told)


def _events(defect: Defect, home: Measured, count: int, rng: Generator) -> Iterator[slice]:
    per_day = DAY // home.step
    for day in range(FIRST_DAY, count // per_day - EVERY_DAYS, EVERY_DAYS):
        length = max(1, round(rng.uniform(*defect.hours) * (HOUR / home.step)))
        begins = day * per_day + rng.permutation(per_day)
        elevation = home.elevation_deg[begins]
        if defect.after_sunrise:
            begins = begins[(elevation > 10.0) & (home.elevation_deg[np.minimum(begins + length, count - 1)] > 5.0)]
        if defect.at_night:
            begins = begins[elevation < -6.0]
        if len(begins):
            yield slice(int(begins[0]), int(begins[0]) + length)


def _all(_true: Values, given: Values, rows: slice, _home: Measured) -> Mask:
    return np.ones(len(given[rows]), dtype=np.bool_)


def _telling(true: Values, _given: Values, rows: slice, _home: Measured) -> Mask:
    return true[rows] >= LEAST_KW


def _telling_light(true: Values, _given: Values, rows: slice, home: Measured) -> Mask:
    return true[rows] >= 0.01 * home.rated_kw


def _spike(values: Values, rows: slice, home: Measured, rng: Generator) -> Values:
    before = values[rows.start - 14 * (DAY // home.step) : rows.start]
    return np.full(rows.stop - rows.start, max(4.0, 2.5 * float(np.nanmax(before))) * rng.uniform(1.0, 10.0))


def _scaled(low: float, high: float) -> Callable[[Values, slice, Measured, Generator], Values]:
    return lambda values, rows, _home, rng: values[rows] * rng.uniform(low, high)


def _reset(sign: float) -> Callable[[Values, slice, Measured, Generator], Values]:
    """The whole of a counter of 200 to 50,000 kWh in one step."""
    return lambda _values, rows, home, rng: np.full(rows.stop - rows.start, sign * rng.uniform(200.0, 5e4) / (home.step / HOUR))


def _stuck(values: Values, rows: slice, _home: Measured, _rng: Generator) -> Values:
    known = values[rows][np.isfinite(values[rows])]
    return np.where(np.isfinite(values[rows]), known[0] if len(known) else np.nan, np.nan)


def _stuck_load(true: Values, given: Values, rows: slice, home: Measured) -> Mask:
    """A meter that often repeats itself is stuck when it does so for three times as long as usual."""
    per_day = DAY // home.step
    lately = _runs(true[: rows.start // per_day * per_day]).reshape(-1, per_day)[-14:]
    usual = np.median(lately.max(axis=1))
    held = given[rows]
    longer: Mask = _runs(held) > np.maximum(np.where(held == 0.0, 24.0, 6.0) * (HOUR / home.step), 3.0 * usual)
    return longer


def _stuck_light(true: Values, given: Values, rows: slice, home: Measured) -> Mask:
    """What is near the most of the days before may be an inverter at its limit."""
    most = np.nanmax(true[rows.start - 15 * (DAY // home.step) : rows.start])
    held = given[rows]
    return (_runs(held) > 3.0 * (HOUR / home.step)) & (held > 0.0) & (held < 0.97 * most)


def _runs(values: Values) -> Values:
    """How many equal values end at each; a gap ends a run."""
    index = np.arange(len(values))
    starts = np.ones(len(values), dtype=np.bool_)
    starts[1:] = values[1:] != values[:-1]
    return np.where(np.isfinite(values), index - np.maximum.accumulate(np.where(starts, index, 0)) + 1.0, 0.0)


def _dark(_true: Values, _given: Values, rows: slice, home: Measured) -> Mask:
    return home.elevation_deg[rows] < -6.0


def _rated(low: float, high: float) -> Callable[[Values, slice, Measured, Generator], Values]:
    return lambda _values, rows, home, rng: home.rated_kw * rng.uniform(low, high, size=rows.stop - rows.start)


RANGE, SPIKE, FROZEN = Quality.OUT_OF_RANGE, Quality.SPIKE, Quality.FROZEN

OF_LOAD: Mapping[str, Defect] = {
    "spike": Defect(words="2.5 to 25 x the most of 14 days, at least 4 kW; one step", flags=SPIKE, hours=(0, 0), wrong=_spike, told=_all),
    "counter reset, negative": Defect(words="-200 to -50,000 kWh in one step", flags=RANGE, hours=(0, 0), wrong=_reset(-1.0), told=_all),
    "counter reset, positive": Defect(words="200 to 50,000 kWh in one step", flags=SPIKE, hours=(0, 0), wrong=_reset(1.0), told=_all),
    "W for kW": Defect(
        words="x 1000 for 2 hours to 5 days; from 0.01 kW", flags=SPIKE, hours=(2, 120), wrong=_scaled(1e3, 1e3), told=_telling
    ),
    "flipped sign": Defect(
        words="x -1 for 2 hours to 5 days; from 0.01 kW", flags=RANGE, hours=(2, 120), wrong=_scaled(-1, -1), told=_telling
    ),
    "frozen": Defect(
        words="8 to 72 hours; after 6 hours, at 0 kW after 24, and 3 x the usual longest run of a day",
        flags=FROZEN,
        hours=(8, 72),
        wrong=_stuck,
        told=_stuck_load,
    ),
}
OF_SOLAR: Mapping[str, Defect] = {
    "negative": Defect(
        words="x -1 for 2 hours to 5 days; from 1 % of rated", flags=RANGE, hours=(2, 120), wrong=_scaled(-1, -1), told=_telling_light
    ),
    "at night": Defect(
        words="2 to 100 % of rated, 1 to 3 hours", flags=RANGE, hours=(1, 2), wrong=_rated(0.02, 1.0), told=_dark, at_night=True
    ),
    "above 1.2 x rated": Defect(
        words="1.21 to 5 x rated, 1 to 4 hours", flags=RANGE, hours=(1, 4), wrong=_rated(1.21, 5.0), told=_all, after_sunrise=True
    ),
    "W for kW": Defect(
        words="x 1000 for 2 hours to 5 days; from 1 % of rated", flags=RANGE, hours=(2, 120), wrong=_scaled(1e3, 1e3), told=_telling_light
    ),
    "frozen by day": Defect(
        words="4 to 6 hours; after 3 hours, above 0 and below 97 % of the most of 14 days", flags=FROZEN, hours=(4, 6), wrong=_stuck,
        told=_stuck_light, after_sunrise=True,
    ),
}  # fmt: skip
UNRATED: Mapping[str, Defect] = {
    "spike, nobody rated it": Defect(
        words="2.5 to 25 x the most of 14 days, at least 4 kW; one step", flags=SPIKE, hours=(0, 0), wrong=_spike, told=_all
    ),
    "W for kW, nobody rated it": Defect(
        words="x 1000 for 2 hours to 5 days; from 1 % of the most",
        flags=SPIKE,
        hours=(2, 120),
        wrong=_scaled(1e3, 1e3),
        told=_telling_light,
    ),
}
