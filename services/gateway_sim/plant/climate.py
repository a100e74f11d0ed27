"""What latitude and season alone say of a place: its mean temperature, its range, how often its sky is covered."""

import numpy as np

from services.gateway_sim.plant.noise import DAY_US, HOUR_US, Floats, Integers

YEAR_US = 365.2425 * DAY_US
WARMEST_DAY = 200.0
"""Day of the year when the north is warmest, about four weeks after the solstice."""
_SOLSTICE_DAY = 172.0
_WARMEST_HOUR = 15.0
_CLEAR_DAY_CELSIUS = 7.0
"""Half of what a clear day with the sun overhead spans; with the usual clouds the German mean is 4.4 in summer and 1.3 in winter."""

_LATITUDES = (0.0, 12.0, 28.0, 36.0, 45.0, 48.0, 60.0, 90.0)
_CLOUDINESS = (0.10, -0.05, -0.76, -0.46, 0.06, 0.10, 0.25, 0.10)
"""Yearly bias of the cloud field, in its standard deviations: wet tropics, dry subtropics, cloudy westerlies."""
_WINTER_CLOUDINESS = (0.0, -0.45, 0.28, 0.70, 0.46, 0.40, 0.35, 0.10)
"""How much cloudier the depth of winter is than the year; monsoons bring their clouds in summer.

Most where the subtropical high lies in summer and the westerlies in winter, as about the Mediterranean and in California: arrays
near Los Angeles show 0.8 to 1.0 of a clear sky's energy from July to September, and 0.45 to 0.65 from December to February.
"""


def season(latitude: float, instants_us: Integers) -> Floats:
    """1 at the height of the local summer, -1 in the depth of winter."""
    summer: Floats = np.cos(2.0 * np.pi * (instants_us / YEAR_US - WARMEST_DAY / 365.2425))
    return summer if latitude >= 0.0 else -summer


def mean_celsius(latitude: float, summer: Floats) -> Floats:
    """Of the day.

    The shape is that of zonal energy balance models (North et al. 1981, Rev. Geophys. 19); the two numbers are those of
    inhabited coasts and plains, which are warmer than a zone with its ice and mountains.
    """
    mean: Floats = 27.0 - 30.0 * np.sin(np.radians(latitude)) ** 2 + 0.18 * abs(latitude) * summer
    return mean


def diurnal_celsius(latitude: float, longitude: float, instants_us: Integers) -> Floats:
    """How much warmer it is under a clear sky than the mean of the day: nothing where the sun stands as high all day."""
    phi = np.radians(latitude)
    declination = np.radians(23.44) * np.cos(2.0 * np.pi * (instants_us / YEAR_US - _SOLSTICE_DAY / 365.2425))
    noon, midnight = np.cos(phi - declination), -np.cos(phi + declination)
    span = np.maximum(noon, 0.0) - np.maximum(midnight, 0.0)
    solar_hour = instants_us / HOUR_US + longitude / 15.0
    warmer: Floats = _CLEAR_DAY_CELSIUS * span * np.cos(2.0 * np.pi * ((solar_hour - _WARMEST_HOUR) / 24.0 % 1.0))
    return warmer


def synoptic_celsius(latitude: float, summer: Floats) -> Floats:
    """Standard deviation of the difference between a day and its season: 3.6 in the middle latitudes, more in winter."""
    deviation: Floats = (1.0 + 2.6 * min(1.0, abs(latitude) / 45.0)) * (1.0 - 0.12 * summer)
    return deviation


def cloudiness(latitude: float, summer: Floats) -> Floats:
    """Bias of the cloud field, in standard deviations of its fronts."""
    high = abs(latitude)
    bias: Floats = float(np.interp(high, _LATITUDES, _CLOUDINESS)) - float(np.interp(high, _LATITUDES, _WINTER_CLOUDINESS)) * summer
    return bias
