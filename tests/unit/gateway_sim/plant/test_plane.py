"""The plane of the array against pvlib's."""

import numpy as np
import pvlib
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway_sim.plant.equipment import Home, SolarArray
from services.gateway_sim.plant.plane import facing_degrees, plane_of_array_w_m2
from services.gateway_sim.plant.sun import clear_sky_ghi_w_m2, sun_at
from shared.domain.site import SolarSpec
from tests.unit.gateway_sim.plant.moments import as_index, instants


@settings(max_examples=30)
@given(
    latitude=st.floats(-90, 90),
    longitude=st.floats(-180, 180),
    tilt=st.floats(0, 90),
    azimuth=st.floats(0, 360),
    index=st.floats(0.05, 1.1),
)
def test_irradiance_on_the_plane_is_that_of_pvlib_but_at_the_horizon(
    latitude: float, longitude: float, tilt: float, azimuth: float, index: float
):
    moments = instants(minutes=997)
    sun = sun_at(latitude, longitude, moments)
    ghi = clear_sky_ghi_w_m2(sun.up) * index
    ours = plane_of_array_w_m2(sun, ghi, tilt_degrees=tilt, azimuth_degrees=azimuth)
    zenith, extra = 90.0 - np.degrees(sun.elevation), sun.extraterrestrial_w_m2
    split = pvlib.irradiance.erbs(ghi, zenith, as_index(moments).day_of_year.to_numpy())
    theirs = pvlib.irradiance.get_total_irradiance(
        tilt, azimuth, zenith, np.degrees(sun.azimuth), split["dni"], ghi, split["dhi"], dni_extra=extra, albedo=0.2, model="haydavies"
    )["poa_global"]
    high = (zenith < 80.0) & (ghi > 0.0)
    # pvlib's Erbs takes a sun that is 0.4 % brighter outside the atmosphere
    np.testing.assert_allclose(ours[high], np.asarray(theirs)[high], rtol=0.015, atol=2.0)


@settings(max_examples=30)
@given(latitude=st.floats(-90, 90), tilt=st.floats(0, 90), azimuth=st.floats(0, 360), index=st.floats(0, 1.5))
def test_irradiance_on_any_plane_is_believable_also_at_the_horizon(latitude: float, tilt: float, azimuth: float, index: float):
    sun = sun_at(latitude, 10.0, instants(minutes=97, days=40))
    ghi = clear_sky_ghi_w_m2(sun.up) * index
    plane = plane_of_array_w_m2(sun, ghi, tilt_degrees=tilt, azimuth_degrees=azimuth)
    assert (plane >= 0.0).all()
    assert plane.max() <= 2000.0
    assert (plane[ghi == 0.0] == 0.0).all()


def test_an_array_looks_to_the_equator_unless_it_is_told_otherwise():
    assert facing_degrees(Home(latitude=47.0)) == 180.0
    assert facing_degrees(Home(latitude=-33.0)) == 0.0
    assert facing_degrees(Home(latitude=-33.0, solar=SolarArray(spec=SolarSpec(capacity_kw=5.0, azimuth_degrees=90.0)))) == 90.0
