"""What a forecast of radiation means for one array: its light split into beam and diffuse, and the power its plane makes of it.

A row (`issue`, `step`) reads of each step only weather that was known at its issue; around the step, else that of the step itself.
"""

import numpy as np
from numpy.typing import NDArray

from services.forecaster.model.clearsky import ELEVATION, FIT_DAYS, plane_of
from services.forecaster.model.series import Indices, Series, Values

Matrix = NDArray[np.float64]

RADIATION, CLOUD, TEMPERATURE, WIND = "ghi_w_m2", "cloud_cover_percent", "temperature_celsius", "wind_speed_m_s"
SOLAR_CONSTANT = 1.361
"""kW/m2 above the atmosphere (Kopp and Lean 2011)."""
MOST_OF_CLEAR = 1.3
MOST_OF_POWER = 1.5
REWEIGHTINGS = 20
SETTLED = 1e-3
"""Of the most power in 1 kW/m2: weights that move less have been found."""
NARROWEST = 0.02
"""Of the most power measured: misses below it weigh alike."""
STATED_HOURS = 20.0
"""Of light that count as much as the array's description."""
AROUND = np.arange(-12, 13)
"""Hours around a step whose weather tells of its day."""
NEAR = np.flatnonzero(np.abs(AROUND) <= 2)
BEFORE, AT, AFTER = (int(np.flatnonzero(hour == AROUND)[0]) for hour in (-1, 0, 1))
USUAL = {TEMPERATURE: 12.0, WIND: 3.0}
"""Where a forecast leaves it out: near the means of the temperate world."""


def forecast_of(series: Series, name: str) -> Values:
    """A column of the forecast, NaN throughout where there is none of that name."""
    column = series.forecast.get(name)
    return np.full(series.count, np.nan) if column is None else column


def has_sky(series: Series, *, issue: Indices, step: Indices) -> NDArray[np.bool_]:
    """Whether a row knows a forecast of the light of its step; shape as both."""
    known: NDArray[np.bool_] = series.forecast_known(issue=issue, step=step) & np.isfinite(forecast_of(series, RADIATION)[step])
    return known


def forecast_light(series: Series, sky: Matrix) -> Matrix:
    """Beam (up, east, north) and diffuse light of the forecast in kW/m2, shape (count, 4).

    `sky` is that of a clear sky. The diffuse share follows from the clearness (Erbs, Klein and Duffie 1982).
    """
    radiation = np.nan_to_num(forecast_of(series, RADIATION)).clip(0.0) / 1000.0
    outside = SOLAR_CONSTANT * np.sin(np.deg2rad(np.nan_to_num(series.ahead_or_nan(ELEVATION)).clip(0.0)))
    kt = np.clip(radiation / np.maximum(outside, 0.02), 0.0, 1.0)
    middle = 0.9511 - 0.1604 * kt + 4.388 * kt**2 - 16.638 * kt**3 + 12.336 * kt**4
    diffuse = np.where(kt <= 0.22, 1.0 - 0.09 * kt, np.where(kt <= 0.8, middle, 0.165))
    beam = np.clip(radiation * (1.0 - diffuse) / np.maximum(sky[:, 0], 0.01), 0.0, MOST_OF_CLEAR)
    return np.column_stack([sky[:, :3] * beam[:, None], radiation * diffuse])


def forecast_power(series: Series, sky: Matrix, clear: Values, *, known: int) -> Values:
    """Power in kW that the forecast light makes in the array, shape (count,).

    Its plane has the least absolute error before `known`, drawn to the plane of `clear`, the power under a clear sky of every step;
    without measurements or weather of the past it is that plane.
    """
    basis = forecast_light(series, sky)
    prior = plane_of(sky, clear)
    most = float(clear.max(initial=0.0))
    if prior is None or most <= 0:
        return np.zeros(series.count)
    # one step of each hour is enough: a forecast knows no more
    index = np.arange(max(0, known - FIT_DAYS * series.per_day), known, series.per_hour)
    past = index[np.isfinite(series.values[index]) & (basis[index, 3] > 0) & has_sky(series, issue=index, step=index)]
    columns, power = basis[past], series.values[past] / most
    lit = sky[sky[:, 3] > 0]
    strength = STATED_HOURS * lit.T @ lit / max(1, len(lit)) + 1e-6 * np.eye(basis.shape[1])
    found = prior / most
    for _ in range(REWEIGHTINGS if len(past) else 0):
        weight = 1.0 / np.maximum(np.abs(power - columns @ found), NARROWEST)
        weighted = (columns * weight[:, None]).T
        held = strength * weight.mean()
        before, found = found, np.linalg.solve(weighted @ columns + held, weighted @ power + held @ prior / most)
        if np.abs(found - before).max() < SETTLED:
            break
    expected: Values = np.maximum(basis @ found, 0.0) * most
    return expected


def sky_columns(series: Series, sky: Matrix, clear: Values, expected: Values, *, issue: Indices, step: Indices) -> Matrix:
    """What a forecast says of rows that have one, shape (rows, columns), finite.

    Its power over that of a clear sky at the step and beside it, its clearness there, around it and over its day, its clouds and
    air. `clear` and `expected` are the powers of every step under a clear and under the forecast sky, shape (count,).
    """
    place = step[:, None] + AROUND * series.per_hour
    place = np.where((place >= 0) & (place < series.count), place, step[:, None])
    place = np.where(has_sky(series, issue=issue[:, None], step=place), place, step[:, None])
    above = (sky[:, 0] + sky[:, 3])[place]
    radiation = np.nan_to_num(forecast_of(series, RADIATION)).clip(0.0)[place] / 1000.0
    index = np.where(above > 0.02, np.clip(radiation / np.maximum(above, 0.02), 0.0, MOST_OF_CLEAR), 0.0)
    peak = max(float(clear.max(initial=0.0)), 1e-9)
    through = np.clip(expected[place] / np.maximum(clear[place], 0.02 * peak), 0.0, MOST_OF_POWER)
    cloud = forecast_of(series, CLOUD)[place] / 100.0
    cloud = np.where(np.isfinite(cloud), cloud, np.clip(1.0 - index, 0.0, 1.0))

    def mean(hours: NDArray[np.int64]) -> Values:
        share: Values = np.clip(radiation[:, hours].sum(axis=1) / np.maximum(above[:, hours].sum(axis=1), 1e-3), 0.0, MOST_OF_CLEAR)
        return share

    beside = (BEFORE, AT, AFTER)
    columns = [through[:, hour] for hour in beside] + [expected[step] / peak]
    columns += [index[:, hour] for hour in beside] + [mean(NEAR), mean(np.arange(len(AROUND))), radiation[:, AT]]
    columns += [cloud[:, hour] for hour in beside]
    columns += [np.nan_to_num(forecast_of(series, name)[step], nan=usual) for name, usual in USUAL.items()]
    return np.column_stack(columns)
