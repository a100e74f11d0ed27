"""What a forecast of radiation means for one array: its light split into beam and diffuse, and the power its plane makes of it."""

import numpy as np
from numpy.typing import NDArray

from services.forecaster.model.clearsky import AZIMUTH, ELEVATION, light
from services.forecaster.model.series import Series, Values

Matrix = NDArray[np.float64]

RADIATION = "shortwave_radiation"
"""Column of the forecast global horizontal light in W/m2, as Open-Meteo names it."""
SOLAR_CONSTANT = 1.361
"""kW/m2 above the atmosphere (Kopp and Lean 2011)."""
MOST_OF_CLEAR = 1.3
REWEIGHTINGS = 20
NARROWEST = 0.02
"""Of the most power measured: misses below it weigh alike."""


def has_forecast(series: Series) -> bool:
    """Whether the table forecasts radiation at all."""
    return bool(np.isfinite(series.ahead_or_nan(RADIATION)).any())


def forecast_light(series: Series) -> Matrix:
    """Beam (up, east, north) and diffuse light of the forecast in kW/m2, shape (count, 4).

    The diffuse share follows from the clearness (Erbs, Klein and Duffie 1982).
    """
    clear = light(series.ahead_or_nan(ELEVATION), series.ahead_or_nan(AZIMUTH))
    radiation = np.nan_to_num(series.ahead_or_nan(RADIATION)).clip(0.0) / 1000.0
    outside = SOLAR_CONSTANT * np.sin(np.deg2rad(np.nan_to_num(series.ahead_or_nan(ELEVATION)).clip(0.0)))
    kt = np.clip(radiation / np.maximum(outside, 0.02), 0.0, 1.0)
    middle = 0.9511 - 0.1604 * kt + 4.388 * kt**2 - 16.638 * kt**3 + 12.336 * kt**4
    diffuse = np.where(kt <= 0.22, 1.0 - 0.09 * kt, np.where(kt <= 0.8, middle, 0.165))
    beam = np.clip(radiation * (1.0 - diffuse) / np.maximum(clear[:, 0], 0.01), 0.0, MOST_OF_CLEAR)
    return np.column_stack([clear[:, :3] * beam[:, None], radiation * diffuse])


def forecast_power(series: Series, *, known: int) -> Values:
    """Power in kW that the forecast light makes in the array, shape (count,): least absolute error before `known`; 0 for none."""
    past = np.flatnonzero(np.isfinite(series.values[:known]) & (series.ahead_or_nan(ELEVATION)[:known] > 0))
    most = float(series.values[past].max(initial=0.0))
    if most <= 0 or not has_forecast(series):
        return np.zeros(series.count)
    basis = forecast_light(series)
    columns, power = basis[past], series.values[past] / most
    weight: Values = np.ones(len(past))
    found: Values = np.zeros(basis.shape[1])
    for _ in range(REWEIGHTINGS):
        weighted = columns * weight[:, None]
        found = np.linalg.solve(weighted.T @ columns + 1e-3 * np.eye(basis.shape[1]), weighted.T @ power).astype(np.float64)
        weight = (1.0 / np.maximum(np.abs(power - columns @ found), NARROWEST)).astype(np.float64)
    return np.maximum(basis @ found, 0.0) * most
