"""grid = load + battery - solar."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.balance import net_grid_flow_kw

powers = st.floats(0, 1e4)


def test_the_sample_of_the_gateway_balances():
    assert net_grid_flow_kw(load_kw=3.5, battery_kw=2.0, solar_kw=7.5) == -2.0


@given(load_kw=powers, battery_kw=st.floats(-1e4, 1e4), solar_kw=powers)
def test_what_flows_in_flows_out(load_kw, battery_kw, solar_kw):
    flow = net_grid_flow_kw(load_kw=load_kw, battery_kw=battery_kw, solar_kw=solar_kw)
    imported, exported, charged, discharged = max(flow, 0), max(-flow, 0), max(battery_kw, 0), max(-battery_kw, 0)
    assert imported + solar_kw + discharged == pytest.approx(exported + load_kw + charged)


def test_charging_imports_and_discharging_exports():
    flows = net_grid_flow_kw(load_kw=np.zeros(2), battery_kw=np.array([2.0, -2.0]), solar_kw=np.zeros(2))
    assert flows.tolist() == [2.0, -2.0]
