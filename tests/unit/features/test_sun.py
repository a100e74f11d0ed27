"""The sun and a clear sky."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from pvlib import atmosphere, clearsky, solarposition

from services.features.recipe import sun as recipe
from services.features.recipe.sun import clear_sky_kw, daylight_hours, elevation_over
from shared.domain.site import Site, SolarSpec
from shared.domain.time import TimeGrid
from tests.factories import a_site


def a_day(month: int = 6, step: timedelta = timedelta(minutes=15)) -> TimeGrid:
    return TimeGrid(start=datetime(2024, month, 21, tzinfo=UTC), step=step, count=timedelta(days=1) // step)


@dataclass(frozen=True)
class Seen:
    elevation_deg: np.ndarray
    azimuth_deg: np.ndarray
    clear_sky_kw: np.ndarray


def sun_over(grid: TimeGrid, site: Site) -> Seen:
    """Of one site."""
    sun = recipe.sun_over(grid, [site])
    return Seen(sun.elevation_deg[0], sun.azimuth_deg[0], clear_sky_kw(sun, [site])[0])


def test_the_sun_stands_where_the_astronomers_see_it():
    grid = a_day()
    middles = pd.DatetimeIndex(grid.starts() + np.timedelta64(450, "s")).tz_localize("UTC")
    expected = solarposition.get_solarposition(middles, 47.66, 9.17)
    sun = sun_over(grid, a_site())
    np.testing.assert_allclose(sun.elevation_deg, expected["apparent_elevation"], atol=0.05)
    np.testing.assert_allclose(sun.azimuth_deg, expected["azimuth"], atol=0.05)


def test_a_sun_that_crosses_the_north_within_an_hour_stands_in_the_north():
    sun = sun_over(a_day(12, step=timedelta(hours=1)), a_site(latitude=-33.9, longitude=-7.5))
    noon = sun.azimuth_deg[12]
    assert min(noon, 360.0 - noon) < 5.0


def test_a_clear_summer_day_fills_most_of_the_array_at_noon_and_nothing_at_night():
    grid = a_day()
    sun = sun_over(grid, a_site())
    noon = int(np.argmax(sun.clear_sky_kw))
    assert 7.0 < sun.clear_sky_kw[noon] < 9.5
    assert grid[noon].hour == 11
    assert (sun.clear_sky_kw[sun.elevation_deg < -1] == 0).all()
    assert (sun.clear_sky_kw[sun.elevation_deg > 5] > 0).all()


def test_winter_gives_less_and_south_of_the_equator_the_array_looks_north():
    winter, summer = (sun_over(a_day(month), a_site()).clear_sky_kw.sum() for month in (12, 6))
    assert winter < 0.6 * summer
    sydney = {"latitude": -33.9, "longitude": 151.2, "timezone": "Australia/Sydney"}
    by_itself = sun_over(a_day(), a_site(**sydney)).clear_sky_kw
    north, south = (
        sun_over(a_day(), a_site(**sydney, solar=SolarSpec(capacity_kw=10.0, azimuth_degrees=azimuth))).clear_sky_kw
        for azimuth in (0.0, 180.0)
    )
    np.testing.assert_array_equal(by_itself, north)
    assert north.sum() > 1.5 * south.sum()


def test_an_array_never_gives_more_than_its_rating():
    flat_out = sun_over(a_day(), a_site(latitude=0.0, longitude=0.0, solar=SolarSpec(capacity_kw=0.5, tilt_degrees=0.0)))
    assert flat_out.clear_sky_kw.max() <= 0.5


def test_an_hour_is_the_mean_of_its_quarters():
    quarters, hours = (sun_over(a_day(step=timedelta(minutes=minutes)), a_site()) for minutes in (15, 60))
    np.testing.assert_allclose(hours.clear_sky_kw, quarters.clear_sky_kw.reshape(24, 4).mean(axis=1), atol=1e-6)
    np.testing.assert_allclose(hours.elevation_deg, quarters.elevation_deg.reshape(24, 4).mean(axis=1), atol=1e-6)


@pytest.mark.parametrize("changes", [{"latitude": None, "longitude": None}])
def test_without_a_place_nothing_is_known(changes: dict[str, None]):
    sun = sun_over(a_day(), a_site(**changes))
    assert np.isnan(sun.elevation_deg).all()
    assert np.isnan(sun.clear_sky_kw).all()


def test_without_an_array_only_the_sun_is_known():
    sun = sun_over(a_day(), a_site(solar=None))
    assert np.isfinite(sun.elevation_deg).all()
    assert np.isnan(sun.clear_sky_kw).all()


def test_the_clear_sky_is_that_of_pvlib():
    grid = a_day()
    middles = pd.DatetimeIndex(grid.starts() + np.timedelta64(450, "s")).tz_localize("UTC")
    zenith = np.minimum(solarposition.get_solarposition(middles, 47.66, 9.17)["apparent_zenith"], 90.0)
    turbidity = clearsky.lookup_linke_turbidity(middles[:1], 47.75, 9.25, interp_turbidity=False).iloc[0]
    expected = clearsky.ineichen(zenith, atmosphere.get_relative_airmass(zenith), turbidity)
    sun = recipe.sun_over(grid, [a_site()])
    for name in ("ghi", "dni", "dhi"):
        np.testing.assert_allclose(getattr(sun, f"clear_{name}_w_m2")[0], expected[name].fillna(0.0), atol=12, err_msg=name)


def test_the_length_of_daylight_is_that_between_sunrise_and_sunset():
    for month, hours in ((6, 15.9), (12, 8.4)):
        assert daylight_hours([a_site()], a_day(month).starts())[0, 40] == pytest.approx(hours, abs=0.1)
    assert daylight_hours([a_site(latitude=80.0)], a_day(6).starts())[0, 0] == 24.0
    assert np.isnan(daylight_hours([a_site(latitude=None, longitude=None)], a_day().starts())).all()


def test_the_elevation_over_many_sites_is_that_of_each():
    grid, sites = a_day(), [a_site(), a_site(latitude=-33.9, longitude=151.2), a_site(latitude=None, longitude=None)]
    for row, site in zip(elevation_over(grid, sites), sites, strict=True):
        np.testing.assert_allclose(row, sun_over(grid, site).elevation_deg, atol=1e-9)
