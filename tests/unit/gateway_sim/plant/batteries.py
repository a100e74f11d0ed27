"""Batteries of every kind, for properties; and cells without any quirk."""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from services.gateway_sim.plant.battery import Battery, BatteryRun, BatteryState
from services.gateway_sim.plant.cells import Cells, cells_of
from services.gateway_sim.plant.equipment import Chemistry, HomeBattery
from shared.domain.site import BatterySpec

IDEAL: Cells = replace(
    cells_of(Chemistry.LFP),
    acceptance=np.ones(101),
    charge_celsius=(-273.0, -272.0),
    discharge_celsius=(-273.0, -272.0),
    hottest_celsius=1e9,
    calendar=np.zeros(101),
    cycle=np.zeros(101),
    heat_share=0.0,
)
EFFICIENCIES = st.sampled_from([1.0, 0.97, 0.95, 0.8, 0.03])
KILOWATTS = st.sampled_from([0.0, 0.5, 5.0, 50.0, 20_000.0])


@st.composite
def batteries(draw: st.DrawFn) -> HomeBattery:
    low = draw(st.sampled_from([0.0, 10.0, 37.5, 90.0]))
    spec = BatterySpec(
        capacity_kwh=draw(st.sampled_from([0.5, 13.5, 100_000.0])),
        max_charge_rate_kw=draw(KILOWATTS),
        max_discharge_rate_kw=draw(KILOWATTS),
        charge_efficiency=draw(EFFICIENCIES),
        discharge_efficiency=draw(EFFICIENCIES),
        min_soc_percent=low,
        max_soc_percent=draw(st.sampled_from([low, 90.0, 95.0, 100.0])),
    )
    return HomeBattery(spec=spec, chemistry=draw(st.sampled_from(Chemistry)), standby_w=draw(st.sampled_from([0.0, 10.0, 500.0])))


@st.composite
def states(draw: st.DrawFn) -> BatteryState:
    return BatteryState(
        soc_percent=draw(st.floats(0.0, 100.0)),
        temperature_celsius=draw(st.floats(-30.0, 54.0)),
        cycles=draw(st.floats(0.0, 5000.0)),
        health_percent=draw(st.floats(1.0, 100.0)),
    )


WISHES = st.lists(st.floats(-60.0, 60.0) | st.just(0.0) | st.sampled_from([-5.0, 5.0, 0.005]), min_size=1, max_size=60)
ROOMS = st.floats(-25.0, 45.0)


def lived(battery: Battery, state: BatteryState, wishes: list[float], room: float = 20.0, *, parts: int = 1) -> BatteryRun:
    """Each wish held for a step of so many parts, in a room of one warmth, no Monday between."""
    wish = np.repeat(np.array(wishes), parts)
    return battery.live(state, wish_kw=wish, room_celsius=np.full(len(wish), room), closes=np.zeros(len(wishes), dtype=np.int64))
