"""Where the sun stands, and what it gives through a clear sky.

Numpy alone, so that one reading costs no import of a modelling library; the tests hold it to pvlib's.
"""

from dataclasses import dataclass

import numpy as np

from services.gateway_sim.plant.knots import Knots
from services.gateway_sim.plant.noise import DAY_US, Floats, Integers

J2000_US = 946_728_000_000_000
"""2000-01-01T12:00Z."""
SOLAR_CONSTANT_W_M2 = 1361.0
DAWN_UP = 0.01
"""Below half a degree of elevation the clear sky's formula gives less than a sensor sees."""


@dataclass(frozen=True, slots=True)
class Sun:
    """The direction of the sun as a unit vector, at each instant, shape (n,)."""

    up: Floats
    """The sine of the elevation, without refraction."""
    north: Floats
    east: Floats
    extraterrestrial_w_m2: Floats
    """Irradiance outside the atmosphere on a surface that faces the sun."""

    @property
    def elevation(self) -> Floats:
        """Radians above the horizon."""
        return np.arcsin(np.clip(self.up, -1.0, 1.0))

    @property
    def azimuth(self) -> Floats:
        """Radians clockwise from north."""
        azimuth: Floats = np.arctan2(self.east, self.north) % (2.0 * np.pi)
        return azimuth


def sun_at(latitude: float, longitude: float, instants_us: Integers) -> Sun:
    """Position to about 0.01 degrees from 1950 to 2050: Michalsky (1988), Solar Energy 40(3).

    Declination, equation of time and distance, which a line follows over a day to 0.001 degrees, are computed for days; the
    hour angle for instants.
    """
    days = Knots.around(instants_us, DAY_US)
    count = (days.instants_us - J2000_US) / DAY_US
    anomaly = np.radians((357.528 + 0.9856003 * count) % 360.0)
    mean_longitude = np.radians((280.460 + 0.9856474 * count) % 360.0)
    ecliptic = mean_longitude + np.radians(1.915 * np.sin(anomaly) + 0.020 * np.sin(2.0 * anomaly))
    obliquity = np.radians(23.439 - 4e-7 * count)
    ascension = np.arctan2(np.cos(obliquity) * np.sin(ecliptic), np.cos(ecliptic))
    sine = np.sin(obliquity) * np.sin(ecliptic)
    # the mean sun less the true one, in (-pi, pi]: Greenwich sidereal time less the mean longitude is universal time
    equation = (mean_longitude - ascension + np.pi) % (2.0 * np.pi) - np.pi
    distance = 1.00014 - 0.01671 * np.cos(anomaly) - 0.00014 * np.cos(2.0 * anomaly)

    hour_angle = days.between(equation)
    hour_angle += 2.0 * np.pi * days.share
    hour_angle += np.radians(longitude) - np.pi
    declined, across = days.between(sine), days.between(np.sqrt(1.0 - sine**2))
    toward_south = across * np.cos(hour_angle)
    phi = np.radians(latitude)
    return Sun(
        up=np.sin(phi) * declined + np.cos(phi) * toward_south,
        north=np.cos(phi) * declined - np.sin(phi) * toward_south,
        east=-across * np.sin(hour_angle),
        extraterrestrial_w_m2=days.between(SOLAR_CONSTANT_W_M2 / distance**2),
    )


def clear_sky_ghi_w_m2(up: Floats) -> Floats:
    """Global horizontal irradiance of a clear sky by the sine of the sun's elevation: Haurwitz (1945). Zero when the sun is down."""
    is_up = up > DAWN_UP
    safe = np.where(is_up, up, 1.0)
    return np.where(is_up, 1098.0 * safe * np.exp(-0.059 / safe), 0.0)
