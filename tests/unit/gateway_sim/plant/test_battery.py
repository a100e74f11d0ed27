"""What the battery shows beside its energy means something; a schedule moves it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway_sim.plant.battery import BatteryState, step, voltage_v
from services.gateway_sim.plant.equipment import Home
from services.gateway_sim.plant.home import simulate
from shared.domain.schedule import ValueCurve
from shared.domain.time import TimeGrid
from tests.factories import a_battery
from tests.unit.gateway_sim.schedules import a_schedule

REST = BatteryState(soc_percent=50.0, temperature_celsius=20.0)
MIDNIGHT = datetime(2024, 6, 15, 8, tzinfo=UTC)
"""In Los Angeles: one o'clock at night, no sun."""


def test_voltage_rises_with_charge_and_with_charging():
    spec = a_battery()
    levels = [voltage_v(spec, soc, 0.0) for soc in range(101)]
    assert levels == sorted(levels)
    assert voltage_v(spec, 50.0, 5.0) > voltage_v(spec, 50.0, 0.0) > voltage_v(spec, 50.0, -5.0)
    assert 44.0 < levels[0] < levels[-1] < 58.0


def test_one_full_cycle_is_counted_as_one():
    spec = a_battery(min_soc_percent=0.0, max_soc_percent=100.0, max_charge_rate_kw=100.0, max_discharge_rate_kw=100.0)
    empty = BatteryState(soc_percent=0.0, temperature_celsius=20.0)
    _, full = step(spec, empty, power_kw=100.0, step_hours=1.0, room_celsius=20.0)
    _, again = step(spec, full, power_kw=-100.0, step_hours=1.0, room_celsius=20.0)
    assert again.soc_percent == pytest.approx(0.0, abs=1e-9)
    assert again.cycles == pytest.approx(1.0)
    assert again.health_percent < full.health_percent < 100.0


@given(hours=st.floats(0.01, 2.0), power=st.floats(-3.0, 3.0))
def test_the_length_of_the_step_moves_the_same_energy_and_warmth(hours: float, power: float):
    spec = a_battery(capacity_kwh=30.0)
    _, once = step(spec, REST, power_kw=power, step_hours=hours, room_celsius=10.0)
    _, half = step(spec, REST, power_kw=power, step_hours=hours / 2, room_celsius=10.0)
    _, twice = step(spec, half, power_kw=power, step_hours=hours / 2, room_celsius=10.0)
    assert twice.soc_percent == pytest.approx(once.soc_percent)
    assert twice.temperature_celsius == pytest.approx(once.temperature_celsius)
    assert twice.cycles == pytest.approx(once.cycles)


def test_heat_ages_a_resting_battery_faster():
    spec = a_battery()
    ages = [
        step(spec, BatteryState(soc_percent=50.0, temperature_celsius=t), power_kw=0.0, step_hours=1.0, room_celsius=t)[1].health_percent
        for t in (10.0, 25.0, 40.0)
    ]
    assert ages[0] > ages[1] > ages[2]


def test_a_dear_stored_kwh_is_kept_and_bought_and_a_cheap_one_used():
    home, grid = Home(), TimeGrid(start=MIDNIGHT, step=timedelta(minutes=5), count=12)
    kept = simulate(home, grid, schedule=a_schedule(MIDNIGHT, value=5.0)).readings
    bought = simulate(home, grid, schedule=a_schedule(MIDNIGHT, value=5.0, grid_charge_limit_kw=2.0)).readings
    used = simulate(home, grid, schedule=a_schedule(MIDNIGHT, value=0.0)).readings
    assert (kept["battery_power_kw"] == 0.0).all()
    assert bought["battery_power_kw"].to_numpy() == pytest.approx(2.0)
    assert used["battery_power_kw"].to_numpy() == pytest.approx(-used["total_load_kw"].to_numpy())


def test_before_it_begins_and_after_it_expires_a_schedule_moves_nothing():
    home, grid = Home(), TimeGrid(start=MIDNIGHT, step=timedelta(minutes=5), count=36)
    plain = simulate(home, grid).readings["battery_power_kw"]
    late = a_schedule(MIDNIGHT, value=5.0, not_before=MIDNIGHT + timedelta(hours=1), expires_at=MIDNIGHT + timedelta(hours=2))
    power = simulate(home, grid, schedule=late).readings["battery_power_kw"]
    assert (power[:12] == plain[:12]).all()
    assert (power[12:24] == 0.0).all()
    assert (power[24:] < 0.0).all()


def test_a_value_curve_stops_the_battery_where_the_next_kwh_is_worth_keeping():
    curve = ValueCurve(soc_percent=(0.0, 40.0), value_per_kwh=(5.0, 0.0))
    grid = TimeGrid(start=MIDNIGHT, step=timedelta(hours=1), count=20)
    readings = simulate(Home(), grid, schedule=a_schedule(MIDNIGHT, curve=curve, hours=20)).readings
    assert readings["battery_soc_percent"].iloc[:5].min() == pytest.approx(40.0)
