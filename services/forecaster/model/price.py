"""The price model: from the last published hour to 48 h ahead, at the resolution of a site.

Whole local days are forecast one after the other, each with the one before as if it had happened. Where columns known ahead (a
published forecast of load or of wind and sun) reach, a model that reads them speaks; beyond, one that reads prices alone. How much
the trees count beside the autoregression, and how wide the band is by time of day and lead, comes from a rehearsal: the last weeks,
forecast day by day by a fit that had not seen them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.forecaster.model import price_parts
from services.forecaster.model.calibration import CORE_LEVELS, Calibration, calibrate, uncalibrated
from services.forecaster.model.price_days import HOURS, PriceDays, filled, price_days
from services.forecaster.model.price_parts import Parts, fit_parts, has_exogenous, nothing_ahead
from services.forecaster.model.quantile import mix
from services.forecaster.model.series import Indices, Series, Values
from services.forecaster.model.split import HORIZON_HOURS
from shared.domain.forecast import QUANTILE_LEVELS

Matrix = NDArray[np.float64]
Cube = NDArray[np.float64]

REHEARSAL_DAYS = 91
AHEAD_DAYS = 2
"""Days that a rehearsal forecasts each time: tomorrow, and the day after from what it said of tomorrow."""
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
EVEN_SHARE = 0.5
GROUP_HOURS = 6
"""Hours of the day that share a band's calibration: night, morning, afternoon, evening."""
FLOOR_SHARE = 0.01
"""The narrowest side of a band, as a share of the mean magnitude of the last year's prices."""
MOST_DAYS = 10
"""Forecast in a row; where nothing was published for longer, the last prices stand in for those between."""
_MEDIAN = CORE_LEVELS.index(0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """The parts of the model, before it is known how far to trust them."""

    informed: Parts | None
    """Reads columns known ahead; None where there are none."""
    plain: Parts

    def days(self, days: PriceDays, *, known: int, first: int, last: int, trees_share: float) -> tuple[Matrix, Cube]:
        """Days `first` to `last` from what lies before step `known`: the autoregression (days, 24), the trees (days, 24, 3)."""
        measured = days.hours(known)
        hours, nothing = filled(measured), nothing_ahead(days)
        told = has_exogenous(days.exogenous)
        linear, trees = np.empty((last - first + 1, HOURS)), np.empty((last - first + 1, HOURS, len(CORE_LEVELS)))
        begin = max(min(days.first_unknown(known), first), last - MOST_DAYS + 1)
        for day in range(begin, last + 1):
            informed = self.informed if told[day] else None
            parts, exogenous = (informed, days.exogenous) if informed else (self.plain, nothing)
            own_linear, own_trees = parts.predict(hours, exogenous, days.weekday, np.array([day]))
            if day >= first:
                linear[day - first], trees[day - first] = own_linear[0], own_trees[0]
            said = mix(own_trees[0, :, _MEDIAN], own_linear[0], trees_share)
            hours[day] = np.where(np.isfinite(measured[day]), measured[day], said)
        return linear, trees


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceModel:
    """A fitted model of one price."""

    exogenous: tuple[str, ...]
    """Columns known ahead that it reads where they reach."""
    fitted: Fitted
    trees_share: float
    floor: float
    calibrations: tuple[Calibration, ...]
    """One for each group of hours of the day; their lead counts from the end of what is known."""

    def answer(self, series: Series, *, issues: Indices, live: bool = False) -> NDArray[np.float64]:
        """Quantiles of the next 48 h from each issue, shape (issues, levels, steps), finite.

        Values announced by then are passed on exactly. `live` takes every announced value in the table as published. The table
        must reach to the end of the horizon.
        """
        days = price_days(series, exogenous=self.exogenous)
        ahead = np.arange(HORIZON_HOURS * series.per_hour)
        whole = np.empty((len(issues), len(QUANTILE_LEVELS), len(ahead)))
        knowns = np.array([series.known_live(int(issue)) for issue in issues]) if live else series.known_at(issues)
        for place, (issue, known) in enumerate(zip(issues, knowns, strict=True)):
            steps = issue + ahead
            told = np.where(steps < known, series.values[steps], np.nan)
            said = self.quantiles(days, known=int(known), steps=steps)
            whole[place] = np.where(np.isfinite(told)[:, None], told[:, None], said).T
        return whole

    def quantiles(self, days: PriceDays, *, known: int, steps: Indices) -> Matrix:
        """Quantiles of steps, in their order, from what lies before step `known`; shape (steps, levels), non-decreasing along a row."""
        first, last = int(days.day[steps[0]]), int(days.day[steps[-1]])
        linear, trees = self.fitted.days(days, known=known, first=first, last=last, trees_share=self.trees_share)
        core = at_steps(days, _core(linear, trees, self.trees_share), first=first, steps=steps, shape=days.shape_within_hours(known))
        lead_hours = (steps - known) / days.series.per_hour
        quantiles = np.empty((len(steps), len(QUANTILE_LEVELS)))
        for group, calibration in enumerate(self.calibrations):
            own = days.hour[steps] // GROUP_HOURS == group
            quantiles[own] = calibration.apply(core[own], lead_hours[own], self.floor)
        return quantiles


def fit_price(series: Series, *, until: int, exogenous: Sequence[str] = (), seed: int) -> PriceModel | None:
    """Fit on what was known at step `until`; None for less than 12 weeks of whole days, or one price throughout."""
    days = price_days(series, exogenous=exogenous)
    known = int(series.known_at(np.array([until]))[0])
    end = days.first_unknown(known)
    fitted = _fit(days, until=end, known=known, seed=seed)
    if fitted is None:
        return None
    year = series.values[max(0, known - 365 * series.per_day) : known]
    floor = max(FLOOR_SHARE * float(np.nanmean(np.abs(year))), 1e-9)
    share, calibrations = _rehearse(days, end=end, floor=floor, seed=seed)
    return PriceModel(exogenous=tuple(exogenous), fitted=fitted, trees_share=share, floor=floor, calibrations=calibrations)


def at_steps(days: PriceDays, core: Cube, *, first: int, steps: Indices, shape: Values) -> Matrix:
    """Hourly quantiles (days from `first`, 24, levels) at steps, with the shape that prices have within hours; (steps, levels)."""
    spread: Matrix = core[days.day[steps] - first, days.hour[steps]] + shape[days.series.steps_of_day()[steps]][:, None]
    return spread


def _fit(days: PriceDays, *, until: int, known: int, seed: int) -> Fitted | None:
    plain = fit_parts(days, nothing_ahead(days), until=until, known=known, seed=seed)
    if plain is None:
        return None
    informed = fit_parts(days, days.exogenous, until=until, known=known, seed=seed) if days.exogenous.shape[2] else None
    return Fitted(informed=informed, plain=plain)


def _rehearse(days: PriceDays, *, end: int, floor: float, seed: int) -> tuple[float, tuple[Calibration, ...]]:
    """The trees' share and the bands that suit the last weeks before day `end`, forecast by a fit that ended before them."""
    groups = HOURS // GROUP_HOURS
    start = max(end - REHEARSAL_DAYS, price_parts.LEAST_HISTORY_DAYS)
    begins = np.searchsorted(days.day, np.arange(start, end + 1))
    fitted = _fit(days, until=start, known=int(begins[0]), seed=seed) if start < end else None
    if fitted is None:
        return EVEN_SHARE, (uncalibrated(QUANTILE_LEVELS),) * groups
    linear, trees, steps, leads = [], [], [], []
    for begin, day in zip(begins, range(start, end), strict=False):
        last = min(day + AHEAD_DAYS, end) - 1
        own = np.arange(begin, begins[last + 1 - start])
        shape = days.shape_within_hours(int(begin))
        by_linear, by_trees = fitted.days(days, known=int(begin), first=day, last=last, trees_share=EVEN_SHARE)
        linear.append(at_steps(days, by_linear[:, :, None], first=day, steps=own, shape=shape)[:, 0])
        trees.append(at_steps(days, by_trees, first=day, steps=own, shape=shape))
        steps.append(own)
        leads.append((own - begin) / days.series.per_hour)
    step, lead = np.concatenate(steps), np.concatenate(leads)
    actual, by_linear, by_trees = days.series.values[step], np.concatenate(linear), np.concatenate(trees)
    share = _best_share(by_linear, by_trees[:, _MEDIAN], actual)
    core = _core(by_linear, by_trees, share)
    group = days.hour[step] // GROUP_HOURS
    return share, tuple(
        _mirrored(core[own], actual[own], lead[own], floor=floor, rows_per_day=GROUP_HOURS * days.series.per_hour)
        for own in (group == number for number in range(groups))
    )


def _mirrored(core: Matrix, actual: Values, lead_hours: Values, *, floor: float, rows_per_day: int) -> Calibration:
    """A calibration from each miss and its mirror image: recent misses tell how wide a band must be, not where its middle lies."""
    middle = core[:, _MEDIAN]
    image = 2.0 * middle[:, None] - core[:, ::-1]
    return calibrate(
        np.concatenate([core, image]),
        np.concatenate([actual, 2.0 * middle - actual]),
        np.tile(lead_hours, 2),
        QUANTILE_LEVELS,
        floor=floor,
        rows_per_day=2 * rows_per_day,
    )


def _core(linear: NDArray[np.float64], trees: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """`CORE_LEVELS` (last axis): the middle of both, with the trees' sides."""
    middle = mix(trees[..., _MEDIAN], linear, share)
    core: NDArray[np.float64] = trees + (middle - trees[..., _MEDIAN])[..., None]
    return core


def _best_share(linear: Values, trees: Values, actual: Values) -> float:
    """The trees' share with the least absolute error, pulled half-way to an even one."""
    finite = np.isfinite(actual)
    losses = [float(np.abs(actual - mix(trees, linear, share))[finite].sum()) for share in SHARES]
    return (SHARES[int(np.argmin(losses))] + EVEN_SHARE) / 2.0
