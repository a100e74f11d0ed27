"""A site under the sun: its clear sky, its forecast sky, and the rows that a solar model reads or learns from."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from services.forecaster.model.clearness import clearness
from services.forecaster.model.clearsky import AZIMUTH, ELEVATION, ENVELOPE, FIT_DAYS, LEAST_PROMINENCE, clear_sky, light_of
from services.forecaster.model.curtailment import held_back
from services.forecaster.model.history import History
from services.forecaster.model.series import Series, Values
from services.forecaster.model.skyforecast import forecast_power, has_sky, sky_columns
from services.forecaster.model.split import Pairs, training_pairs

Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]

TRAINING_DAYS = 365
BLOCK_DAYS = 7
"""A clear sky learned before so many days serves all that is learned from them."""
COLD_SHARE = 0.15
COLD_DAYS = (0, 1, 3, 7, 14)
"""Of the blocks so many are learned from as if the site were so old when they began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Of one site, for a model of the share of clear sky."""

    plain: Matrix
    """What is known without a forecast, shape (rows, columns), finite."""
    sky: Matrix
    """What a forecast adds, shape (rows with one, columns), finite."""
    has_sky: Mask
    """Which rows have one, shape (rows,)."""
    clear_kw: Values
    """Under a clear sky, of each row's step."""
    peak_kw: float
    """The most of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """Rows with what happened."""

    rows: Rows
    actual: Values
    """kW."""
    lead_hours: Values


def rows_of(history: History, pairs: Pairs) -> Rows:
    """Rows of a site whose sky was learned before `history.known`."""
    near, rows = _near(history, pairs)
    series, light = near.series, light_of(near.series)
    clear = clear_sky(series, light, known=near.known, rating_kw=near.rating_kw)
    values = np.where(held_back(series.values, clear, per_hour=series.per_hour, ended=False), np.nan, series.values)
    found = clearness(series, values, clear, known=rows.known, step=rows.step)
    forecast = has_sky(series, issue=rows.issue, step=rows.step)
    added = np.empty((0, 0))
    if forecast.any():
        expected = forecast_power(series, light, clear, known=near.known)
        under = rows.where(forecast)
        added = sky_columns(series, light, clear, expected, issue=under.issue, step=under.step)
    return Rows(plain=found.matrix, sky=added, has_sky=forecast, clear_kw=found.clear_kw, peak_kw=float(clear.max(initial=0.0)))


def lessons(history: History, *, rows: int, rng: np.random.Generator, days: int = TRAINING_DAYS, cold: bool = True) -> Iterator[Lesson]:
    """At most so many random pairs of the last days whose outcome tells how clear the sky was, each by a sky learned before its issue."""
    series = history.series
    pairs = _with_skies(series, training_pairs(series, until=history.known, rows=rows, rng=rng, days=days))
    if not len(pairs):
        return
    block = BLOCK_DAYS * series.per_day
    whole = clear_sky(series, light_of(series), known=history.known, rating_kw=history.rating_kw)
    usable = ~held_back(series.values, whole, per_hour=series.per_hour, ended=True)
    number = (pairs.issue - pairs.issue.min()) // block
    for each in np.unique(number):
        own = pairs.where((number == each) & usable[pairs.step])
        if not len(own):
            continue
        begin = int(pairs.issue.min() + each * block)
        born = begin - int(rng.choice(COLD_DAYS)) * series.per_day if cold and rng.random() < COLD_SHARE else 0
        lesson = _lesson(replace(history, series=_as_if_born(series, born), known=begin), own)
        if lesson is not None:
            yield lesson


def _with_skies(series: Series, pairs: Pairs) -> Pairs:
    """Every second pair issued when its step's weather was known, if it was issued earlier: forecasts read most of what they are given."""
    if series.forecast_ahead_hours is None:
        return pairs
    ahead = np.floor(series.forecast_ahead_hours[pairs.step] * series.per_hour)
    later = (np.arange(len(pairs)) % 2 == 0) & (ahead >= 0)
    issue = np.where(later, np.maximum(pairs.issue, pairs.step - np.nan_to_num(ahead).astype(np.int64)), pairs.issue)
    return Pairs(issue=issue, known=series.known_at(issue), step=pairs.step)


def _lesson(history: History, pairs: Pairs) -> Lesson | None:
    """Of the pairs in the light."""
    found = rows_of(history, pairs)
    bright = found.clear_kw > LEAST_PROMINENCE * found.peak_kw
    if not bright.any():
        return None
    rows = Rows(
        plain=found.plain[bright],
        sky=found.sky[bright[found.has_sky]],
        has_sky=found.has_sky[bright],
        clear_kw=found.clear_kw[bright],
        peak_kw=found.peak_kw,
    )
    chosen = pairs.where(bright)
    return Lesson(rows=rows, actual=history.series.values[chosen.step], lead_hours=chosen.lead_hours(history.series))


def _as_if_born(series: Series, born: int) -> Series:
    """Without what was measured before a step."""
    return replace(series, values=np.where(np.arange(series.count) < born, np.nan, series.values)) if born > 0 else series


def _near(history: History, pairs: Pairs) -> tuple[History, Pairs]:
    """Whole days around rows that hold all they depend on, so that a long history costs no more than a short one."""
    series = history.series
    forecasts = series.forecast_ahead_hours is not None
    first = min(history.known, int(pairs.known.min(initial=history.known))) - FIT_DAYS * series.per_day
    begin = max(0, first // series.per_day * series.per_day)
    # the newest weather of all decides what was known of it
    last = series.count if forecasts else int(pairs.step.max(initial=begin)) + series.per_day
    near = slice(begin, min(max(last, history.known), series.count))
    cut = replace(
        series,
        start=series.time_of(begin),
        values=series.values[near],
        ahead={name: series.ahead[name][near] for name in (ELEVATION, AZIMUTH, ENVELOPE) if name in series.ahead},
        local_shift=series.local_shift[near],
        forecast={name: values[near] for name, values in series.forecast.items()},
        forecast_ahead_hours=None if series.forecast_ahead_hours is None else series.forecast_ahead_hours[near],
    )
    moved = Pairs(issue=pairs.issue - begin, known=pairs.known - begin, step=pairs.step - begin)
    return replace(history, series=cut, known=history.known - begin), moved
