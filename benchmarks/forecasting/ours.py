"""The project's own forecaster as the benchmark calls it: every figure that is called ours passes through here.

Models are refitted with each fold. What they learn from is cut at the same moment for all sites of a place, so none sees the weather
or the feasts of a neighbour's future.
"""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import timedelta
from multiprocessing import get_context
from os import sched_getaffinity

import numpy as np
import pandas as pd

from forecasting.origin import Case, Indices, Quantiles, steps_of
from forecasting.simple import shaped
from services.features.recipe.catalog import catalog
from services.features.recipe.sun import sun_over
from services.features.recipe.table import MEASURED, build_table
from services.forecaster.model import pool, solar
from services.forecaster.model.conformal import Band
from services.forecaster.model.history import History
from services.forecaster.model.pool import Pool
from services.forecaster.model.pooled_design import PooledDesign, Rows, pooled_design
from services.forecaster.model.series import Series, Values, series_from_table
from services.forecaster.model.split import Pairs
from shared.domain.forecast import QUANTILE_LEVELS, Target
from shared.domain.time import instant64

SEED = 7
WINDOW_DAYS = 7
WARM_DAYS = 28
"""Forecast before the test, by a model that had not seen them: they tell the band how wide it must be."""
COLD_SHARE = 0.15
COLD_DAYS = 28
"""So many rows are learned from as if the site were at most so many days old."""
SOLAR_ROWS = 3_000
"""Of each site."""


def load(cases: Sequence[Case]) -> list[Quantiles]:
    """One model of all sites for each fold, and a band that follows each site."""
    series = [series_of(case) for case in cases]
    rows = [_rows(own, case) for own, case in zip(series, cases, strict=True)]
    folds = max(len(case.folds) for case in cases)
    moments = [_moments(cases, back, days=0) for back in range(folds, 0, -1)]
    warm, *models = _fit_all([_training(rows, until) for until in [_moments(cases, folds, days=WARM_DAYS), *moments]])
    return [_followed(own, case, warm, models[-len(case.folds) :]) for own, case in zip(series, cases, strict=True)]


def sun(cases: Sequence[Case]) -> list[Quantiles]:
    """Arrays, with or without forecasts of the weather."""
    series = [series_of(case) for case in cases]
    found: list[list[Quantiles]] = [[] for _ in cases]
    for back in range(max(len(case.folds) for case in cases), 0, -1):
        until = _moments(cases, back, days=0)
        model = solar.fit(
            [History(series=own, known=moment) for own, moment in zip(series, until, strict=True)],
            rows=SOLAR_ROWS * len(cases),
            seed=SEED,
        )
        for parts, own, case in zip(found, series, cases, strict=True):
            if model is not None and back <= len(case.folds):
                fold = case.folds[-back]
                history = History(series=own, known=fold.until)
                parts.append(shaped(model.quantiles(history, _pairs(own, fold.issues, case.hours)), case))
    return [np.concatenate(parts) for parts in found]


def newcomers(others: Sequence[Case], new: Sequence[Case], births: Sequence[Indices]) -> list[list[Quantiles]]:
    """Forecasts of each new site from the issues after each birth, before which it had not measured anything; of the others' model."""
    rows = [_rows(series_of(case), case) for case in others]
    [model] = _fit_all([_training(rows, [case.first for case in others])])
    found = []
    for case, born in zip(new, births, strict=True):
        series = series_of(case)
        found.append([_quantiles(model, series, case, birth + 24 * np.arange(7), since=int(birth)) for birth in born])
    return found


def series_of(case: Case) -> Series:
    """A case as the forecaster sees it, features and all."""
    grid, site = case.grid, case.site
    own = "load_kw" if case.target is Target.LOAD else "solar_kw"
    measured = dict.fromkeys(MEASURED.values(), np.nan) | {MEASURED[own]: case.values}
    stamps = pd.DatetimeIndex(grid.starts()).tz_localize("UTC")
    table = build_table(
        readings=pd.DataFrame({"site_id": site.site_id, "device_id": "meter", "timestamp": stamps} | measured), site=site, tariff=None,
        prices={}, holidays=frozenset(), interval=grid.interval, as_of=grid.end + timedelta(days=1), window_days=WINDOW_DAYS,
    )  # fmt: skip
    series = series_from_table(
        table, catalog(window_days=WINDOW_DAYS), case.target, step=grid.step, start=instant64(grid.start), end=instant64(grid.end)
    )
    return replace(series, ahead=series.ahead | _azimuth(case) | case.weather)


def _azimuth(case: Case) -> dict[str, Values]:
    """Clockwise from north, in the middle of each hour."""
    if case.target is Target.LOAD:
        return {}
    over = sun_over(case.grid, [case.site])
    middle = slice(over.parts // 2, None, over.parts)
    return {"sun_azimuth_deg": np.degrees(np.arctan2(over.east[0, middle], over.north[0, middle])) % 360.0}


def _moments(cases: Sequence[Case], back: int, *, days: int) -> list[int]:
    """Until when each site may be learned from, `back` folds before its last issue and so many days earlier."""
    own = [case.folds[-min(back, len(case.folds))].until - 24 * days for case in cases]
    ends = [case.start + np.timedelta64(until, "h") for case, until in zip(cases, own, strict=True)]
    first = {case.place: min(end for end, other in zip(ends, cases, strict=True) if other.place == case.place) for case in cases}
    return [max(0, int((first[case.place] - case.start) // np.timedelta64(1, "h"))) for case in cases]


def _pairs(series: Series, issues: Indices, hours: int) -> Pairs:
    issue = np.repeat(issues, hours)
    return Pairs(issue=issue, known=series.known_at(issue), step=steps_of(issues, hours).ravel())


def _rows(series: Series, case: Case) -> tuple[PooledDesign, Values, Indices]:
    """All rows of a site that a model may learn from, what happened in units of the level, and when each was over."""
    issues = case.training_issues(series.count)
    pairs = _pairs(series, issues, case.hours)
    numbers = np.random.default_rng(SEED)
    chosen = np.repeat(numbers.random(len(issues)) < COLD_SHARE, case.hours)
    age = np.repeat(numbers.integers(0, COLD_DAYS + 1, len(issues)), case.hours)
    since = np.maximum(pairs.issue - 24 * age, 0)[chosen]
    known = np.maximum(pairs.known[chosen], since)
    full = pooled_design(series, known=pairs.known, step=pairs.step)
    young = pooled_design(series, known=known, step=pairs.step[chosen], since=since)
    step = np.concatenate([pairs.step, pairs.step[chosen]])
    level = np.concatenate([full.level, young.level])
    both = PooledDesign(names=full.names, matrix=np.concatenate([full.matrix, young.matrix]), level=level)
    return both, series.values[step] / level, step


def _training(rows: Sequence[tuple[PooledDesign, Values, Indices]], until: Sequence[int]) -> tuple[tuple[str, ...], Rows, Values]:
    """The rows whose outcome was known at the moment of their site."""
    usable = [(step < moment) & np.isfinite(actual) for (_, actual, step), moment in zip(rows, until, strict=True)]
    matrix = np.concatenate([table.matrix[own] for (table, _, _), own in zip(rows, usable, strict=True)])
    return rows[0][0].names, matrix, np.concatenate([actual[own] for (_, actual, _), own in zip(rows, usable, strict=True)])


def _fit_all(tables: Sequence[tuple[tuple[str, ...], Rows, Values]]) -> list[Pool]:
    with ProcessPoolExecutor(min(len(tables), len(sched_getaffinity(0))), mp_context=get_context("spawn")) as workers:
        return list(workers.map(_fit, tables))


def _fit(table: tuple[tuple[str, ...], Rows, Values]) -> Pool:
    names, matrix, actual = table
    return pool.fit_rows(names, matrix, actual, seed=SEED, threads=1)


def _quantiles(model: Pool, series: Series, case: Case, issues: Indices, *, since: int = 0) -> Quantiles:
    pairs = _pairs(series, issues, case.hours)
    known = np.maximum(pairs.known, since)
    table = pooled_design(series, known=known, step=pairs.step, since=np.full(len(known), since))
    return shaped(model.of(table), case)


def _followed(series: Series, case: Case, warm: Pool, models: Sequence[Pool]) -> Quantiles:
    """Each forecast in the band of those whose days were over when it was issued."""
    before = case.training_issues(case.first)[-WARM_DAYS:]
    raw = [_quantiles(warm, series, case, before)]
    raw += [_quantiles(model, series, case, fold.issues) for model, fold in zip(models, case.folds, strict=True)]
    band, banded = Band.untouched(QUANTILE_LEVELS), []
    for issue, quantiles in zip([*before, *case.issues], np.concatenate(raw), strict=True):
        rows = band.apply(quantiles.T)
        banded.append(np.maximum(rows, 0.0).T)
        band = band.learnt(rows[:24], series.values[issue : issue + 24])
    return np.stack(banded[len(before) :])
