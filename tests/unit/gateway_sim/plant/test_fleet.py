"""A fleet: a thousand different homes from one, each valid, each the same whenever it is asked for."""

from collections import Counter
from dataclasses import replace
from math import asin, cos, radians, sin, sqrt
from statistics import median

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway_sim.plant.equipment import Home, HomeBattery, Household, SolarArray
from services.gateway_sim.plant.fleet import RADIUS_KM, WITH_BATTERY, WITH_EV, WITH_SOLAR, member
from services.gateway_sim.plant.grid_price import price_at
from services.gateway_sim.plant.noise import HOUR_US
from services.gateway_sim.plant.weather import fronts_at
from shared.domain.site import BatterySpec, Site, SolarSpec

BASE = Home()
FLEET = [member(BASE, number) for number in range(1000)]


def km_between(one: Home, other: Home) -> float:
    north, south = radians(one.latitude), radians(other.latitude)
    haversine = sin((north - south) / 2) ** 2 + cos(north) * cos(south) * sin(radians(one.longitude - other.longitude) / 2) ** 2
    return 2 * 6371.0 * asin(sqrt(haversine))


def test_members_are_named_after_the_base_and_their_number():
    assert (FLEET[42].site_id, FLEET[42].device_id) == ("home-00042", "edge-gateway-001-00042")
    assert len({home.site_id for home in FLEET}) == len({home.device_id for home in FLEET}) == 1000


def test_a_member_does_not_depend_on_who_was_asked_for_before():
    assert member(BASE, 500) == FLEET[500]
    assert [member(BASE, number) for number in (7, 3)] == [FLEET[7], FLEET[3]]


def test_another_seed_is_another_fleet():
    assert member(replace(BASE, seed=1), 3).solar != FLEET[3].solar


def test_members_share_weather_and_market_to_the_last_bit_and_live_near_the_base():
    hours = 450_000 * HOUR_US + np.arange(500) * HOUR_US
    for home in FLEET[:5]:
        np.testing.assert_array_equal(price_at(home, hours).price_per_kwh, price_at(BASE, hours).price_per_kwh)
        np.testing.assert_array_equal(fronts_at(home, hours), fronts_at(BASE, hours))
    away = [km_between(home, BASE) for home in FLEET]
    assert max(away) <= RADIUS_KM + 0.2
    assert 12.0 < median(away) < 16.0


def test_a_fleet_has_small_and_large_arrays_of_every_orientation_and_homes_without():
    arrays = [home.solar.spec for home in FLEET if home.solar.spec.capacity_kw > 0.0]
    assert abs(len(arrays) - 1000 * WITH_SOLAR) < 50
    sizes = [spec.capacity_kw for spec in arrays]
    assert abs(median(sizes) - 10.0) < 0.6
    assert 3.0 <= min(sizes) < 4.5
    assert 13.5 < max(sizes) <= 15.0
    facing = Counter(int((spec.azimuth_degrees or 0.0) // 90) for spec in arrays if spec.tilt_degrees > 15.0)
    quarter = [sum(abs((spec.azimuth_degrees or 0.0) - azimuth) <= 20.0 for spec in arrays) / len(arrays) for azimuth in (90, 180, 270)]
    assert quarter[1] > 0.4
    assert min(quarter) > 0.1
    assert len(facing) >= 3
    assert sum(spec.tilt_degrees <= 15.0 for spec in arrays) / len(arrays) > 0.1


def test_a_fleet_has_small_and_large_batteries_with_rates_to_match_and_homes_without():
    batteries = [home.battery for home in FLEET if home.battery is not None]
    assert abs(len(batteries) - 1000 * WITH_BATTERY) < 60
    sizes = [battery.spec.capacity_kwh for battery in batteries]
    assert abs(median(sizes) - 13.5) < 0.8
    assert 4.9 <= min(sizes) < 7.0
    assert 18.0 < max(sizes) <= 20.0
    hours = [battery.spec.capacity_kwh / battery.spec.max_charge_rate_kw for battery in batteries]
    assert 1.5 < min(hours) < 2.3
    assert 3.2 < max(hours) < 4.5
    efficiency = [battery.spec.charge_efficiency * battery.spec.discharge_efficiency for battery in batteries]
    assert abs(median(efficiency) - 0.90) < 0.005
    assert 0.86 < min(efficiency) < 0.89
    assert 0.91 < max(efficiency) < 0.94
    assert len({battery.chemistry for battery in batteries}) == 2


def test_a_fleet_has_cars_at_three_sizes_of_charge_point_and_homes_without():
    points = Counter(home.household.ev_charging_kw for home in FLEET if home.household.has_ev)
    assert abs(points.total() - 1000 * WITH_EV) < 60
    assert set(points) == {3.7, 7.4, 11.0}
    assert points[7.4] > points[3.7] > 80


@pytest.mark.parametrize(("name", "middle"), [("base_load_kw", 0.5), ("peak_load_kw", 8.0), ("hvac_capacity_kw", 3.5)])
def test_loads_scatter_around_the_bases_by_more_than_a_factor_of_two(name: str, middle: float):
    values = sorted(getattr(home.household, name) for home in FLEET)
    assert abs(median(values) / middle - 1.0) < 0.08
    assert values[975] / values[25] > 2.0
    assert len(set(values)) == 1000


def test_a_base_without_solar_battery_or_car_has_a_fleet_without():
    bare = Home(battery=None, solar=SolarArray(spec=SolarSpec(capacity_kw=0.0)), household=Household(has_ev=False))
    for home in (member(bare, number) for number in range(100)):
        assert home.battery is None
        assert home.solar.spec.capacity_kw == 0.0
        assert not home.household.has_ev


@st.composite
def bases(draw: st.DrawFn) -> Home:
    spec = BatterySpec(
        capacity_kwh=draw(st.floats(1e-3, 1e6)),
        max_charge_rate_kw=5.0,
        max_discharge_rate_kw=0.0,
        charge_efficiency=draw(st.floats(1e-3, 1.0)),
        discharge_efficiency=1.0,
    )
    solar_kw, load_kw = draw(st.floats(0, 1e5)), draw(st.floats(0, 1e5))
    return Home(
        site_id=draw(st.sampled_from(["home", "h" * 64])),
        latitude=draw(st.floats(-90, 90)),
        longitude=draw(st.floats(-180, 180)),
        solar=SolarArray(spec=SolarSpec(capacity_kw=solar_kw), inverter_kw=solar_kw or None),
        battery=HomeBattery(spec=spec),
        household=Household(base_load_kw=load_kw, peak_load_kw=load_kw, hvac_capacity_kw=load_kw),
    )


@given(base=bases(), number=st.integers(0, 99_999))
@settings(max_examples=150, deadline=None)
def test_every_member_of_any_fleet_is_a_valid_home(base: Home, number: int):
    home = member(base, number)
    Site(site_id=home.site_id, timezone=home.timezone, latitude=home.latitude, longitude=home.longitude, solar=home.solar.spec)
    assert len(home.site_id) <= 64
    assert home.site_id.endswith(f"{number:05d}")
    assert km_between(home, base) <= RADIUS_KM + 0.5
    assert home.household.peak_load_kw >= home.household.base_load_kw >= 0.0
    assert home.solar.inverter_kw is None or home.solar.inverter_kw > 0.0
    assert 0.0 < home.solar.panel_efficiency <= 1.0
    if home.battery is not None:
        assert home.battery.spec.charge_efficiency <= 1.0
        assert home.battery.spec.discharge_efficiency <= 1.0
