"""A fleet from one home and a number: neighbours under one sky and one market, each with equipment of its own.

Every member is a function of the base home and its number alone. Sizes scatter around the base's, which is their median; a
base without solar, battery or car has a fleet without. Habits differ because every member's name does.
"""

from dataclasses import replace
from math import cos, exp, log, pi, radians, sin, sqrt

import numpy as np

from services.gateway_sim.plant.equipment import Chemistry, Home, HomeBattery, Household, SolarArray
from services.gateway_sim.plant.noise import Floats, Stream
from shared.domain.site import BatterySpec, SolarSpec

WITH_SOLAR, WITH_BATTERY, WITH_EV = 0.85, 0.70, 0.60
"""Shares of a fleet: homes that joined because they have something to steer, not those of a street."""
RADIUS_KM = 20.0
CHARGE_POINTS_KW = (2.3, 3.7, 7.4, 11.0, 22.0)
"""One or three phases at 10, 16 or 32 ampere."""
_KM_PER_DEGREE = 111.2
_LONGEST_NAME = 58
"""So that a number still fits into 64 characters."""
_SOLAR_RANGE = (0.3, 1.5)
_BATTERY_RANGE = (0.37, 1.48)
"""Smallest and largest as shares of the base: 3 to 15 kW around 10, 5 to 20 kWh around 13.5."""


def member(home: Home, number: int) -> Home:
    """The home of that number, from 0, in the fleet around a base."""
    suffix = f"-{number:05d}"
    latitude, longitude = _somewhere_near(home, _draw(home, number, "where", 2))
    array = _array(home, _draw(home, number, "array", 8))
    return replace(
        home,
        site_id=home.site_id[:_LONGEST_NAME] + suffix,
        device_id=home.device_id[:_LONGEST_NAME] + suffix,
        region=home.place,
        region_centre=home.market_coordinates,
        latitude=latitude,
        longitude=longitude,
        solar=array,
        battery=_battery(home.battery, _draw(home, number, "battery", 7)) if home.battery else None,
        household=_household(home.household, _draw(home, number, "household", 5)),
    )


def _draw(home: Home, number: int, name: str, count: int) -> Floats:
    """Numbers in (0, 1) of one member."""
    drawn: Floats = Stream.of(home.seed, home.site_id, f"fleet {name}").uniform(np.array([number], dtype=np.int64), count)[0]
    return drawn


def _array(home: Home, u: Floats) -> SolarArray:
    base = home.solar
    capacity_kw = base.spec.capacity_kw
    if capacity_kw <= 0.0:
        return base
    if u[0] >= WITH_SOLAR:
        return replace(base, spec=replace(base.spec, capacity_kw=0.0))
    share = _around(u[1], *_SOLAR_RANGE)
    facing, tilt = _orientation(home, u[2:5])
    return replace(
        base,
        spec=SolarSpec(capacity_kw=_rounded(capacity_kw * share), tilt_degrees=tilt, azimuth_degrees=facing),
        panel_efficiency=min(1.0, base.panel_efficiency * (0.92 + 0.16 * float(u[5]))),
        temp_coefficient=base.temp_coefficient * (0.85 + 0.30 * float(u[6])),
        inverter_kw=None if base.inverter_kw is None else max(_rounded(base.inverter_kw * share), 0.01),
    )


def _orientation(home: Home, u: Floats) -> tuple[float, float]:
    """Azimuth and tilt: half of the roofs face as the base's, the others to its left and right, or are flat with any azimuth."""
    spec = home.solar.spec
    base = (180.0 if home.latitude >= 0.0 else 0.0) if spec.azimuth_degrees is None else spec.azimuth_degrees
    scatter = 40.0 * (float(u[1]) - 0.5)
    tilt = min(max(spec.tilt_degrees + 24.0 * (float(u[2]) - 0.5), 0.0), 90.0)
    if u[0] < 0.50:
        return round((base + scatter) % 360.0, 1), round(tilt, 1)
    if u[0] < 0.85:
        aside = -90.0 if u[0] < 0.675 else 90.0
        return round((base + aside + scatter) % 360.0, 1), round(tilt, 1)
    return round(360.0 * float(u[1]), 1), round(min(tilt, 5.0 + 10.0 * float(u[2])), 1)


def _battery(base: HomeBattery, u: Floats) -> HomeBattery | None:
    """None for some; rates belong to the size, efficiencies stay near the base's."""
    if u[0] >= WITH_BATTERY:
        return None
    spec, share = base.spec, _around(u[1], *_BATTERY_RANGE)
    rate = share * _around(u[2], 0.7, 1.4)
    others = [chemistry for chemistry in Chemistry if chemistry is not base.chemistry]
    return replace(
        base,
        spec=replace(
            spec,
            capacity_kwh=max(_rounded(spec.capacity_kwh * share), 0.01),
            max_charge_rate_kw=_rounded(spec.max_charge_rate_kw * rate),
            max_discharge_rate_kw=_rounded(spec.max_discharge_rate_kw * rate),
            charge_efficiency=_leg(spec, spec.charge_efficiency, u[3]),
            discharge_efficiency=_leg(spec, spec.discharge_efficiency, u[3]),
        ),
        chemistry=base.chemistry if u[4] < 0.75 else others[int(u[5] * len(others))],
        standby_w=base.standby_w * _around(u[6], 0.4, 2.5),
    )


def _leg(spec: BatterySpec, efficiency: float, u: float) -> float:
    """As far above the base as below it, and never without loss where the base has some."""
    room = min(0.015, (1.0 - max(spec.charge_efficiency, spec.discharge_efficiency)) * 0.8)
    return max(efficiency + room * (2.0 * float(u) - 1.0), 1e-3)


def _household(base: Household, u: Floats) -> Household:
    base_load_kw = base.base_load_kw * _around(u[0], 0.22, 3.0)
    return replace(
        base,
        base_load_kw=base_load_kw,
        peak_load_kw=max(base.peak_load_kw * _around(u[1], 0.5, 2.0), base_load_kw),
        hvac_capacity_kw=base.hvac_capacity_kw * _around(u[2], 0.4, 2.5),
        has_ev=base.has_ev and bool(u[3] < WITH_EV),
        ev_charging_kw=_charge_point_kw(base.ev_charging_kw, float(u[4])),
    )


def _charge_point_kw(base_kw: float, u: float) -> float:
    """The usual size nearest to the base's for half of the homes, else the next smaller or larger."""
    nearest = min(range(len(CHARGE_POINTS_KW)), key=lambda index: abs(CHARGE_POINTS_KW[index] - base_kw))
    step = -1 if u < 0.25 else 1 if u >= 0.75 else 0
    return CHARGE_POINTS_KW[min(max(nearest + step, 0), len(CHARGE_POINTS_KW) - 1)]


def _around(u: float, lowest: float, highest: float) -> float:
    """A share of the base: below 1 as often as above it, most often near it, never beyond the two; of two triangles in the logarithm."""
    share = float(u)
    if share < 0.5:
        return exp(log(lowest) * (1.0 - sqrt(2.0 * share)))
    return exp(log(highest) * (1.0 - sqrt(2.0 * (1.0 - share))))


def _somewhere_near(home: Home, u: Floats) -> tuple[float, float]:
    """Evenly within a circle; east of the date line is west again, and nothing lies beyond a pole."""
    away_km, bearing = RADIUS_KM * sqrt(float(u[0])), 2.0 * pi * float(u[1])
    latitude = min(max(home.latitude + away_km * cos(bearing) / _KM_PER_DEGREE, -90.0), 90.0)
    widest = max(cos(radians(home.latitude)), cos(radians(latitude)), 0.01)
    longitude = home.longitude + away_km * sin(bearing) / (_KM_PER_DEGREE * widest)
    return latitude, (longitude + 180.0) % 360.0 - 180.0


def _rounded(value: float) -> float:
    """To what a data sheet says."""
    return round(value, 2)
