"""Sun and plane against pvlib's own, and the array's promises."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pvlib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway_sim.plant.equipment import Home, SolarArray
from services.gateway_sim.plant.home import surroundings
from services.gateway_sim.plant.plane import plane_of_array_w_m2
from services.gateway_sim.plant.sun import clear_sky_ghi_w_m2, sun_at
from shared.domain.site import SolarSpec
from shared.domain.time import TimeGrid

PLACES = [(37.77, -122.42), (-33.87, 151.21), (69.65, 18.96), (0.0, 180.0), (-17.7, -179.9)]


def instants(days: int = 365, minutes: int = 137) -> np.ndarray:
    start = 1_704_067_200_000_000  # 2024-01-01
    return start + np.arange(days * 1440 // minutes, dtype=np.int64) * minutes * 60_000_000


@pytest.mark.parametrize(("latitude", "longitude"), PLACES)
def test_the_sun_stands_where_pvlib_says_to_a_twentieth_of_a_degree(latitude: float, longitude: float):
    moments = instants()
    sun = sun_at(latitude, longitude, moments)
    theirs = pvlib.solarposition.get_solarposition(
        pd.DatetimeIndex(moments.astype("datetime64[us]")).tz_localize("UTC"), latitude, longitude, method="nrel_numpy"
    )
    assert np.abs(np.degrees(sun.elevation) - theirs["elevation"].to_numpy()).max() < 0.05
    off_zenith = np.abs(theirs["elevation"].to_numpy()) < 85  # azimuth turns fast overhead
    turn = (np.degrees(sun.azimuth) - theirs["azimuth"].to_numpy() + 180.0) % 360.0 - 180.0
    assert np.abs(turn[off_zenith]).max() < 0.5


def test_the_clear_sky_is_that_of_pvlib():
    sun = sun_at(37.77, -122.42, instants())
    up = sun.elevation > np.radians(1.0)
    theirs = pvlib.clearsky.haurwitz(pd.Series(90.0 - np.degrees(sun.elevation)))["ghi"].to_numpy()
    np.testing.assert_allclose(clear_sky_ghi_w_m2(sun.up)[up], theirs[up], rtol=1e-6)


@settings(max_examples=20)
@given(tilt=st.floats(0, 90), azimuth=st.floats(0, 360), index=st.floats(0.2, 1.0))
def test_the_plane_of_array_is_that_of_pvlib_but_at_the_horizon(tilt: float, azimuth: float, index: float):
    moments = instants(days=60)
    sun = sun_at(47.66, 9.17, moments)
    ghi = clear_sky_ghi_w_m2(sun.up) * index
    ours = plane_of_array_w_m2(sun, ghi, tilt_degrees=tilt, azimuth_degrees=azimuth)
    when = pd.DatetimeIndex(moments.astype("datetime64[us]")).tz_localize("UTC")
    zenith = 90.0 - np.degrees(sun.elevation)
    extra = pvlib.irradiance.get_extra_radiation(when.day_of_year.to_numpy(), method="asce", solar_constant=1361.0)
    split = pvlib.irradiance.erbs(ghi, zenith, extra)
    theirs = pvlib.irradiance.get_total_irradiance(
        tilt, azimuth, zenith, np.degrees(sun.azimuth), split["dni"], ghi, split["dhi"], dni_extra=extra, albedo=0.2, model="haydavies"
    )["poa_global"]
    high = zenith < 80
    np.testing.assert_allclose(ours[high], np.asarray(theirs)[high], rtol=0.02, atol=3.0)


@settings(max_examples=20)
@given(latitude=st.floats(-90, 90), longitude=st.floats(-180, 180), day=st.integers(0, 365), seed=st.integers(0, 9))
def test_there_is_no_generation_without_sun(latitude: float, longitude: float, day: int, seed: int):
    home = Home(latitude=latitude, longitude=longitude, seed=seed)
    grid = TimeGrid(start=datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=day), step=timedelta(minutes=5), count=288)
    solar = surroundings(home, grid).solar
    middle = (grid.starts().astype(np.int64)) + 150_000_000
    down = sun_at(latitude, longitude, middle).elevation <= 0.0
    assert (solar.generation_kw[down] == 0.0).all()
    assert (solar.irradiance_w_m2[down] == 0.0).all()
    assert (solar.generation_kw >= 0.0).all()
    assert (solar.generation_kw <= 10.0).all()
    assert ((solar.efficiency_percent >= 0.0) & (solar.efficiency_percent <= 100.0)).all()


def test_the_polar_night_is_dark_and_the_polar_day_is_not():
    winter = TimeGrid(start=datetime(2024, 12, 20, tzinfo=UTC), step=timedelta(minutes=15), count=96)
    summer = TimeGrid(start=datetime(2024, 6, 20, tzinfo=UTC), step=timedelta(minutes=15), count=96)
    north = Home(latitude=78.2, longitude=15.6)
    assert surroundings(north, winter).solar.generation_kw.max() == 0.0
    assert surroundings(north, summer).solar.irradiance_w_m2.min() > 0.0


def test_an_array_south_of_the_equator_faces_north_and_has_its_summer_in_january():
    sydney = Home(latitude=-33.87, longitude=151.21)
    january = TimeGrid(start=datetime(2024, 1, 1, tzinfo=UTC), step=timedelta(hours=1), count=24 * 28)
    july = TimeGrid(start=datetime(2024, 7, 1, tzinfo=UTC), step=timedelta(hours=1), count=24 * 28)
    assert surroundings(sydney, january).solar.generation_kw.sum() > surroundings(sydney, july).solar.generation_kw.sum()
    assert surroundings(sydney, january).outdoor_celsius.mean() > surroundings(sydney, july).outdoor_celsius.mean() + 5.0
    away = Home(latitude=-33.87, longitude=151.21, solar=SolarArray(spec=SolarSpec(capacity_kw=10.0, azimuth_degrees=180.0)))
    assert surroundings(sydney, july).solar.generation_kw.sum() > 1.5 * surroundings(away, july).solar.generation_kw.sum()


def test_hot_panels_make_less_of_the_same_light():
    grid = TimeGrid(start=datetime(2024, 6, 15, 19, tzinfo=UTC), step=timedelta(minutes=5), count=12)
    plain = surroundings(Home(), grid).solar
    tender = surroundings(Home(solar=SolarArray(temp_coefficient=-0.008)), grid).solar
    hot = plain.panel_temp_celsius > 25.0
    assert hot.sum() > 6
    assert (tender.generation_kw[hot] < plain.generation_kw[hot]).all()
    assert (tender.efficiency_percent[hot] < plain.efficiency_percent[hot]).all()
