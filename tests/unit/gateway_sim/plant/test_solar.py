"""The array's promises, its parts against pvlib's."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pvlib
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from services.gateway_sim.plant.equipment import Home, SolarArray
from services.gateway_sim.plant.noise import Floats
from services.gateway_sim.plant.solar import WAKING_SHARE, Solar, alternating_kw, most_kw, solar_at, solar_over
from services.gateway_sim.plant.steps import Steps
from services.gateway_sim.plant.sun import sun_at
from services.gateway_sim.plant.weather import Weather, weather_at
from shared.domain.reading import FIELDS
from shared.domain.site import SolarSpec
from shared.domain.time import TimeGrid
from tests.unit.gateway_sim.plant.moments import instants, on_day

BOUNDS = {field.name: (field.low, field.high) for field in FIELDS if field.section == "solar"}


def solar_of(home: Home, moments: np.ndarray, weather: Weather | None = None) -> Solar:
    weather = weather or weather_at(home, moments)
    return solar_at(
        home,
        moments,
        sun_at(home.latitude, home.longitude, moments),
        clear_sky_index=weather.clear_sky_index,
        temperature_celsius=weather.temperature_celsius,
    )


def clear(moments: np.ndarray, celsius: float = 20.0) -> Weather:
    return Weather(temperature_celsius=np.full(len(moments), celsius), clear_sky_index=np.ones(len(moments)))


@st.composite
def homes(draw: st.DrawFn) -> Home:
    capacity = draw(st.floats(0, 100) | st.just(0.0))
    array = SolarArray(
        spec=SolarSpec(capacity_kw=capacity, tilt_degrees=draw(st.floats(0, 90)), azimuth_degrees=draw(st.none() | st.floats(0, 360))),
        panel_efficiency=draw(st.floats(0.05, 1.0)),
        temp_coefficient=draw(st.floats(-0.02, 0.02)),
        inverter_kw=draw(st.none() | st.floats(0.01, 200)),
        soiling=draw(st.booleans()),
        snow=draw(st.booleans()),
    )
    return Home(seed=draw(st.integers(0, 99)), latitude=draw(st.floats(-90, 90)), longitude=draw(st.floats(-180, 180)), solar=array)


@settings(max_examples=40)
@given(home=homes(), day=st.integers(0, 365))
@example(home=Home(latitude=90.0, longitude=180.0), day=171)
@example(home=Home(latitude=-90.0, longitude=-180.0), day=355)
@example(home=Home(latitude=0.0, longitude=0.0), day=80)
def test_every_home_has_finite_values_in_bounds_and_nothing_when_the_sun_is_down(home: Home, day: int):
    moments = on_day(day, minutes=7)
    made, down = solar_of(home, moments), sun_at(home.latitude, home.longitude, moments).up <= 0.0
    for name, (low, high) in BOUNDS.items():
        values: Floats = getattr(made, name)
        assert ((values >= low) & (values <= high)).all(), name
    assert made.generation_kw.max() <= most_kw(home.solar)
    for name in ("generation_kw", "irradiance_w_m2", "efficiency_percent"):
        assert (getattr(made, name)[down] == 0.0).all(), name


@settings(max_examples=25)
@given(home=homes(), day=st.integers(0, 365), first=st.integers(0, 287))
def test_a_part_of_a_range_equals_its_cut_out_with_dust_and_snow(home: Home, day: int, first: int):
    moments = on_day(day)
    whole, part = solar_of(home, moments), solar_of(home, moments[first:])
    for name in BOUNDS:
        np.testing.assert_array_equal(getattr(whole, name)[first:], getattr(part, name))


@given(home=homes(), minutes=st.sampled_from([5, 15, 60]), day=st.integers(0, 365))
@example(home=Home(latitude=0.0, longitude=0.0, solar=SolarArray(spec=SolarSpec(capacity_kw=5e-324))), minutes=5, day=0)
@settings(max_examples=25)
def test_means_over_steps_stay_below_the_inverter_and_agree_with_their_efficiency(home: Home, minutes: int, day: int):
    grid = TimeGrid(start=datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=day), step=timedelta(minutes=minutes), count=1440 // minutes)
    steps = Steps(grid=grid, tz=ZoneInfo("UTC"))
    made = solar_over(home, steps, solar_of(home, steps.instants_us))
    assert made.generation_kw.max() <= most_kw(home.solar)
    array = home.solar
    light_kw = made.irradiance_w_m2 / 1000.0 * array.spec.capacity_kw / array.panel_efficiency
    capped = made.efficiency_percent == 100.0
    np.testing.assert_allclose((light_kw * made.efficiency_percent / 100.0)[~capped], made.generation_kw[~capped], rtol=1e-9, atol=1e-12)


@given(direct=st.just(0.0) | st.floats(1e-6, 40), inverter=st.floats(0.1, 30))
def test_the_inverter_is_that_of_pvwatts_in_pvlib_once_it_is_awake(direct: float, inverter: float):
    ours = alternating_kw(SolarArray(spec=SolarSpec(capacity_kw=10.0), inverter_kw=inverter), np.array([direct]))
    taken = min(direct, 1.1 * inverter / 0.96)
    theirs = pvlib.inverter.pvwatts(np.array([taken]), inverter / 0.96)
    assume(abs(theirs[0] - WAKING_SHARE * inverter) > 1e-9)
    theirs[theirs < WAKING_SHARE * inverter] = 0.0
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def test_an_inverter_far_too_small_gives_its_rating_all_day():
    array = SolarArray(spec=SolarSpec(capacity_kw=100.0), inverter_kw=0.5)
    assert alternating_kw(array, np.array([5.0, 50.0, 93.0])).tolist() == [0.5, 0.5, 0.5]


def test_cells_are_as_warm_as_those_of_pvlib():
    home, moments = Home(latitude=40.0, longitude=0.0), instants(days=40)
    made = solar_of(home, moments, clear(moments, celsius=12.0))
    theirs = pvlib.temperature.faiman(made.irradiance_w_m2, 12.0, wind_speed=1.5)
    np.testing.assert_allclose(made.panel_temp_celsius, theirs, rtol=1e-9)


def test_an_array_without_a_rated_inverter_gives_its_rating_at_most():
    moments = on_day(80, days=2)
    made = solar_of(Home(latitude=0.0, longitude=0.0, solar=SolarArray(temp_coefficient=0.02)), moments, clear(moments, celsius=60.0))
    assert made.generation_kw.max() == 10.0


def test_clipping_takes_the_noon_and_leaves_the_morning():
    moments = on_day(150)
    free, clipped = (
        solar_of(Home(latitude=40.0, longitude=0.0, solar=SolarArray(inverter_kw=rating)), moments, clear(moments))
        for rating in (None, 4.0)
    )
    assert clipped.generation_kw.max() == 4.0
    noon = free.generation_kw > 6.0
    assert (clipped.generation_kw[noon] == 4.0).all()
    assert (clipped.efficiency_percent[noon] < free.efficiency_percent[noon]).all()
    assert (clipped.irradiance_w_m2 == free.irradiance_w_m2).all()


def test_the_polar_night_is_dark_for_weeks_and_the_polar_day_is_not():
    north = Home(latitude=78.2, longitude=15.6)
    night = solar_of(north, on_day(310, minutes=30, days=80))
    assert night.irradiance_w_m2.max() == 0.0
    assert night.generation_kw.max() == 0.0
    assert solar_of(north, on_day(170)).irradiance_w_m2.min() > 0.0


def test_an_array_south_of_the_equator_faces_north_and_has_its_summer_in_january():
    sydney = Home(latitude=-33.87, longitude=151.21)
    january, july = on_day(0, minutes=20, days=28), on_day(182, minutes=20, days=28)
    assert solar_of(sydney, january).generation_kw.sum() > solar_of(sydney, july).generation_kw.sum()
    away = Home(latitude=-33.87, longitude=151.21, solar=SolarArray(spec=SolarSpec(capacity_kw=10.0, azimuth_degrees=180.0)))
    assert solar_of(sydney, july).generation_kw.sum() > 1.5 * solar_of(away, july).generation_kw.sum()


def test_hot_panels_make_less_of_the_same_light():
    moments = on_day(170)
    plain, tender = (
        solar_of(Home(latitude=37.8, longitude=0.0, solar=SolarArray(temp_coefficient=c)), moments, clear(moments, 30.0))
        for c in (-0.004, -0.008)
    )
    hot = (plain.panel_temp_celsius > 35.0) & (plain.generation_kw > 0.0)
    assert hot.sum() > 60
    assert (tender.generation_kw[hot] < plain.generation_kw[hot]).all()
    assert (tender.efficiency_percent[hot] < plain.efficiency_percent[hot]).all()


def test_an_array_of_no_size_makes_nothing():
    made = solar_of(Home(solar=SolarArray(spec=SolarSpec(capacity_kw=0.0), inverter_kw=5.0)), on_day(170))
    assert made.generation_kw.max() == 0.0
    assert made.irradiance_w_m2.max() > 500.0


def test_dust_and_snow_only_take():
    moments = on_day(0, minutes=30, days=360)
    bare, dusty, snowy = (
        solar_of(Home(latitude=47.66, longitude=9.17, seed=2, solar=SolarArray(**given)), moments)
        for given in ({}, {"soiling": True}, {"snow": True})
    )
    for kept in (dusty, snowy):
        assert (kept.generation_kw <= bare.generation_kw + 1e-9).all() or kept is snowy  # cold panels under snow that slides are efficient
        assert kept.generation_kw.sum() < bare.generation_kw.sum()
        np.testing.assert_array_equal(kept.irradiance_w_m2, bare.irradiance_w_m2)
    assert dusty.generation_kw.sum() > 0.9 * bare.generation_kw.sum()
    assert snowy.generation_kw.sum() > 0.9 * bare.generation_kw.sum()
