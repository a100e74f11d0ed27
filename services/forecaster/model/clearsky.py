"""What an array of unknown size, tilt and shade makes under a clear sky: as it is described, then as it generates.

A fixed plane turns sunlight into power linearly: beam times three direction cosines, plus diffuse light. The four weights are
the expectile of the recent past at which few hours lie above, so clouds hardly move them and curtailed hours never raise them.
"""

import numpy as np
from numpy.typing import NDArray

from services.forecaster.model.series import Series, Values

Matrix = NDArray[np.float64]

ELEVATION, AZIMUTH, ENVELOPE = "sun_elevation_deg", "sun_azimuth_deg", "clear_sky_kw"

FIT_DAYS = 60
HALF_LIFE_DAYS = 30.0
SEEN_PER_HOUR = 2
"""Of finer steps no more are looked at: neighbours tell the same of a plane."""
EXPECTILE = 0.97
REWEIGHTINGS = 40
STATED_HOURS = 0.5
"""Sunny hours that count as much as the array's description."""
SLOTS = 24
SLOT_DAYS = 30
SLOT_QUANTILE = 0.9
SLOT_PRIOR = 3.0
"""Days of a plane without shade that count as much as those measured."""
SLOT_MOST = 2.5
FEWEST_SLOT_DAYS = 5
EDGE_DAYS = 7
FAINT = 0.05
"""Below this share of the peak the sun is so low that its plane is not told from shade and refraction."""
LEAST_PROMINENCE = 0.01
"""Below this share of the peak, a quotient by clear sky says nothing."""
RIDGE = np.array([0.002, 0.02, 0.02, 0.02]) * 1e-3
FLAT_EFFICIENCY = 0.86
"""AC power per kW of rating in 1 kW/m2: PVWatts version 5 manual, table 6."""


def light(elevation_deg: Values, azimuth_deg: Values) -> Matrix:
    """Beam (up, east, north) and diffuse light of a clear sky in kW/m2, shape (steps, 4); 0 below the horizon.

    Beam after Meinel and Meinel (1976) with the air mass of Kasten and Young (1989).
    """
    found = np.zeros((len(elevation_deg), 4))
    risen = elevation_deg > 0  # NaN compares as false
    up = elevation_deg[risen]
    height, around = np.deg2rad(up), np.deg2rad(np.nan_to_num(azimuth_deg[risen]))
    sine, level = np.sin(height), np.cos(height)
    air_mass = 1.0 / (sine + 0.50572 * (up + 6.07995) ** -1.6364)
    beam = 1.353 * 0.7 ** (air_mass**0.678)
    diffuse = 0.14 * np.sqrt(sine) * (1.0 - 0.3 * sine)
    found[risen] = np.column_stack([beam * sine, beam * level * np.sin(around), beam * level * np.cos(around), diffuse])
    return found


def light_of(series: Series) -> Matrix:
    """`light` of every step, shape (count, 4)."""
    return light(series.ahead_or_nan(ELEVATION), series.ahead_or_nan(AZIMUTH))


def stated_sky(series: Series, basis: Matrix, rating_kw: float | None) -> Values:
    """Power in kW under a clear sky by the table's own column, else of so large an array that lies flat, shape (count,); else 0."""
    stated = series.ahead_or_nan(ENVELOPE)
    flat = (rating_kw or 0.0) * FLAT_EFFICIENCY * (basis[:, 0] + basis[:, 3])
    return np.where(np.isfinite(stated), stated, flat).clip(0.0)


def clear_sky(series: Series, basis: Matrix, *, known: int, rating_kw: float | None = None) -> Values:
    """Power in kW of every step under a clear sky, shape (count,), from what is stated and what was measured before `known`.

    Without the sun's azimuth, or before anything was measured, it is what is stated; 0 where nothing is. `basis` is the light. What is
    stated of an array without a rating was itself measured, and does not count beside what was.
    """
    stated = stated_sky(series, basis, rating_kw)
    first = max(0, known - FIT_DAYS * series.per_day)
    past = np.arange(first, known)
    measured = past[np.isfinite(series.values[first:known])]
    if not np.isfinite(series.ahead_or_nan(AZIMUTH)).any() or not (series.values[measured] > 0).any():
        return stated
    apart = max(1, series.per_hour // SEEN_PER_HOUR)
    sunny = measured[basis[measured, 3] > 0][::apart]
    age = 0.5 ** ((known - sunny) / series.per_day / HALF_LIFE_DAYS) * apart / series.per_hour
    prior = plane_of(basis, stated) if rating_kw else None
    plane = np.maximum(basis @ _expectile(basis[sunny], series.values[sunny], age, _strength(basis), prior), 0.0)
    return _with_edges(series, plane * _by_slot(series, plane, known), known)


def plane_of(basis: Matrix, power: Values) -> Values | None:
    """Weights of the light nearest to a power, shape (4,); None where there is none."""
    lit = (basis[:, 3] > 0) & (power > 0)
    if not lit.any():
        return None
    columns = basis[lit]
    return np.linalg.solve(columns.T @ columns + len(columns) * np.diag(RIDGE), columns.T @ power[lit]).astype(np.float64)


def _strength(basis: Matrix) -> Matrix:
    """What so many hours of a description weigh, shape (4, 4)."""
    lit = basis[basis[:, 3] > 0]
    strength: Matrix = STATED_HOURS * lit.T @ lit / max(1, len(lit))
    return strength


def _expectile(basis: Matrix, power: Values, age: Values, strength: Matrix, prior: Values | None) -> Values:
    """Weights of the basis at `EXPECTILE` (asymmetric least squares, Newey and Powell 1987) drawn to the prior, shape (4,)."""
    weight = age
    found = np.zeros(basis.shape[1])
    held = np.zeros_like(strength) if prior is None else strength
    towards = held @ (found if prior is None else prior)
    for _ in range(REWEIGHTINGS):
        weighted = (basis * weight[:, None]).T
        found = np.linalg.solve(weighted @ basis + weight.sum() * np.diag(RIDGE) + held, weighted @ power + towards)
        before, weight = weight, age * np.where(power > basis @ found, EXPECTILE, 1.0 - EXPECTILE)
        if (before == weight).all():
            break
    return found


def _by_slot(series: Series, plane: Values, known: int) -> Values:
    """What neighbours, trees and second planes make of the plane at each hour of the day by UTC, shape (count,)."""
    day, hour = series.per_day, series.per_hour
    begin = (known - 1) // day * day - (SLOT_DAYS - 1) * day
    index = np.arange(max(begin, 0), known)
    usable = index[(plane[index] > LEAST_PROMINENCE * plane.max(initial=0.0)) & np.isfinite(series.values[index])]
    ratio = np.full(SLOT_DAYS * day, np.nan)
    ratio[usable - begin] = series.values[usable] / plane[usable]
    share, count = _usual_most(ratio.reshape(SLOT_DAYS, SLOTS, hour).transpose(1, 0, 2).reshape(SLOTS, -1))
    days = count / hour
    factors = np.where(days >= FEWEST_SLOT_DAYS, (share * days + SLOT_PRIOR) / (days + SLOT_PRIOR), 1.0).clip(0.0, SLOT_MOST)
    found: Values = factors[np.arange(series.count) // hour % SLOTS]
    return found


def _with_edges(series: Series, clear: Values, known: int) -> Values:
    """Beside sunrise and sunset, where a plane says nothing, at least the usual most of the last days at that time, shape (count,)."""
    day, faint = series.per_day, clear < FAINT * clear.max(initial=0.0)
    index = known - 1 - np.arange(EDGE_DAYS * day)
    recent = np.where(index >= 0, series.values[np.maximum(index, 0)], np.nan)
    most, _ = _usual_most(recent.reshape(EDGE_DAYS, day).T)
    edge = most[(known - 1 - np.arange(series.count)) % day]
    return np.where(faint, np.maximum(clear, np.minimum(edge, FAINT * clear.max(initial=0.0))), clear)


def _usual_most(values: Matrix) -> tuple[Values, NDArray[np.int64]]:
    """The quantile `SLOT_QUANTILE` of each row's finite values, 0 for none, and how many there are."""
    ordered = np.sort(values, axis=1)  # NaN sorts last
    count = np.isfinite(ordered).sum(axis=1)
    nearest = np.rint(SLOT_QUANTILE * np.maximum(count - 1, 0)).astype(np.int64)
    return np.nan_to_num(np.take_along_axis(ordered, nearest[:, None], axis=1)[:, 0]), count
