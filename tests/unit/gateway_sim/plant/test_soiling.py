"""Dust against pvlib's Kimber model."""

import numpy as np
import pandas as pd
import pvlib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway_sim.plant.equipment import Home
from services.gateway_sim.plant.noise import HOUR_US
from services.gateway_sim.plant.soiling import MOST_LOSS, soiling_at, soiling_of
from tests.unit.gateway_sim.plant.moments import YEAR_2024_US, instants


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), often=st.floats(0.0005, 0.05))
def test_dust_gathers_and_goes_as_in_pvlib(seed: int, often: float):
    chance = np.random.default_rng(seed)
    rain = np.where(chance.random(24 * 300) < often, chance.exponential(4.0, 24 * 300), 0.0)
    rain[0] = 20.0  # both begin clean
    index = pd.date_range("2024-01-01", periods=len(rain), freq="h")
    theirs = pvlib.soiling.kimber(pd.Series(rain, index=index))
    np.testing.assert_allclose(soiling_of(rain), theirs, atol=1e-9)


def test_after_endless_drought_the_loss_is_at_its_most():
    assert soiling_of(np.zeros(10)) == pytest.approx(np.full(10, MOST_LOSS))


def test_dust_needs_dry_places():
    dry, wet = (
        [soiling_at(Home(latitude=latitude, seed=seed), instants(days=366, minutes=60)) for seed in range(4)] for latitude in (28.0, 58.0)
    )
    assert 0.0 <= np.min(wet) <= np.max(dry) <= MOST_LOSS
    assert np.mean(dry) > 0.02 > 2.0 * np.mean(wet)


def test_a_single_instant_remembers_the_rain_of_months_before():
    home, moments = Home(latitude=30.0, seed=1), instants(days=300, minutes=60)
    whole = soiling_at(home, moments)
    for row in (0, 2500, 7000):
        assert soiling_at(home, moments[row : row + 1])[0] == whole[row]


def test_a_region_shares_its_rain_and_so_its_dust():
    moments = YEAR_2024_US + np.arange(24 * 200, dtype=np.int64) * HOUR_US
    one, two = (soiling_at(Home(latitude=35.0, site_id=site, region="valley"), moments) for site in ("one", "two"))
    np.testing.assert_array_equal(one, two)
