"""Snow on the panels: it covers them all at once, slides off when sun or air allow, and melts.

Marion et al. (2013), doi:10.1016/j.solener.2013.07.023, as revised by Ryberg & Freeman (2017), NREL/TP-6A20-68705.
"""

import numpy as np

from services.gateway_sim.plant.equipment import Home
from services.gateway_sim.plant.knots import Knots
from services.gateway_sim.plant.noise import HOUR_US, Floats, Integers
from services.gateway_sim.plant.plane import facing_degrees, plane_of_array_w_m2
from services.gateway_sim.plant.sun import clear_sky_ghi_w_m2, sun_at
from services.gateway_sim.plant.weather import rain_mm_h, weather_at

FROST_BELOW_CELSIUS = 1.0
"""Half of what falls at 1 degree is snow: Jennings et al. (2018), doi:10.1038/s41467-018-03629-7."""
CM_PER_MM = 1.0
"""Fresh snow has a tenth of the density of water."""
COVERING_CM_H = 1.0
SLIDE_COEFFICIENT = -80.0
SLIDE_PER_HOUR = 0.197
"""Times the sine of the tilt, of the array's height."""
THAW_ABOVE_CELSIUS = 2.0
THAW_PER_HOUR = 1.0 / 24.0
"""Ours, for panels too flat to slide: a day of thaw clears them."""
STRINGS = 2
"""Rows of panels above each other, each of which gives nothing as long as any snow lies on it."""
_MEMORY_HOURS = 60 * 24
"""Snow of two months ago has gone, if only by wind."""


def snow_at(home: Home, instants_us: Integers) -> Floats:
    """Share of the light that snow keeps from the cells at sorted instants, 0 to 1, constant over each hour."""
    if not len(instants_us):
        return np.zeros(0)
    knots = Knots.around(instants_us, HOUR_US)
    hours_us = np.arange(-_MEMORY_HOURS, len(knots.instants_us), dtype=np.int64) * HOUR_US + knots.instants_us[0]
    middles_us = hours_us + HOUR_US // 2
    weather, sun, tilt = weather_at(home, middles_us), sun_at(home.latitude, home.longitude, middles_us), home.solar.spec.tilt_degrees
    ghi = clear_sky_ghi_w_m2(sun.up) * weather.clear_sky_index
    plane = plane_of_array_w_m2(sun, ghi, tilt_degrees=tilt, azimuth_degrees=facing_degrees(home))
    snowfall = rain_mm_h(home, hours_us) * CM_PER_MM * (weather.temperature_celsius < FROST_BELOW_CELSIUS)
    coverage = coverage_of(snowfall, plane, weather.temperature_celsius, tilt_degrees=tilt)
    loss: Floats = (np.ceil(coverage * STRINGS) / STRINGS)[_MEMORY_HOURS:][knots.row]
    return loss


def coverage_of(snowfall_cm: Floats, plane_w_m2: Floats, temperature_celsius: Floats, *, tilt_degrees: float) -> Floats:
    """Share of the array's height under snow at the end of each hour; what fell longer ago than the memory does not count."""
    fell = snowfall_cm > COVERING_CM_H
    slide = SLIDE_PER_HOUR * np.sin(np.radians(tilt_degrees))
    thaws = temperature_celsius > THAW_ABOVE_CELSIUS
    slides = (temperature_celsius > plane_w_m2 / SLIDE_COEFFICIENT) & ~thaws
    hour = np.arange(len(fell))
    last = np.maximum.accumulate(np.where(fell, hour, -1))
    # counts of whole hours, not sums of amounts: their differences do not depend on where the range begins
    slid, thawed = np.cumsum(slides & ~fell), np.cumsum(thaws & ~fell)
    since = np.maximum(last, 0)
    gone = (slid - slid[since]) * slide + (thawed - thawed[since]) * max(slide, THAW_PER_HOUR)
    return np.where((last >= 0) & (hour - last < _MEMORY_HOURS), np.clip(1.0 - gone, 0.0, 1.0), 0.0)
