"""Irradiance on the array, temperature of its cells, and the power that dust, snow and the inverter leave of it."""

from dataclasses import dataclass

import numpy as np

from services.gateway_sim.plant.equipment import Home, SolarArray
from services.gateway_sim.plant.noise import Floats, Integers
from services.gateway_sim.plant.plane import facing_degrees, plane_of_array_w_m2
from services.gateway_sim.plant.snow import snow_at
from services.gateway_sim.plant.soiling import soiling_at
from services.gateway_sim.plant.steps import Steps
from services.gateway_sim.plant.sun import DAWN_UP, Sun, clear_sky_ghi_w_m2

SYSTEM_EFFICIENCY = 0.932
"""PVWatts v5 (Dobos 2014, NREL/TP-6A20-62641): mismatch 2 %, wiring 2 %, connections 0.5 %, light-induced degradation 1.5 %,
nameplate 1 %; its inverter and its soiling stand apart here, and the array is unshaded."""
INVERTER_NOMINAL, INVERTER_REFERENCE = 0.96, 0.9637
WAKING_SHARE = 0.015
"""Below this share of its rating an inverter sleeps.

To begin, residential ones need about 0.01 of it (the starting power of their efficiency tests at Sandia and the California Energy
Commission). The rest is ours: roofs and trees hide the lowest sun, and an inverter watches the grid for one to five minutes before
it feeds in (VDE-AR-N 4105, IEEE 1547). So the dark hours of simulated arrays are those of real ones.
"""
WIND_M_S = 1.5
_FAINTEST_KW = 1e-12
"""A quotient of powers below a billionth of a watt says nothing."""


@dataclass(frozen=True, slots=True)
class Solar:
    """Means over steps, shape (steps,), or values at instants."""

    generation_kw: Floats
    """Behind the inverter."""
    irradiance_w_m2: Floats
    """On the plane of the array, above what lies on it."""
    panel_temp_celsius: Floats
    efficiency_percent: Floats
    """Electric power by the light on the area of the panels, so all losses are in it: heat, dust, snow, inverter, clipping.
    0 in the dark, when nothing is converted."""


def solar_at(home: Home, instants_us: Integers, sun: Sun, *, clear_sky_index: Floats, temperature_celsius: Floats) -> Solar:
    """What the array makes of sun and weather at sorted instants."""
    array = home.solar
    day = np.flatnonzero(sun.up > DAWN_UP)
    bright = Sun(up=sun.up[day], north=sun.north[day], east=sun.east[day], extraterrestrial_w_m2=sun.extraterrestrial_w_m2[day])
    ghi = clear_sky_ghi_w_m2(bright.up) * clear_sky_index[day]
    plane = plane_of_array_w_m2(bright, ghi, tilt_degrees=array.spec.tilt_degrees, azimuth_degrees=facing_degrees(home))
    passed = np.ones(len(day))
    if array.soiling:
        passed *= 1.0 - soiling_at(home, instants_us[day])
    if array.snow:
        passed *= 1.0 - snow_at(home, instants_us[day])
    light = plane * passed
    # Faiman (2008), doi:10.1002/pip.813, with the coefficients of a free-standing module
    warming = light / (25.0 + 6.84 * WIND_M_S)
    thermal = 1.0 + array.temp_coefficient * (temperature_celsius[day] + warming - 25.0)
    direct_kw = light * (array.spec.capacity_kw * SYSTEM_EFFICIENCY / 1000.0) * np.maximum(thermal, 0.0)
    generation, irradiance, cell = np.zeros(len(sun.up)), np.zeros(len(sun.up)), temperature_celsius.copy()
    generation[day], irradiance[day] = alternating_kw(array, direct_kw), plane
    cell[day] += warming
    return Solar(
        generation_kw=generation,
        irradiance_w_m2=irradiance,
        panel_temp_celsius=cell,
        efficiency_percent=_efficiency_percent(array, generation, irradiance),
    )


def solar_over(home: Home, steps: Steps, at: Solar) -> Solar:
    """Means over the steps; the efficiency is that of the mean power and the mean light."""
    # the mean of equal numbers may round above them
    generation = np.minimum(steps.mean(at.generation_kw), most_kw(home.solar))
    irradiance = steps.mean(at.irradiance_w_m2)
    return Solar(
        generation_kw=generation,
        irradiance_w_m2=irradiance,
        panel_temp_celsius=steps.mean(at.panel_temp_celsius),
        efficiency_percent=_efficiency_percent(home.solar, generation, irradiance),
    )


def most_kw(array: SolarArray) -> float:
    """What the inverter gives at most."""
    if array.spec.capacity_kw == 0.0:
        return 0.0
    return array.spec.capacity_kw if array.inverter_kw is None else array.inverter_kw


def alternating_kw(array: SolarArray, direct_kw: Floats) -> Floats:
    """What the inverter makes of the array's direct current: PVWatts v5's part load and clipping, and nothing while it sleeps."""
    most = most_kw(array)
    rated = most / INVERTER_NOMINAL
    if rated == 0.0:
        return np.zeros(len(direct_kw))
    # far beyond its rating the parabola would fall again
    taken = np.minimum(direct_kw, 1.1 * rated)
    efficient = (0.9858 - 0.0162 * (taken / rated)) * taken - 0.0059 * rated
    made = np.minimum(INVERTER_NOMINAL / INVERTER_REFERENCE * efficient, most)
    return np.where(made >= WAKING_SHARE * most, made, 0.0)


def _efficiency_percent(array: SolarArray, generation_kw: Floats, irradiance_w_m2: Floats) -> Floats:
    """The area of the panels is what gives the rating at 1000 W/m2 with their efficiency."""
    light_kw = irradiance_w_m2 * (array.spec.capacity_kw / 1000.0)
    lit = light_kw > _FAINTEST_KW
    share = generation_kw / np.where(lit, light_kw, 1.0)
    return np.where(lit, np.clip(100.0 * array.panel_efficiency * share, 0.0, 100.0), 0.0)
