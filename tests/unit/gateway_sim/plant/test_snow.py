"""Snow against pvlib's model of NREL."""

import numpy as np
import pandas as pd
import pvlib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway_sim.plant.equipment import Home, SolarArray
from services.gateway_sim.plant.snow import coverage_of, snow_at
from shared.domain.site import SolarSpec
from tests.unit.gateway_sim.plant.moments import instants, on_day

COLD = Home(latitude=60.0, longitude=10.0, seed=4)


@pytest.mark.filterwarnings("ignore:A future version of pandas will return a BaseOffset")  # inside pvlib
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), tilt=st.floats(13, 90), mean=st.floats(-15, 5))
def test_snow_covers_and_slides_as_in_pvlib(seed: int, tilt: float, mean: float):
    chance = np.random.default_rng(seed)
    count = 24 * 50
    fall = np.where(chance.random(count) < 0.02, chance.exponential(2.0, count), 0.0)
    celsius = mean + 6.0 * chance.standard_normal(count)
    plane = np.maximum(0.0, 600.0 * np.sin(np.arange(count) / 24.0 * 2 * np.pi))
    index = pd.date_range("2024-01-01", periods=count, freq="h")
    theirs = pvlib.snow.coverage_nrel(pd.Series(fall, index), pd.Series(plane, index), pd.Series(celsius, index), tilt)
    np.testing.assert_allclose(coverage_of(fall, plane, celsius, tilt_degrees=tilt), theirs, atol=1e-9)


def test_flat_panels_are_cleared_by_a_day_of_thaw():
    fall, plane = np.zeros(60), np.zeros(60)
    fall[0] = 5.0
    assert (coverage_of(fall, plane, np.full(60, 1.0), tilt_degrees=0.0) == 1.0).all()
    thawed = coverage_of(fall, plane, np.full(60, 5.0), tilt_degrees=0.0)
    assert thawed[0] == 1.0
    assert 0.0 < thawed[12] < 1.0
    assert thawed[25] == 0.0


def test_it_snows_in_the_north_in_winter_alone():
    moments = instants(days=366, minutes=60)
    covered = snow_at(COLD, moments)
    by_month = pd.Series(covered).groupby(pd.DatetimeIndex(moments.astype("datetime64[us]")).month).mean()
    assert by_month[[12, 1, 2]].mean() > 0.02
    assert by_month[[6, 7, 8]].max() == 0.0
    assert set(np.unique(covered)) <= {0.0, 0.5, 1.0}
    assert snow_at(Home(latitude=10.0), moments).max() == 0.0


def test_a_single_instant_remembers_the_snow_of_weeks_before():
    moments = on_day(0, minutes=60, days=60)
    whole = snow_at(COLD, moments)
    assert whole.max() > 0.0
    for row in (0, 700, 1400):
        assert snow_at(COLD, moments[row : row + 1])[0] == whole[row]


def test_steep_panels_shed_sooner():
    moments = on_day(-30, minutes=60, days=120)
    flat, steep = (
        snow_at(Home(latitude=60.0, longitude=10.0, seed=4, solar=SolarArray(spec=SolarSpec(capacity_kw=5.0, tilt_degrees=tilt))), moments)
        for tilt in (5.0, 60.0)
    )
    assert steep.mean() < flat.mean()
