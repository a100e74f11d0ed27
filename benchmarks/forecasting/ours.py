"""The project's own forecaster as the benchmark calls it: every figure that is called ours passes through here.

It is what serves: one model of all sites, refitted with each fold, adapted to each site by the days that were over. What it learns
from is cut at the same moment for all sites of a place, so none sees the weather or the feasts of a neighbour's future.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from multiprocessing import get_context
from os import sched_getaffinity

import numpy as np
import pandas as pd

from forecasting.lags import Matrix
from forecasting.origin import Case, Indices, Quantiles
from services.features.recipe.catalog import catalog
from services.features.recipe.sun import sun_over
from services.features.recipe.table import MEASURED, build_table
from services.forecaster.model import pool, solar
from services.forecaster.model.adapted import Shared
from services.forecaster.model.following import Following
from services.forecaster.model.history import History
from services.forecaster.model.series import Series, Values, series_from_table
from services.forecaster.model.split import Fold, Pairs, pairs
from services.forecaster.service.pooling import ROWS
from shared.domain.forecast import QUANTILE_LEVELS, Target
from shared.domain.site import Site
from shared.domain.time import TimeGrid, instant64

SEED = 7
WINDOW_DAYS = 7
WARM_DAYS = 28
"""Forecast before the test, by a model that had not seen them: they teach what is adapted to each site."""
WEEK = 7

WEATHER = {
    "shortwave_radiation": "ghi_w_m2",
    "cloud_cover": "cloud_cover_percent",
    "temperature_2m": "temperature_celsius",
    "wind_speed_10m": "wind_speed_m_s",
}
"""Open-Meteo's names and those of the features. It was all forecast at 00 UTC of its day."""

FITS: dict[Target, Callable[..., Shared | None]] = {Target.LOAD: pool.fit, Target.SOLAR: solar.fit}


def forecasts(cases: Sequence[Case]) -> list[Quantiles]:
    """Each case from each of its issues, by a model of all of them."""
    series = [series_of(case) for case in cases]
    folds = max(len(case.folds) for case in cases)
    cuts = [_moments(cases, folds, days=WARM_DAYS), *(_moments(cases, back, days=0) for back in range(folds, 0, -1))]
    warm, *models = _fit_all(cases[0].target, [_Cut(series=series, known=cut) for cut in cuts])
    return [_followed(own, case, warm, models[-len(case.folds) :]) for own, case in zip(series, cases, strict=True)]


def newcomers(others: Sequence[Case], new: Sequence[Case], births: Sequence[Indices]) -> list[list[Quantiles]]:
    """Forecasts of each new site from the issues after each birth, before which it had not measured anything; of the others' model."""
    series = [series_of(case) for case in others]
    [model] = _fit_all(others[0].target, [_Cut(series=series, known=[case.first for case in others])])
    found = []
    for case, born in zip(new, births, strict=True):
        whole = series_of(case)
        young = [replace(whole, values=np.where(np.arange(whole.count) < birth, np.nan, whole.values)) for birth in born]
        issues = [birth + 24 * np.arange(WEEK) for birth in born]
        found.append([_quantiles(model, own, case, days) for own, days in zip(young, issues, strict=True)])
    return found


def series_of(case: Case) -> Series:
    """A case as the forecaster sees it, features and all."""
    series = measured_series(case.site, case.grid, case.target, case.values)
    hour = (case.start - case.start.astype("datetime64[D]")) // np.timedelta64(1, "h")
    return replace(
        series,
        forecast={column: case.weather[name] for name, column in WEATHER.items() if name in case.weather},
        forecast_ahead_hours=(hour + np.arange(series.count)) % 24.0 if case.weather else None,
    )


def measured_series(site: Site, grid: TimeGrid, target: Target, values: Values) -> Series:
    """One target of a site that measures nothing else, with all that its features tell ahead; no weather."""
    own = "load_kw" if target is Target.LOAD else "solar_kw"
    measured = dict.fromkeys(MEASURED.values(), np.nan) | {MEASURED[own]: values}
    stamps = pd.DatetimeIndex(grid.starts()).tz_localize("UTC")
    table = build_table(
        readings=pd.DataFrame({"site_id": site.site_id, "device_id": "meter", "timestamp": stamps} | measured), site=site, tariff=None,
        prices={}, holidays=frozenset(), interval=grid.interval, as_of=grid.end + timedelta(days=1), window_days=WINDOW_DAYS,
    )  # fmt: skip
    series = series_from_table(
        table, catalog(window_days=WINDOW_DAYS), target, step=grid.step, start=instant64(grid.start), end=instant64(grid.end)
    )
    return replace(series, ahead={**series.ahead, **_azimuth(site, grid)}) if target is Target.SOLAR else series


def _azimuth(site: Site, grid: TimeGrid) -> dict[str, Values]:
    """Clockwise from north, in the middle of each step."""
    over = sun_over(grid, [site])
    middle = slice(over.parts // 2, None, over.parts)
    return {"sun_azimuth_deg": np.degrees(np.arctan2(over.east[0, middle], over.north[0, middle])) % 360.0}


def _moments(cases: Sequence[Case], back: int, *, days: int) -> list[int]:
    """Until when each site may be learned from, `back` folds before its last issue and so many days earlier."""
    own = [case.folds[-min(back, len(case.folds))].until - 24 * days for case in cases]
    ends = [case.start + np.timedelta64(until, "h") for case, until in zip(cases, own, strict=True)]
    first = {case.place: min(end for end, other in zip(ends, cases, strict=True) if other.place == case.place) for case in cases}
    return [max(0, int((first[case.place] - case.start) // np.timedelta64(1, "h"))) for case in cases]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    """What a model may learn from: of each series the steps before `known`."""

    series: Sequence[Series]
    known: Sequence[int]


def _fit_all(target: Target, cuts: Sequence[_Cut]) -> list[Shared]:
    workers = min(len(cuts), len(sched_getaffinity(0)))
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as processes:
        return list(processes.map(_fit, [target] * len(cuts), cuts))


def _fit(target: Target, cut: _Cut) -> Shared:
    histories = [History(series=own, known=known) for own, known in zip(cut.series, cut.known, strict=True)]
    model = FITS[target](histories, rows=ROWS, seed=SEED, threads=1)
    assert model is not None, "too little to learn from"
    return model


def _followed(series: Series, case: Case, warm: Shared, models: Sequence[Shared]) -> Quantiles:
    """Each forecast as the site stood when it was issued."""
    site, before = Following(series=series, rating_kw=None, seed=SEED), case.training_issues(case.first)[-WARM_DAYS:]
    for at in range(0, len(before), WEEK):
        site.judged(Fold(until=int(before[at]), issues=before[at : at + WEEK]), warm)
    tested = [site.judged(fold, model) for model, fold in zip(models, case.folds, strict=True)]
    return np.concatenate([_shaped(fold.pairs, fold.quantiles, case, own.issues) for fold, own in zip(tested, case.folds, strict=True)])


def _quantiles(model: Shared, series: Series, case: Case, issues: Indices) -> Quantiles:
    rows = pairs(series, issues, hours=case.hours)
    return _shaped(rows, model.quantiles(History(series=series, known=int(issues[0])), rows), case, issues)


def _shaped(rows: Pairs, quantiles: Matrix, case: Case, issues: Indices) -> Quantiles:
    """Rows as (issues, levels, hours); NaN where a forecast would reach beyond what was measured."""
    shaped = np.full((len(issues), case.hours, len(QUANTILE_LEVELS)), np.nan)
    lead = rows.step - rows.issue
    near = lead < case.hours
    shaped[np.searchsorted(issues, rows.issue[near]), lead[near]] = quantiles[near]
    return shaped.transpose(0, 2, 1)
