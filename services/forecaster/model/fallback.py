"""What serves where no model can: the best simple forecast that the history allows, named, with the reason.

From little to much history: a typical profile, the same scaled to the hours measured, yesterday, the best baseline.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.forecaster.model import baselines
from services.forecaster.model.baselines import HOURS, ResidualBand, residual_band
from services.forecaster.model.design import design as design_of
from services.forecaster.model.history import History
from services.forecaster.model.limits import Limits, dark_steps, limits, local_hours
from services.forecaster.model.metrics import pinball
from services.forecaster.model.series import COLUMNS, Series, Values
from services.forecaster.model.split import Pairs, training_pairs
from shared.domain.forecast import QUANTILE_LEVELS, Target

Matrix = NDArray[np.float64]

PREFIX = "baseline"
VERSION = "1"
ROWS = 4000
DAYS = 28
MANY_MISSING = 0.2

TYPICAL_LOAD_KW = (
    0.26, 0.22, 0.20, 0.19, 0.20, 0.24, 0.36, 0.46, 0.46, 0.43, 0.42, 0.45,
    0.50, 0.46, 0.42, 0.40, 0.43, 0.52, 0.64, 0.68, 0.64, 0.56, 0.45, 0.34,
)  # fmt: skip
"""A home of 3,500 kWh a year by the local hour, after the shape of the German standard load profile H0 (BDEW 1999)."""

TYPICAL_CLEARNESS = 0.5
"""Share of the clear-sky energy that a temperate year delivers, roughly."""

TYPICAL_PRICE_PER_KWH = 0.10
TYPICAL_PRICE_SHAPE = (
    0.90, 0.86, 0.84, 0.83, 0.86, 0.94, 1.08, 1.18, 1.16, 1.04, 0.95, 0.90,
    0.86, 0.84, 0.86, 0.93, 1.02, 1.15, 1.26, 1.28, 1.20, 1.10, 1.02, 0.94,
)  # fmt: skip
"""The daily shape of European day-ahead prices around their mean, rounded."""

TYPICAL_SPREAD = (-0.75, -0.65, -0.35, 0.0, 0.45, 1.0, 1.5)
"""Offsets of `QUANTILE_LEVELS` as a share of the point forecast where nothing was measured to learn them from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback:
    """A named forecast of the same form as a model's."""

    name: str
    reasons: tuple[str, ...]
    """Why it is not more than this, one sentence each; empty for a baseline that has all it needs."""
    limits: Limits
    band: ResidualBand | None = None
    """Around a baseline's points."""
    profile: Values | None = None
    """Points by local hour, shape (24,); None for a baseline or the sun."""
    share: float = 1.0
    """Factor of the clear-sky column where there is neither band nor profile."""

    def quantiles(self, history: History, pairs: Pairs) -> Matrix:
        """Quantiles at `QUANTILE_LEVELS`, shape (rows, levels)."""
        series = history.series
        design = design_of(series, known=pairs.known, step=pairs.step)
        hour, dark = local_hours(series)[pairs.step], dark_steps(series)[pairs.step]
        if self.band is not None:
            values = self.band.quantiles(baselines.point(design, self.name), hour)
        else:
            points = self.profile[hour] if self.profile is not None else self.share * np.nan_to_num(design.column("clear_sky_kw"))
            values = points[:, None] + np.abs(points)[:, None] * np.array(TYPICAL_SPREAD)
        return self.limits.apply(values, dark)


def fallback(series: Series, *, until: int, rating_kw: float | None) -> Fallback:
    """The best that can be had from what was known at `until`."""
    known = int(series.known_at(np.array([until]))[0])
    history = series.values[:known]
    measured = history[np.isfinite(history)]
    bounds = limits(series, known=known, rating_kw=rating_kw)
    days = len(measured) / series.per_day
    name = COLUMNS[series.target]
    if not len(measured):
        return _typical(series, bounds, rating_kw, f"no {name} was ever measured: a typical profile stands in")
    if days < 1.0:
        return _scaled(series, known, bounds, rating_kw, f"only {24 * days:.1f} h of {name} measured: a typical profile at that level")
    if days >= 2.0 and float(measured.min()) == float(measured.max()):
        same = ResidualBand(offsets=np.zeros((HOURS, len(QUANTILE_LEVELS))))
        reason = f"{name} has been {measured[0]:g} throughout: the same is expected, check the meter"
        return Fallback(name="median_7d", reasons=(reason,), limits=bounds, band=same)
    if days < 3.0:
        reason = f"only {days:.1f} days of {name} measured: yesterday is repeated"
        return Fallback(name="yesterday", reasons=(reason,), limits=bounds, band=_spread_band(measured))
    chosen, band = _best(series, until, bounds)
    return Fallback(name=chosen, reasons=missing_reasons(series, known), limits=bounds, band=band)


def missing_reasons(series: Series, known: int) -> tuple[str, ...]:
    """A sentence when much of the last week was not measured."""
    recent = series.values[max(0, known - 7 * series.per_day) : known]
    share = float(np.isnan(recent).mean()) if len(recent) else 0.0
    if share <= MANY_MISSING:
        return ()
    return (f"{100 * share:.0f} % of the last week's {COLUMNS[series.target]} is missing",)


def _best(series: Series, until: int, bounds: Limits) -> tuple[str, ResidualBand]:
    """The baseline with the least pinball loss on random forecasts of the last weeks, and its band."""
    pairs = training_pairs(series, until=until, rows=ROWS, rng=np.random.default_rng(0), days=DAYS)
    rows = design_of(series, known=pairs.known, step=pairs.step)
    actual, hour = series.values[pairs.step], local_hours(series)[pairs.step]
    bright = np.zeros(len(rows), dtype=bool)
    losses: dict[str, float] = {}
    bands: dict[str, ResidualBand] = {}
    for name in baselines.baseline_names(series.target):
        points = baselines.point(rows, name)
        bands[name] = residual_band(points, actual, hour, QUANTILE_LEVELS)
        quantiles = bounds.apply(bands[name].quantiles(points, hour), bright)
        losses[name] = pinball(actual, quantiles, QUANTILE_LEVELS) if len(rows) else 0.0
    chosen = min(losses, key=lambda name: losses[name])
    return chosen, bands[chosen]


def _spread_band(measured: Values) -> ResidualBand:
    """A band from the spread of all that was measured, where too little was to learn residuals."""
    offsets = np.quantile(measured - np.median(measured), QUANTILE_LEVELS)
    return ResidualBand(offsets=np.tile(offsets, (HOURS, 1)))


def _typical(series: Series, bounds: Limits, rating_kw: float | None, reason: str) -> Fallback:
    match series.target:
        case Target.LOAD:
            return Fallback(name="typical_home", reasons=(reason,), limits=bounds, profile=np.array(TYPICAL_LOAD_KW))
        case Target.PRICE:
            profile = TYPICAL_PRICE_PER_KWH * np.array(TYPICAL_PRICE_SHAPE)
            return Fallback(name="typical_price", reasons=(reason,), limits=bounds, profile=profile)
        case Target.SOLAR if np.isfinite(series.ahead_or_nan("clear_sky_kw")).any():
            return Fallback(name="typical_sky", reasons=(reason,), limits=bounds, share=TYPICAL_CLEARNESS)
        case Target.SOLAR:
            return Fallback(name="typical_sun", reasons=(reason,), limits=bounds, profile=_sun_profile(rating_kw or 0.0))


def _scaled(series: Series, known: int, bounds: Limits, rating_kw: float | None, reason: str) -> Fallback:
    """The typical profile at the level measured in the few hours there are."""
    typical = _typical(series, bounds, rating_kw, reason)
    seen = np.flatnonzero(np.isfinite(series.values[:known]))
    expected = series.ahead_or_nan("clear_sky_kw")[seen] if typical.profile is None else typical.profile[local_hours(series)[seen]]
    total = float(np.nansum(expected))
    factor = float(series.values[seen].sum()) / total if total > 1e-6 else None
    if factor is None:
        return typical
    if typical.profile is None:
        share = float(np.clip(factor, 0.0, 1.0))
        return Fallback(name=typical.name, reasons=typical.reasons, limits=bounds, share=share)
    return Fallback(name=typical.name, reasons=typical.reasons, limits=bounds, profile=typical.profile * factor)


def _sun_profile(rating_kw: float) -> Values:
    """Half of a sine between 6 and 18 h local time at the rating: all that is left where no place is known."""
    hour = np.arange(HOURS) + 0.5
    profile: Values = TYPICAL_CLEARNESS * rating_kw * np.clip(np.sin((hour - 6.0) / 12.0 * np.pi), 0.0, None)
    return profile
