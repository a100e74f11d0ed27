"""Sun and clear sky against pvlib's own."""

import numpy as np
import pandas as pd
import pvlib
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.gateway_sim.plant.sun import DAWN_UP, clear_sky_ghi_w_m2, sun_at
from tests.unit.gateway_sim.plant.moments import as_index, instants, on_day

LATITUDES, LONGITUDES = st.floats(-90, 90), st.floats(-180, 180)


@settings(max_examples=30)
@given(latitude=LATITUDES, longitude=LONGITUDES, year=st.integers(1951, 2049))
@example(latitude=0.0, longitude=0.0, year=2024)
@example(latitude=90.0, longitude=180.0, year=2024)
@example(latitude=-90.0, longitude=-180.0, year=1951)
@example(latitude=-17.7, longitude=-179.9, year=2049)
def test_the_sun_stands_where_pvlib_says_to_a_fiftieth_of_a_degree(latitude: float, longitude: float, year: int):
    moments = instants(days=365, minutes=1997, start_us=pd.Timestamp(f"{year}-01-01").value // 1000)
    sun = sun_at(latitude, longitude, moments)
    theirs = pvlib.solarposition.get_solarposition(as_index(moments), latitude, longitude, method="nrel_numpy")
    zenith, azimuth = np.radians(theirs["zenith"].to_numpy()), np.radians(theirs["azimuth"].to_numpy())
    ours = np.stack([sun.up, sun.north, sun.east])
    pvlibs = np.stack([np.cos(zenith), np.sin(zenith) * np.cos(azimuth), np.sin(zenith) * np.sin(azimuth)])
    # the angle between the two directions, which no pole and no zenith makes large
    angle = np.arctan2(np.linalg.norm(np.cross(ours.T, pvlibs.T), axis=1), (ours * pvlibs).sum(axis=0))
    assert np.degrees(angle).max() < 0.02
    slanting = np.abs(np.cos(zenith)) < 0.99  # an arc sine magnifies everything overhead
    assert np.abs(np.degrees(sun.elevation) - theirs["elevation"].to_numpy())[slanting].max() < 0.02
    np.testing.assert_allclose(sun.up**2 + sun.north**2 + sun.east**2, 1.0, atol=2e-5)


def test_the_azimuth_runs_clockwise_from_north():
    moments = on_day(80)  # equinox
    sun = sun_at(47.66, 0.0, moments)
    degrees = np.degrees(sun.azimuth)
    hour = (moments / 3.6e9) % 24
    assert degrees[np.abs(hour - 6.1).argmin()] == pytest.approx(90.0, abs=4.0)
    assert degrees[np.abs(hour - 12.1).argmin()] == pytest.approx(180.0, abs=4.0)
    assert degrees[np.abs(hour - 18.1).argmin()] == pytest.approx(270.0, abs=4.0)


def test_irradiance_outside_the_atmosphere_is_that_of_pvlib():
    moments = instants(days=365, minutes=700)
    theirs = pvlib.irradiance.get_extra_radiation(as_index(moments), method="nrel", solar_constant=1361.0)
    np.testing.assert_allclose(sun_at(0.0, 0.0, moments).extraterrestrial_w_m2, theirs, rtol=1e-3)


@settings(max_examples=20)
@given(latitude=LATITUDES, longitude=LONGITUDES)
def test_the_clear_sky_is_that_of_pvlib_and_dark_without_sun(latitude: float, longitude: float):
    sun = sun_at(latitude, longitude, instants(minutes=1997))
    ours = clear_sky_ghi_w_m2(sun.up)
    theirs = pvlib.clearsky.haurwitz(pd.Series(90.0 - np.degrees(sun.elevation)))["ghi"].to_numpy()
    risen = sun.up > DAWN_UP
    np.testing.assert_allclose(ours[risen], theirs[risen], rtol=1e-6)
    assert (ours[~risen] == 0.0).all()
    assert theirs[~risen].max(initial=0.0) < 1.0


def test_a_polar_night_lasts_for_weeks():
    sun = sun_at(78.2, 15.6, on_day(310, minutes=60, days=90))
    assert (clear_sky_ghi_w_m2(sun.up) == 0.0).all()
    assert (clear_sky_ghi_w_m2(sun_at(-78.2, 15.6, on_day(310, minutes=60, days=60)).up) > 0.0).all()


@given(latitude=LATITUDES, longitude=LONGITUDES, first=st.integers(0, 500))
def test_a_part_of_a_range_has_the_suns_of_the_range(latitude: float, longitude: float, first: int):
    moments = instants(days=4, minutes=11)
    whole, part = sun_at(latitude, longitude, moments), sun_at(latitude, longitude, moments[first:])
    for name in ("up", "north", "east", "extraterrestrial_w_m2"):
        np.testing.assert_array_equal(getattr(whole, name)[first:], getattr(part, name))
