"""Where the sun stands and what an array would make of a clear sky."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shared.domain.site import Site, SolarSpec
from shared.domain.time import TimeGrid

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

_MID_MONTHS = pd.date_range("2023-01-15", periods=12, freq=pd.DateOffset(months=1), tz="UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sun:
    """The sun of each step, each of shape (steps,); NaN where the site's place is unknown."""

    elevation_deg: Values
    """Mean over the step, above the horizon, with refraction."""
    clear_sky_kw: Values
    """AC power of the site's array under a clear sky; NaN also where the array is unknown."""


def sun_over(grid: TimeGrid, site: Site) -> Sun:
    """The sun at a site: position by NREL's algorithm (Reda and Andreas 2004), sky by Ineichen and Perez (2002)."""
    if site.latitude is None or site.longitude is None or not grid.count:
        return Sun(elevation_deg=np.full(grid.count, np.nan), clear_sky_kw=np.full(grid.count, np.nan))
    from pvlib import solarposition  # takes a second to import, which a look at the status need not wait for

    parts = max(1, grid.step // FINEST)
    fine = TimeGrid(start=grid.start + grid.step / parts / 2, step=grid.step / parts, count=grid.count * parts)
    times = pd.DatetimeIndex(fine.starts()).tz_localize("UTC")
    position = solarposition.spa_python(times, site.latitude, site.longitude)
    elevation = position["apparent_elevation"].to_numpy(dtype=np.float64)
    power = np.full(len(times), np.nan)
    if site.solar is not None:
        power = _array_kw(times, position, site.solar, latitude=site.latitude, longitude=site.longitude)
    return Sun(elevation_deg=_means(elevation, parts), clear_sky_kw=_means(power, parts))


def _array_kw(times: pd.DatetimeIndex, position: pd.DataFrame, solar: SolarSpec, *, latitude: float, longitude: float) -> Values:
    """Sky, transposition (isotropic), cell temperature and losses; up to rated power."""
    from pvlib import atmosphere, clearsky, irradiance

    zenith = np.minimum(position["apparent_zenith"].to_numpy(dtype=np.float64), 90.0)
    airmass = atmosphere.get_absolute_airmass(atmosphere.get_relative_airmass(zenith))
    turbidity = np.interp(times.day_of_year.to_numpy(), _MID_MONTHS.day_of_year, _monthly_turbidity(latitude, longitude), period=365.25)
    sky = clearsky.ineichen(zenith, airmass, turbidity)
    azimuth = solar.azimuth_degrees if solar.azimuth_degrees is not None else (180.0 if latitude >= 0 else 0.0)
    plane = irradiance.get_total_irradiance(
        solar.tilt_degrees, azimuth, zenith, position["azimuth"].to_numpy(dtype=np.float64), sky["dni"], sky["ghi"], sky["dhi"]
    )
    light = np.nan_to_num(np.asarray(plane["poa_global"], dtype=np.float64), nan=0.0)
    warm = 1.0 + TEMPERATURE_COEFFICIENT * (AIR_CELSIUS + CELL_KELVIN_PER_W_M2 * light - 25.0)
    power: Values = np.clip(solar.capacity_kw * light / 1000.0 * warm * SYSTEM_EFFICIENCY, 0.0, solar.capacity_kw)
    return np.where(position["apparent_elevation"].to_numpy(dtype=np.float64) > 0, power, 0.0)


@cache
def _monthly_turbidity(latitude: float, longitude: float) -> tuple[float, ...]:
    """Linke turbidity in the middle of each month (SoDa's map of the world, as pvlib carries it)."""
    from pvlib import clearsky

    return tuple(clearsky.lookup_linke_turbidity(_MID_MONTHS, latitude, longitude, interp_turbidity=False))


def _means(fine: Values, parts: int) -> Values:
    means: Values = fine.reshape(-1, parts).mean(axis=1)
    return means
