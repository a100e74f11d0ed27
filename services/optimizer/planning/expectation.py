"""From forecasts and recent measurements to what a plan expects, and to the scenarios around it.

Nothing here fails for want of data: what is missing is substituted by the next best thing, and each substitution is a sentence.
"""

from datetime import datetime, timedelta
from statistics import NormalDist

import numpy as np

from services.optimizer.planning.problem import Array
from services.optimizer.planning.value import Scenarios
from shared.domain.forecast import Forecast
from shared.domain.tariff import hold_series
from shared.domain.time import Instants, TimeGrid, format_duration

STALE_AFTER = timedelta(hours=6)
"""A forecast older than this is used, and said to be old."""
ASSUMED_ERROR = 1.0 / 3.0
"""Standard deviation of a home's load or sun around a forecast, as a share of it, where nothing better is known."""
ASSUMED_LOAD_KW = 0.5
"""An average home's mean load, when nothing at all is known of it."""
DAY = timedelta(days=1)
SCENARIO_LEVELS = (0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95)
"""Levels at which the net load is taken; each stands for the probability nearest to it."""


def mean_of(forecast: Forecast) -> Array:
    """The expected value of each step, shape (steps,): quantiles integrated over their level, the ends held outwards."""
    levels = np.array(forecast.levels)
    edges = np.concatenate(([0.0], (levels[1:] + levels[:-1]) / 2.0, [1.0]))
    mean: Array = np.diff(edges) @ forecast.values
    return mean


def on_grid(values: Array, source: TimeGrid, grid: TimeGrid) -> Array:
    """Step means of one grid on another, shape (grid.count,); NaN where the source does not reach.

    A finer target repeats, a coarser one averages: energy stays the same.
    """
    if not source.count or not grid.count:
        return np.full(grid.count, np.nan)
    edges = np.arange(source.count + 1) * source.step.total_seconds()
    energy = np.concatenate(([0.0], np.cumsum(values) * source.step.total_seconds()))
    offset = (grid.start - source.start).total_seconds()
    wanted = offset + np.arange(grid.count + 1) * grid.step.total_seconds()
    inside = (wanted[:-1] >= -1e-6) & (wanted[1:] <= edges[-1] + 1e-6)
    mean = np.diff(np.interp(wanted, edges, energy)) / grid.step.total_seconds()
    return np.where(inside, mean, np.nan)


def step_means(instants: Instants, values: Array, grid: TimeGrid) -> Array:
    """The mean of the finite values stamped within each step, shape (grid.count,); NaN where there is none.

    Values stamped less often than the grid's steps hold until the next one, for their usual spacing, at most an hour.
    """
    if not len(instants) or not grid.count:
        return np.full(grid.count, np.nan)
    known = np.isfinite(values)
    spacing = timedelta(seconds=float(np.median(np.diff(instants)) / np.timedelta64(1, "s"))) if len(instants) > 1 else grid.step
    return hold_series(instants[known], values[known], grid, longest=min(spacing, timedelta(hours=1)))


def daily_profile(values: Array, source: TimeGrid, grid: TimeGrid) -> Array:
    """The mean of past values at the same time of the UTC day, shape (grid.count,); NaN where no day has one."""
    if not source.count or DAY % grid.step:
        return np.full(grid.count, np.nan)
    per_day = DAY // grid.step
    slot = _slot_of_day(source, per_day)
    known = np.isfinite(values)
    counts = np.bincount(slot[known], minlength=per_day)
    sums = np.bincount(slot[known], weights=values[known], minlength=per_day)
    mean = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    if np.isnan(mean).any() and known.any():
        mean = np.where(np.isnan(mean), values[known].mean(), mean)
    profile: Array = mean[_slot_of_day(grid, per_day)]
    return profile


def repeat_last_day(values: Array, grid: TimeGrid) -> Array:
    """NaN steps get the value 24 hours before, as often as it takes; steps that no day reaches stay NaN."""
    per_day = max(1, DAY // grid.step)
    filled = values.copy()
    for step in np.flatnonzero(~np.isfinite(filled)):
        if step >= per_day:
            filled[step] = filled[step - per_day]
    return filled


def expected(
    name: str, forecast: Forecast | None, history: Array, history_grid: TimeGrid, grid: TimeGrid, *, now: datetime, otherwise_kw: float
) -> tuple[Array, tuple[str, ...]]:
    """The expected course of load or solar, never negative, and what was substituted.

    The forecast's mean; beyond it the recent daily profile; without either a constant.
    """
    said: list[str] = []
    values = np.full(grid.count, np.nan)
    if forecast is not None:
        values = on_grid(mean_of(forecast), forecast.grid, grid)
        said += [f"{name} forecast: {sentence}" for sentence in forecast.degraded]
        if now - forecast.issued_at > STALE_AFTER:
            said.append(f"the {name} forecast is {_age(now - forecast.issued_at)} old")
    missing = ~np.isfinite(values)
    if missing.any():
        profile = daily_profile(history, history_grid, grid)
        source = "the mean of recent days"
        if np.isnan(profile).all():
            profile, source = np.full(grid.count, otherwise_kw), f"a constant {otherwise_kw:g} kW"
        values = np.where(missing, profile, values)
        if forecast is None:
            said.append(f"there is no {name} forecast: {source} stands in")
        elif missing.sum() > grid.count // 8:
            said.append(f"the {name} forecast ends {int(missing.sum())} steps early: {source} stands in")
    return np.maximum(np.nan_to_num(values, nan=otherwise_kw), 0.0), tuple(said)


def is_dark_by_failure(solar_kw: Array, history: Array, grid: TimeGrid) -> bool:
    """A solar expectation of nothing for a whole day or more, where the recent days had sun: its provider failed."""
    recent = history[np.isfinite(history)]
    whole_day = grid.count * grid.step >= DAY
    return bool(whole_day and len(recent) and recent.max() > 0.05 and solar_kw.max(initial=0.0) <= 1e-6)


def scenarios(load: Forecast | None, solar: Forecast | None, *, load_kw: Array, solar_kw: Array, grid: TimeGrid) -> Scenarios:
    """Net load at a few levels around the expectation.

    Load and solar errors are taken as independent of each other, so their spreads add by squares.
    """
    if load is None:
        return assumed_spread(load_kw, solar_kw)
    upper, lower = np.zeros((len(SCENARIO_LEVELS), grid.count)), np.zeros((len(SCENARIO_LEVELS), grid.count))
    for row, level in enumerate(SCENARIO_LEVELS):
        upper[row] = _deviation(load, level, grid)
        lower[row] = _deviation(solar, 1.0 - level, grid) if solar is not None else 0.0
    sign = np.sign(np.array(SCENARIO_LEVELS) - 0.5)[:, None]
    spread = sign * np.sqrt(upper**2 + lower**2)
    return _around(load_kw - solar_kw, spread, _weights(np.array(SCENARIO_LEVELS)))


def assumed_spread(load_kw: Array, solar_kw: Array) -> Scenarios:
    """Scenarios where nothing was measured of the errors: normal, a third of the load and a third of the sun."""
    deviation = ASSUMED_ERROR * np.sqrt(load_kw**2 + solar_kw**2)
    levels = np.array(SCENARIO_LEVELS)
    normal = np.array([NormalDist().inv_cdf(level) for level in SCENARIO_LEVELS])
    return _around(load_kw - solar_kw, normal[:, None] * deviation[None, :], _weights(levels))


def _weights(levels: Array) -> Array:
    """The probability that lies nearest to each level."""
    return np.diff(np.concatenate(([0.0], (levels[1:] + levels[:-1]) / 2.0, [1.0])))


def _around(net_kw: Array, spread: Array, weights: Array) -> Scenarios:
    """Scenarios whose expectation stays where it is."""
    net = net_kw[None, :] + spread - (weights @ spread)[None, :]
    return Scenarios(load_kw=np.maximum(net, 0.0), solar_kw=np.maximum(-net, 0.0), weights=weights)


def _deviation(forecast: Forecast, level: float, grid: TimeGrid) -> Array:
    """A quantile's distance from the median on the grid; 0 beyond the forecast."""
    bounded = min(max(level, forecast.levels[0]), forecast.levels[-1])
    return np.nan_to_num(on_grid(forecast.quantile(bounded) - forecast.median, forecast.grid, grid))


def _slot_of_day(grid: TimeGrid, per_day: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    seconds = grid.starts().astype("datetime64[s]").astype(np.int64) % 86_400
    return np.asarray(seconds * per_day // 86_400, dtype=np.int64)


def _age(age: timedelta) -> str:
    return format_duration(timedelta(seconds=int(age.total_seconds())))[2:].lower()
