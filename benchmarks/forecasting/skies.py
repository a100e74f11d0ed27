"""Solar rivals: clear sky times recent clearness where nobody forecasts the weather, physics and ridge where somebody does."""

from dataclasses import replace

import numpy as np

from forecasting.lags import Matrix, rows_of
from forecasting.origin import Case, Indices, clear_ghi, steps_of
from forecasting.sets import RADIATION
from forecasting.simple import Point, filled, mean_of_week, solved, yesterday
from forecasting.trees import columns_of
from likeness.measures import Values
from services.features.recipe.rolling import clear_sky_envelope
from services.features.recipe.sun import array_kw, sun_over
from shared.domain.site import SolarSpec

CLEARNESS_DAYS = (1, 3, 7)
TILTS = (5.0, 20.0, 35.0, 50.0)
AZIMUTHS = tuple(range(0, 360, 45))
LEAST_LIGHT = 1e-6


def clearness(case: Case, issues: Indices) -> Values:
    """The envelope of two weeks at that hour, times the mean of the shares of it that the last 1, 3 and 7 days had."""
    sky = clear_sky_envelope(case.values, step=case.grid.step)
    both = np.isfinite(case.values) & np.isfinite(sky)
    seen, possible = (np.concatenate([[0.0], np.cumsum(np.where(both, values, 0.0))]) for values in (case.values, sky))
    shares = []
    for days in CLEARNESS_DAYS:
        begin = np.maximum(issues - 24 * days, 0)
        light = possible[issues] - possible[begin]
        shares.append(np.divide(seen[issues] - seen[begin], light, out=np.ones(len(issues)), where=light > LEAST_LIGHT))
    points = sky[steps_of(issues, case.hours)] * np.mean(shares, axis=0)[:, None]
    return filled(points.ravel(), rows_of(case, issues), case, issues)


def mean_of_three(case: Case, issues: Indices) -> Values:
    """Yesterday, the week's mean, and clear sky times clearness."""
    values: Values = np.mean([forecast(case, issues) for forecast in (yesterday, mean_of_week, clearness)], axis=0)
    return values


def physics(case: Case, until: int) -> Point:
    """A plane in the light of the forecast: of a grid of tilts and azimuths the one that was nearest, and its size."""
    past = steps_of(case.training_issues(until), case.hours).ravel()
    actual = case.values[past]
    usable = np.isfinite(actual)
    best, least = np.zeros(len(case.values)), np.inf
    for unit in _planes(case):
        light = unit[past][usable]
        power = unit * float((light * actual[usable]).sum() / max(float((light**2).sum()), LEAST_LIGHT))
        if (error := float(np.abs(power[past][usable] - actual[usable]).mean())) < least:
            best, least = power, error
    return lambda own, issues: best[steps_of(issues, own.hours).ravel()]


def ridge_on_weather(case: Case, until: int) -> Point:
    """Ridge on the weather forecast, the physics of it, the sun and the last days."""
    model = physics(case, until)

    def columns(own: Case, issues: Indices) -> Matrix:
        """A linear model knows no gaps, and a level for each hour."""
        rows = np.nan_to_num(columns_of(own, issues))
        hour = np.eye(24)[rows_of(own, issues).calendar["hour"].astype(np.int64)]
        power = model(own, issues)
        return np.column_stack([rows, power, hour, hour * power[:, None]])

    past = case.training_issues(until)
    actual = case.values[steps_of(past, case.hours).ravel()]
    usable = np.isfinite(actual)
    return solved(columns(case, past)[usable], actual[usable], columns)


def _planes(case: Case) -> list[Values]:
    """What an array of 1 kW makes of the forecast at each orientation, shape (count,)."""
    sun = sun_over(case.grid, [case.site])
    clear = np.maximum(clear_ghi(case), LEAST_LIGHT)
    # the parts of an hour share its clearness, so that the light of its beginning and end is not the same
    index = np.repeat(np.clip(np.nan_to_num(case.weather[RADIATION]) / clear, 0.0, 1.2), sun.parts)
    ghi = sun.clear_ghi_w_m2 * index
    diffuse = _diffuse_share(ghi, sun.up)
    beam = np.where(sun.up > 0.05, ghi * (1.0 - diffuse) / np.maximum(sun.up, 0.05), 0.0)
    sites = [
        replace(case.site, solar=SolarSpec(capacity_kw=1.0, tilt_degrees=tilt, azimuth_degrees=float(azimuth)))
        for tilt in TILTS
        for azimuth in AZIMUTHS
    ]
    return [array_kw(sun, [site], dni=beam, ghi=ghi, dhi=ghi * diffuse, air_celsius=20.0)[0] for site in sites]


def _diffuse_share(ghi: Values, up: Values) -> Values:
    """Of global irradiance, by Erbs, Klein and Duffie (1982)."""
    index = np.clip(ghi / np.maximum(1361.0 * up, 50.0), 0.0, 1.0)
    middle = 0.9511 - 0.1604 * index + 4.388 * index**2 - 16.638 * index**3 + 12.336 * index**4
    share: Values = np.where(index <= 0.22, 1.0 - 0.09 * index, np.where(index <= 0.8, middle, 0.165))
    return share
