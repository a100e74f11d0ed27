"""Fitting a model to a history and testing it by rolling origin, both with the same code."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from services.forecaster.model import baselines, quantile
from services.forecaster.model.baselines import ResidualBand, residual_band
from services.forecaster.model.calibration import CORE_LEVELS, Calibration, calibrate
from services.forecaster.model.design import Design, design
from services.forecaster.model.ensemble import BandedBaselines, Ensemble, shares_by_loss
from services.forecaster.model.judged import Judged
from services.forecaster.model.limits import dark_steps, limits, local_hours
from services.forecaster.model.metrics import pinball
from services.forecaster.model.quantile import START_WEIGHT, mix
from services.forecaster.model.series import Indices, Series, Values
from services.forecaster.model.split import LEAST_TRAINING_DAYS, Fold, pairs, training_pairs
from shared.domain.forecast import QUANTILE_LEVELS, Target

Matrix = NDArray[np.float64]
Progress = Callable[[], None]
"""Called after every fit."""

ROWS = 8_000
WEIGHTS = (0.3, 0.5, 0.7, 0.85, 1.0)
LEAST_ROWS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested(Judged):
    """A fold's forecasts by an ensemble, with what its parts said."""

    model: Ensemble
    """Tuned by the folds before it."""
    trees: Matrix
    base: Matrix


def base_of(series: Series) -> str:
    """The seasonal base of a target: the sun's own where a clear-sky column is there, else the mean of a week."""
    sunny = series.target is Target.SOLAR and np.isfinite(series.ahead_or_nan("clear_sky_kw")).any()
    return "clear_sky_x_clearness" if sunny else "mean_7d"


def history_days(series: Series, until: int) -> float:
    """Days from the first value to the last one known at `until`."""
    known = int(series.known_at(np.array([until]))[0])
    measured = np.flatnonzero(np.isfinite(series.values[:known]))
    return (known - int(measured[0])) / series.per_day if len(measured) else 0.0


def fit_at(series: Series, *, until: int, rating_kw: float | None, seed: int) -> Ensemble | None:
    """Fit on what was known at `until`; None where that is too little, or always the same."""
    if history_days(series, until) < LEAST_TRAINING_DAYS:
        return None
    rows = training_pairs(series, until=until, rows=ROWS, rng=np.random.default_rng(seed))
    actual = series.values[rows.step]
    if len(rows) < LEAST_ROWS or actual.min() == actual.max():
        return None
    table = design(series, known=rows.known, step=rows.step)
    hour = local_hours(series)[rows.step]
    known = int(series.known_at(np.array([until]))[0])
    bounds = limits(series, known=known, rating_kw=rating_kw)
    trees = quantile.fit(table, actual, target=series.target, base=base_of(series), hour=hour, limits=bounds, seed=seed)
    bands = _bands(table, actual, hour, series.target)
    return Ensemble(trees=trees, bands=bands, shares=shares_by_loss(1.0, dict.fromkeys(bands, 1.0)))


def baselines_at(series: Series, *, until: int, rating_kw: float | None, seed: int) -> BandedBaselines:
    """The baselines with what their residuals were until then; without a band where nothing was measured."""
    rows = training_pairs(series, until=until, rows=ROWS, rng=np.random.default_rng(seed))
    table = design(series, known=rows.known, step=rows.step)
    known = int(series.known_at(np.array([until]))[0])
    return BandedBaselines(
        limits=limits(series, known=known, rating_kw=rating_kw),
        bands=_bands(table, series.values[rows.step], local_hours(series)[rows.step], series.target),
    )


def _bands(table: Design, actual: Values, hour: Indices, target: Target) -> dict[str, ResidualBand]:
    return {name: residual_band(baselines.point(table, name), actual, hour, QUANTILE_LEVELS) for name in baselines.baseline_names(target)}


def forecast_folds(series: Series, folds: Sequence[Fold], fits: Sequence[Ensemble | None]) -> list[Tested]:
    """Each fold's forecasts, calibrated by what earlier folds had shown by then. Folds without a fit are left out."""
    tested: list[Tested] = []
    for fold, fitted in zip(folds, fits, strict=True):
        if fitted is not None:
            tested.append(forecast_fold(series, fold, tuned(series, fitted, tested, until=fold.until)))
    return tested


def fit_all(series: Series, moments: Sequence[int], *, rating_kw: float | None, seed: int, on_fit: Progress) -> list[Ensemble | None]:
    """`fit_at` for several moments; xgboost releases the interpreter, so they run side by side."""

    def fit_one(until: int) -> Ensemble | None:
        fitted = fit_at(series, until=until, rating_kw=rating_kw, seed=seed)
        on_fit()
        return fitted

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        return list(pool.map(fit_one, moments))


def forecast_fold(series: Series, fold: Fold, fitted: Ensemble) -> Tested:
    rows = pairs(series, fold.issues)
    table = design(series, known=rows.known, step=rows.step)
    hour, dark = local_hours(series)[rows.step], dark_steps(series)[rows.step]
    lead_hours = rows.lead_hours(series)
    trees, base = fitted.trees.parts(table, hour)
    own = fitted.trees.finish(mix(trees, base, fitted.trees.weight), dark=dark, lead_hours=lead_hours)
    others = fitted.baselines(table, hour=hour, dark=dark)
    return Tested(
        model=fitted,
        pairs=rows,
        actual=series.values[rows.step],
        lead_hours=lead_hours,
        trees=trees,
        base=base,
        dark=dark,
        quantiles=fitted.average(own, others),
        baselines=others,
    )


def tuned(series: Series, fitted: Ensemble, tested: Sequence[Tested], *, until: int) -> Ensemble:
    """The mixture, the calibration and the shares of the baselines that suit the earlier folds, by outcomes known at `until`."""
    known = int(series.known_at(np.array([until]))[0])
    past = [(fold, np.isfinite(fold.actual) & (fold.pairs.step < known) & ~fold.dark) for fold in tested]
    past = [(fold, usable) for fold, usable in past if usable.any()]
    if not past:
        return fitted
    trees = np.concatenate([fold.trees[usable] for fold, usable in past])
    base = np.concatenate([fold.base[usable] for fold, usable in past])
    actual = np.concatenate([fold.actual[usable] for fold, usable in past])
    lead = np.concatenate([fold.lead_hours[usable] for fold, usable in past])
    weight = _best_weight(trees, base, actual)
    learned: Calibration = calibrate(
        mix(trees, base, weight), actual, lead, QUANTILE_LEVELS, floor=fitted.trees.floor, rows_per_day=series.per_day
    )
    model = fitted.trees.tuned(weight=weight, calibration=learned)
    # the trees are judged as they are calibrated now: those of the first fold were not calibrated at all
    own = model.finish(mix(trees, base, weight), dark=np.zeros(len(actual), dtype=bool), lead_hours=lead)
    losses = {
        name: pinball(actual, np.concatenate([fold.baselines[name][usable] for fold, usable in past]), QUANTILE_LEVELS)
        for name in fitted.bands
    }
    return replace(fitted, trees=model, shares=shares_by_loss(pinball(actual, own, QUANTILE_LEVELS), losses))


def _best_weight(trees: Matrix, base: Matrix, actual: Values) -> float:
    """The share of the trees with the least pinball loss, pulled half-way to where it starts."""
    losses = [pinball(actual, mix(trees, base, weight), CORE_LEVELS) for weight in WEIGHTS]
    return (WEIGHTS[int(np.argmin(losses))] + START_WEIGHT) / 2
