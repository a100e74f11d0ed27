"""Conversions come back, keep their kind, and move the same energy at every step."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import units

quantities = st.floats(-1e6, 1e6)
steps = st.sampled_from([timedelta(minutes=minutes) for minutes in (5, 15, 30, 60)])
capacities = st.floats(0.1, 1e5)


@given(power_kw=quantities, step=steps)
def test_power_comes_back_from_the_energy_of_a_step(power_kw, step):
    assert units.kw_from_kwh(units.kwh_from_kw(power_kw, step), step) == pytest.approx(power_kw)


@given(soc_percent=st.floats(0, 100), capacity_kwh=capacities)
def test_state_of_charge_comes_back_from_stored_energy(soc_percent, capacity_kwh):
    assert units.soc_percent_from_kwh(units.kwh_from_soc_percent(soc_percent, capacity_kwh), capacity_kwh) == pytest.approx(soc_percent)


@given(power_kw=quantities)
def test_the_same_power_moves_the_same_energy_whatever_the_step(power_kw):
    by_step = {units.kwh_from_kw(power_kw, timedelta(minutes=minutes)) * (60 // minutes) for minutes in (5, 15, 30, 60)}
    assert max(by_step) == pytest.approx(min(by_step))


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (units.kw_from_w(7500.0), 7.5),
        (units.kwh_from_kw(4.0, timedelta(minutes=15)), 1.0),
        (units.kw_from_kwh(1.0, timedelta(minutes=15)), 4.0),
        (units.kwh_from_soc_percent(50.0, 13.5), 6.75),
        (units.soc_percent_from_kwh(6.75, 13.5), 50.0),
        (units.price_per_kwh_from_per_mwh(85.0), 0.085),
        (units.carbon_intensity_g_kwh_from_kg_kwh(0.38), 380.0),
        (units.hours(timedelta(minutes=90)), 1.5),
    ],
)
def test_a_known_amount(got, expected):
    assert got == pytest.approx(expected)


def test_an_array_is_converted_value_by_value_and_keeps_its_gaps():
    powers = np.array([1000.0, np.nan, -500.0])
    np.testing.assert_array_equal(units.kw_from_w(powers), [1.0, np.nan, -0.5])
    np.testing.assert_array_equal(units.kwh_from_kw(units.kw_from_w(powers), timedelta(minutes=30)), [0.5, np.nan, -0.25])
