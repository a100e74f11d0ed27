"""From horizontal irradiance to that on a tilted plane."""

import numpy as np

from services.gateway_sim.plant.equipment import Home
from services.gateway_sim.plant.noise import Floats
from services.gateway_sim.plant.sun import Sun

ALBEDO = 0.2
_LOWEST_COSINE = 0.0523
"""Beam irradiance is not divided by the cosine of a zenith angle above 87 degrees."""


def facing_degrees(home: Home) -> float:
    """Where the array looks, clockwise from north; the equator's side where the home does not say."""
    azimuth = home.solar.spec.azimuth_degrees
    if azimuth is not None:
        return azimuth
    return 180.0 if home.latitude >= 0.0 else 0.0


def plane_of_array_w_m2(sun: Sun, ghi_w_m2: Floats, *, tilt_degrees: float, azimuth_degrees: float) -> Floats:
    """Irradiance on a tilted plane: diffuse share by Erbs et al. (1982), sky by Hay & Davies (1980), ground of albedo 0.2."""
    tilt, facing = np.radians(tilt_degrees), np.radians(azimuth_degrees)
    floor = np.maximum(sun.up, _LOWEST_COSINE)
    diffuse = ghi_w_m2 * _erbs_diffuse_share(np.clip(ghi_w_m2 / (sun.extraterrestrial_w_m2 * floor), 0.0, 1.0))
    beam = np.minimum((ghi_w_m2 - diffuse) / floor, sun.extraterrestrial_w_m2)
    incidence = np.maximum(sun.up * np.cos(tilt) + np.sin(tilt) * (sun.north * np.cos(facing) + sun.east * np.sin(facing)), 0.0)
    circumsolar = beam / sun.extraterrestrial_w_m2
    sky = diffuse * (circumsolar * incidence / floor + (1.0 - circumsolar) * ((1.0 + np.cos(tilt)) / 2.0))
    ground = ghi_w_m2 * (ALBEDO * (1.0 - np.cos(tilt)) / 2.0)
    plane: Floats = beam * incidence + sky + ground
    return plane


def _erbs_diffuse_share(clearness: Floats) -> Floats:
    k = clearness
    middle = 0.9511 + k * (-0.1604 + k * (4.388 + k * (-16.638 + k * 12.336)))
    return np.where(k <= 0.22, 1.0 - 0.09 * k, np.where(k <= 0.80, middle, 0.165))
