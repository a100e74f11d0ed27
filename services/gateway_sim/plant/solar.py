"""Sun, irradiance on the array's plane, cell temperature and power.

Numpy alone, so that one reading costs no import of a modelling library; the tests hold sun and plane against pvlib's.
"""

from dataclasses import dataclass

import numpy as np

from services.gateway_sim.plant.equipment import Home
from services.gateway_sim.plant.noise import DAY_US, Floats, Integers

J2000_US = 946_728_000_000_000
"""2000-01-01T12:00Z."""
SOLAR_CONSTANT_W_M2 = 1361.0
ALBEDO = 0.2
SYSTEM_EFFICIENCY = 0.89
"""Inverter, wiring, mismatch, soiling: PVWatts v5 (Dobos 2014) takes 0.86 for an average system; this one is kept clean."""
WIND_M_S = 1.5
_LOWEST_COSINE = 0.0523
"""Beam irradiance is not divided by the cosine of a zenith angle above 87 degrees."""
_DAWN_COSINE = 0.01
"""Below half a degree of elevation the formula gives less than a sensor sees."""


@dataclass(frozen=True, slots=True)
class Sun:
    """Where the sun stands, in radians; azimuth clockwise from north."""

    elevation: Floats
    azimuth: Floats


@dataclass(frozen=True, slots=True)
class Solar:
    """At each instant, shape (n,)."""

    generation_kw: Floats
    irradiance_w_m2: Floats
    """On the plane of the array."""
    panel_temp_celsius: Floats
    efficiency_percent: Floats
    """Of the panels at their temperature; 0 in the dark, when nothing is converted."""


def sun_at(latitude: float, longitude: float, instants_us: Integers) -> Sun:
    """Position to about 0.01 degrees from 1950 to 2050, without refraction: Michalsky (1988), Solar Energy 40(3)."""
    days = (instants_us - J2000_US) / DAY_US
    anomaly = np.radians((357.528 + 0.9856003 * days) % 360.0)
    ecliptic = np.radians((280.460 + 0.9856474 * days + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2.0 * anomaly)) % 360.0)
    obliquity = np.radians(23.439 - 4e-7 * days)
    ascension = np.arctan2(np.cos(obliquity) * np.sin(ecliptic), np.cos(ecliptic))
    declination = np.arcsin(np.sin(obliquity) * np.sin(ecliptic))
    sidereal_hours = (18.697374558 + 24.06570982441908 * days) % 24.0
    hour_angle = np.radians(15.0 * sidereal_hours + longitude) - ascension
    phi = np.radians(latitude)
    sine = np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.cos(hour_angle)
    azimuth = np.arctan2(-np.sin(hour_angle), np.cos(phi) * np.tan(declination) - np.sin(phi) * np.cos(hour_angle))
    return Sun(elevation=np.arcsin(np.clip(sine, -1.0, 1.0)), azimuth=azimuth % (2.0 * np.pi))


def clear_sky_ghi_w_m2(sun: Sun) -> Floats:
    """Global horizontal irradiance of a clear sky: Haurwitz (1945). Zero when the sun is down."""
    cosine = np.sin(sun.elevation)
    up = cosine > _DAWN_COSINE
    safe = np.where(up, cosine, 1.0)
    return np.where(up, 1098.0 * safe * np.exp(-0.059 / safe), 0.0)


def solar_at(home: Home, instants_us: Integers, sun: Sun, *, clear_sky_index: Floats, temperature_celsius: Floats) -> Solar:
    """What the array makes of sun and weather."""
    array = home.solar
    ghi = clear_sky_ghi_w_m2(sun) * clear_sky_index
    azimuth = array.spec.azimuth_degrees
    if azimuth is None:
        azimuth = 180.0 if home.latitude >= 0.0 else 0.0
    plane = plane_of_array_w_m2(instants_us, sun, ghi, tilt_degrees=array.spec.tilt_degrees, azimuth_degrees=azimuth)
    # Faiman (2008), doi:10.1002/pip.813, with the coefficients of a free-standing module
    cell = temperature_celsius + plane / (25.0 + 6.84 * WIND_M_S)
    thermal = 1.0 + array.temp_coefficient * (cell - 25.0)
    power = array.spec.capacity_kw * plane / 1000.0 * thermal * SYSTEM_EFFICIENCY
    return Solar(
        generation_kw=np.clip(power, 0.0, array.spec.capacity_kw),
        irradiance_w_m2=plane,
        panel_temp_celsius=cell,
        efficiency_percent=np.where(plane > 0.0, np.clip(100.0 * array.panel_efficiency * thermal, 0.0, 100.0), 0.0),
    )


def plane_of_array_w_m2(instants_us: Integers, sun: Sun, ghi_w_m2: Floats, *, tilt_degrees: float, azimuth_degrees: float) -> Floats:
    """Irradiance on a tilted plane: diffuse share by Erbs et al. (1982), sky by Hay & Davies (1980), ground of albedo 0.2."""
    cosine = np.sin(sun.elevation)
    day_angle = 2.0 * np.pi * (instants_us / DAY_US % 365.2425) / 365.2425
    extraterrestrial = SOLAR_CONSTANT_W_M2 * (1.0 + 0.033 * np.cos(day_angle))
    floor = np.maximum(cosine, _LOWEST_COSINE)
    diffuse = ghi_w_m2 * _erbs_diffuse_share(np.clip(ghi_w_m2 / (extraterrestrial * floor), 0.0, 1.0))
    beam = np.minimum((ghi_w_m2 - diffuse) / floor, extraterrestrial)
    tilt, facing = np.radians(tilt_degrees), np.radians(azimuth_degrees)
    incidence = np.maximum(cosine * np.cos(tilt) + np.cos(sun.elevation) * np.sin(tilt) * np.cos(sun.azimuth - facing), 0.0)
    circumsolar = beam / extraterrestrial
    sky = diffuse * (circumsolar * incidence / floor + (1.0 - circumsolar) * (1.0 + np.cos(tilt)) / 2.0)
    ground = ghi_w_m2 * ALBEDO * (1.0 - np.cos(tilt)) / 2.0
    return np.where(ghi_w_m2 > 0.0, beam * incidence + sky + ground, 0.0)


def _erbs_diffuse_share(clearness: Floats) -> Floats:
    k = clearness
    middle = 0.9511 - 0.1604 * k + 4.388 * k**2 - 16.638 * k**3 + 12.336 * k**4
    return np.where(k <= 0.22, 1.0 - 0.09 * k, np.where(k <= 0.80, middle, 0.165))
