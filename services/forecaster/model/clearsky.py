"""What an array of unknown size, tilt and shade makes under a clear sky, learned from what it generated.

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
EXPECTILE = 0.97
REWEIGHTINGS = 40
SLOTS = 24
SLOT_DAYS = 30
SLOT_QUANTILE = 0.9
SLOT_PRIOR = 3.0
"""Days of a plane without shade that count as much as those measured."""
SLOT_MOST = 2.5
FEWEST_SLOT_VALUES = 5
LEAST_PROMINENCE = 0.01
"""Below this share of the peak, a quotient by clear sky says nothing."""
RIDGE = np.array([0.002, 0.02, 0.02, 0.02]) * 1e-3


def light(elevation_deg: Values, azimuth_deg: Values) -> Matrix:
    """Beam (up, east, north) and diffuse light of a clear sky in kW/m2, shape (steps, 4); 0 below the horizon.

    Beam after Meinel and Meinel (1976) with the air mass of Kasten and Young (1989).
    """
    up = np.nan_to_num(elevation_deg, nan=0.0).clip(0.0)
    height, around = np.deg2rad(up), np.deg2rad(np.nan_to_num(azimuth_deg))
    sine = np.sin(height)
    air_mass = 1.0 / (sine + 0.50572 * (up + 6.07995) ** -1.6364)
    beam = np.where(up > 0, 1.353 * 0.7 ** (air_mass**0.678), 0.0)
    diffuse = 0.14 * np.sqrt(sine) * (1.0 - 0.3 * sine)
    return np.column_stack([beam * sine, beam * np.cos(height) * np.sin(around), beam * np.cos(height) * np.cos(around), diffuse])


def clear_sky(series: Series, *, known: int) -> Values:
    """Power in kW of every step under a clear sky, shape (count,), from what was measured before `known`.

    Without the sun's azimuth, or before anything was measured, it is the table's own clear-sky column; 0 where that is unknown.
    """
    stated = np.nan_to_num(series.ahead_or_nan(ENVELOPE)).clip(0.0)
    first = max(0, known - FIT_DAYS * series.per_day)
    past = np.arange(first, known)
    measured = past[np.isfinite(series.values[first:known])]
    if not np.isfinite(series.ahead_or_nan(AZIMUTH)).any() or not (series.values[measured] > 0).any():
        return stated
    basis = light(series.ahead_or_nan(ELEVATION), series.ahead_or_nan(AZIMUTH))
    sunny = measured[basis[measured, 3] > 0]
    age = 0.5 ** ((known - sunny) / series.per_day / HALF_LIFE_DAYS)
    plane = np.maximum(basis @ _expectile(basis[sunny], series.values[sunny], age), 0.0)
    shaded = plane * _by_slot(series, plane, sunny[sunny >= known - SLOT_DAYS * series.per_day])
    bounded: Values = np.minimum(shaded, series.values[measured].max())
    return bounded


def _expectile(basis: Matrix, power: Values, age: Values) -> Values:
    """Weights of the basis at `EXPECTILE` (asymmetric least squares, Newey and Powell 1987), shape (4,)."""
    weight = age
    found = np.zeros(basis.shape[1])
    for _ in range(REWEIGHTINGS):
        normal = (basis * weight[:, None]).T @ basis + weight.sum() * np.diag(RIDGE)
        found = np.linalg.solve(normal, (basis * weight[:, None]).T @ power)
        weight = age * np.where(power > basis @ found, EXPECTILE, 1.0 - EXPECTILE)
    return found


def _by_slot(series: Series, plane: Values, recent: NDArray[np.int64]) -> Values:
    """What neighbours, trees and second planes make of the plane at each hour of the day by UTC, shape (count,)."""
    slot = np.arange(series.count) // series.per_hour % SLOTS
    factors = np.ones(SLOTS)
    usable = recent[plane[recent] > LEAST_PROMINENCE * plane.max(initial=0.0)]
    for number in range(SLOTS):
        own = usable[slot[usable] == number]
        if len(own) >= FEWEST_SLOT_VALUES * series.per_hour:
            days = len(own) / series.per_hour
            share = float(np.quantile(series.values[own] / plane[own], SLOT_QUANTILE))
            factors[number] = min((share * days + SLOT_PRIOR) / (days + SLOT_PRIOR), SLOT_MOST)
    found: Values = factors[slot]
    return found
