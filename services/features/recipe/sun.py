"""Where the sun stands, and what arrays would make of its light. Numpy alone, for many sites at once; tests hold it to pvlib's.

Position by Michalsky (1988), Solar Energy 40(3), to 0.01 degrees, refraction by Saemundsson (1986); clear sky by Ineichen and
Perez (2002) at sea level, as pvlib has it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shared.domain.site import Site
from shared.domain.time import Instants, TimeGrid

Values = NDArray[np.float64]

FINEST = timedelta(minutes=15)
"""The sun is looked at once in each such part of a step, in its middle."""
SYSTEM_EFFICIENCY = 0.86
"""What is left after 14 % of losses (PVWatts version 5 manual, table 6)."""
TEMPERATURE_COEFFICIENT = -0.004
"""Of power per kelvin of the cell above 25 degrees (crystalline silicon)."""
AIR_CELSIUS = 20.0
CELL_KELVIN_PER_W_M2 = 0.03
"""Ross coefficient of a well ventilated roof (Nordmann and Clavadetscher 2003)."""
ALBEDO = 0.25
EXTRATERRESTRIAL_W_M2 = 1364.0
_J2000 = np.datetime64("2000-01-01T12:00", "us")
_MID_MONTHS = pd.date_range("2023-01-15", periods=12, freq=pd.DateOffset(months=1), tz="UTC")
_CELLS_PER_DEGREE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Sun:
    """The sun of each step, shape (sites, steps); NaN where a site's place is unknown."""

    up: Values
    """Sine of its elevation, with refraction: the direction of the sun as a unit vector, of the parts of steps."""
    north: Values
    east: Values
    parts: int
    """Of a step, for each of which there is a direction."""
    clear_ghi_w_m2: Values
    clear_dni_w_m2: Values
    clear_dhi_w_m2: Values

    @property
    def elevation_deg(self) -> Values:
        """Mean over each step, above the horizon."""
        return means(np.degrees(np.arcsin(np.clip(self.up, -1.0, 1.0))), self.parts)

    @property
    def azimuth_deg(self) -> Values:
        """Clockwise from north, 0 to 360, of the mean direction over each step: the sun may cross the north within it."""
        return np.degrees(np.arctan2(means(self.east, self.parts), means(self.north, self.parts))) % 360.0


def sun_over(grid: TimeGrid, sites: Sequence[Site]) -> Sun:
    """The sun and a clear sky at sites."""
    parts = max(1, grid.step // FINEST)
    fine = TimeGrid(start=grid.start + grid.step / parts / 2, step=grid.step / parts, count=grid.count * parts)
    latitude, longitude = (_of(sites, name) for name in ("latitude", "longitude"))
    up, north, east = _direction(fine.starts(), latitude, longitude)
    turbidity = np.stack([_turbidity(site, fine.starts()) for site in sites])
    ghi, dni, dhi = _clear_sky(up, turbidity)
    return Sun(up=up, north=north, east=east, parts=parts, clear_ghi_w_m2=ghi, clear_dni_w_m2=dni, clear_dhi_w_m2=dhi)


def elevation_over(grid: TimeGrid, sites: Sequence[Site]) -> Values:
    """Degrees above the horizon in the middle of each step, shape (sites, steps); NaN where a site's place is unknown."""
    up, _, _ = _direction(grid.starts() + np.timedelta64(grid.step) // 2, _of(sites, "latitude"), _of(sites, "longitude"))
    return np.degrees(np.arcsin(np.clip(up, -1.0, 1.0)))


def array_kw(sun: Sun, sites: Sequence[Site], *, dni: Values, ghi: Values, dhi: Values, air_celsius: Values | float) -> Values:
    """AC power of the sites' arrays in such light, shape (sites, steps), up to rated power; NaN where array or place is unknown.

    Plane of array (isotropic sky), cell temperature and losses. Light and air have the shape of the parts of steps.
    """
    rated, tilt, azimuth = (column[:, None] for column in np.array([_array(site) for site in sites]).T)
    tilt, azimuth = np.radians(tilt), np.radians(azimuth)
    facing = sun.up * np.cos(tilt) + np.sin(tilt) * (sun.north * np.cos(azimuth) + sun.east * np.sin(azimuth))
    light = dni * np.maximum(facing, 0.0) + dhi * (1.0 + np.cos(tilt)) / 2.0 + ghi * ALBEDO * (1.0 - np.cos(tilt)) / 2.0
    warm = 1.0 + TEMPERATURE_COEFFICIENT * (air_celsius + CELL_KELVIN_PER_W_M2 * light - 25.0)
    power = np.clip(rated * light / 1000.0 * warm * SYSTEM_EFFICIENCY, 0.0, rated)
    return means(np.where(sun.up <= 0, power * 0.0, power), sun.parts)


def clear_sky_kw(sun: Sun, sites: Sequence[Site]) -> Values:
    """AC power of the sites' arrays under a clear sky, shape (sites, steps)."""
    return array_kw(sun, sites, dni=sun.clear_dni_w_m2, ghi=sun.clear_ghi_w_m2, dhi=sun.clear_dhi_w_m2, air_celsius=AIR_CELSIUS)


def daylight_hours(sites: Sequence[Site], stamps: Instants) -> Values:
    """From sunrise to sunset on the day around each instant, shape (sites, instants)."""
    declination, _, _ = _astronomy(stamps)
    phi = np.radians(_of(sites, "latitude"))
    horizon = np.sin(np.radians(-0.833))  # the sun's upper edge, refracted
    angle = (horizon - np.sin(phi) * np.sin(declination)) / (np.cos(phi) * np.cos(declination))
    hours: Values = np.degrees(np.arccos(np.clip(angle, -1.0, 1.0))) / 7.5
    return hours


def means(fine: Values, parts: int) -> Values:
    """Means over the parts of each step."""
    return fine if parts == 1 else fine.reshape(*fine.shape[:-1], -1, parts).mean(axis=-1)


def _of(sites: Sequence[Site], name: str) -> Values:
    return np.array([[np.nan if getattr(site, name) is None else getattr(site, name)] for site in sites], dtype=np.float64)


def _array(site: Site) -> tuple[float, float, float]:
    """Rated power, tilt and azimuth."""
    if site.solar is None:
        return np.nan, 0.0, 0.0
    towards_equator = 180.0 if (site.latitude or 0.0) >= 0 else 0.0
    azimuth = site.solar.azimuth_degrees
    return site.solar.capacity_kw, site.solar.tilt_degrees, towards_equator if azimuth is None else azimuth


def _astronomy(stamps: Instants) -> tuple[Values, Values, Values]:
    """Declination and equation of time in radians, and days since J2000."""
    days = (stamps - _J2000) / np.timedelta64(1, "D")
    anomaly = np.radians((357.528 + 0.9856003 * days) % 360.0)
    mean_longitude = np.radians((280.460 + 0.9856474 * days) % 360.0)
    ecliptic = mean_longitude + np.radians(1.915 * np.sin(anomaly) + 0.020 * np.sin(2.0 * anomaly))
    obliquity = np.radians(23.439 - 4e-7 * days)
    ascension = np.arctan2(np.cos(obliquity) * np.sin(ecliptic), np.cos(ecliptic))
    equation = (mean_longitude - ascension + np.pi) % (2.0 * np.pi) - np.pi
    return np.arcsin(np.sin(obliquity) * np.sin(ecliptic)), equation, days


def _direction(stamps: Instants, latitude: Values, longitude: Values) -> tuple[Values, Values, Values]:
    """Up, north and east parts of the sun's direction, shape (sites, instants)."""
    declination, equation, days = _astronomy(stamps)
    hour_angle = equation + 2.0 * np.pi * (days % 1.0) + np.radians(longitude)  # days begin at noon
    phi = np.radians(latitude)
    toward_south = np.cos(declination) * np.cos(hour_angle)
    true_up = np.sin(phi) * np.sin(declination) + np.cos(phi) * toward_south
    degrees = np.degrees(np.arcsin(np.clip(true_up, -1.0, 1.0)))
    seen = np.maximum(degrees, -1.0)
    lifted = degrees + np.where(degrees > -1.0, 1.02 / 60.0 / np.tan(np.radians(seen + 10.3 / (seen + 5.11))), 0.0)
    return (
        np.sin(np.radians(lifted)),
        np.cos(phi) * np.sin(declination) - np.sin(phi) * toward_south,
        -np.cos(declination) * np.sin(hour_angle),
    )


def _clear_sky(up: Values, turbidity: Values) -> tuple[Values, Values, Values]:
    """Global horizontal, direct normal and diffuse horizontal irradiance."""
    high = np.maximum(up, 0.0)
    zenith = np.degrees(np.arccos(np.clip(high, 0.0, 1.0)))
    airmass = 1.0 / (high + 0.50572 * (96.07995 - zenith) ** -1.6364)  # Kasten and Young (1989)
    ghi = 0.868 * EXTRATERRESTRIAL_W_M2 * high * np.exp(-0.0387 * airmass * turbidity)
    beam = EXTRATERRESTRIAL_W_M2 * 0.827 * np.exp(-0.09 * airmass * (turbidity - 1.0))
    share = 1.0 - (0.1 - 0.2 * np.exp(-turbidity)) / (0.1 + 0.882)
    dni = np.where(up > 0, np.minimum(beam, ghi * share / np.maximum(high, 1e-9)), up * 0.0)
    return ghi, dni, ghi - dni * high


def _turbidity(site: Site, stamps: Instants) -> Values:
    """Linke turbidity on each instant."""
    if site.latitude is None or site.longitude is None:
        return np.full(len(stamps), np.nan)
    cell = tuple(round(degrees * _CELLS_PER_DEGREE) / _CELLS_PER_DEGREE for degrees in (site.latitude, site.longitude))
    of_year = (stamps - stamps.astype("datetime64[Y]").astype("datetime64[us]")) / np.timedelta64(1, "D") + 1.0
    turbidity: Values = np.interp(of_year, _MID_MONTHS.day_of_year, _monthly_turbidity(*cell), period=365.25)
    return turbidity


@cache
def _monthly_turbidity(latitude: float, longitude: float) -> tuple[float, ...]:
    """Linke turbidity in the middle of each month (SoDa's map of the world, as pvlib carries it)."""
    from pvlib import clearsky  # takes a second to import, which a look at the status need not wait for

    return tuple(clearsky.lookup_linke_turbidity(_MID_MONTHS, latitude, longitude, interp_turbidity=False))
