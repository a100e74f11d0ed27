"""The battery's own rules, and what a schedule makes of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from services.gateway_sim.plant.control import own_wish_kw, slots_in_force
from services.gateway_sim.plant.equipment import Control, Home, HomeBattery
from services.gateway_sim.plant.home import simulate
from shared.domain.reading import TIME_OF_USE_PERIODS
from shared.domain.schedule import ValueCurve
from shared.domain.time import TimeGrid
from tests.unit.gateway_sim.schedules import a_schedule

MIDNIGHT = datetime(2024, 6, 15, 8, tzinfo=UTC)
"""In Los Angeles: one o'clock at night, no sun."""
TIME_OF_USE = replace(HomeBattery.default(), control=Control.TIME_OF_USE)


def test_self_consumption_stores_every_surplus_and_covers_every_deficit():
    net = np.array([-3.0, 0.0, 2.0])
    assert own_wish_kw(HomeBattery.default(), net_load_kw=net, period=np.zeros(3, dtype=np.int64)).tolist() == [3.0, 0.0, -2.0]


@pytest.mark.parametrize(("period", "wishes"), [("off_peak", [5.0, 5.0]), ("shoulder", [3.0, 0.0]), ("peak", [3.0, -2.0])])
def test_time_of_use_fills_off_peak_keeps_between_and_covers_the_peak(period: str, wishes: list[float]):
    at = np.full(2, TIME_OF_USE_PERIODS.index(period))
    assert own_wish_kw(TIME_OF_USE, net_load_kw=np.array([-3.0, 2.0]), period=at).tolist() == wishes


def test_by_time_of_use_a_home_without_sun_buys_at_night_and_none_at_the_peak():
    grid = TimeGrid(start=datetime(2024, 1, 8, 8, tzinfo=UTC), step=timedelta(minutes=15), count=96 * 5)
    home = Home(battery=TIME_OF_USE, solar=replace(Home().solar, spec=replace(Home().solar.spec, capacity_kw=0.0)))
    readings = simulate(home, grid).readings
    by_period = readings.groupby("time_of_use_period")["battery_power_kw"].mean()
    assert by_period["off_peak"] > 0.1
    assert by_period["peak"] < -0.1
    assert by_period["shoulder"] == pytest.approx(0.0, abs=0.011)  # the electronics


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


def test_a_schedule_of_another_time_is_as_none():
    plan, hour = a_schedule(MIDNIGHT, hours=24), timedelta(hours=1)
    assert slots_in_force(None, TimeGrid(start=MIDNIGHT, step=hour, count=3)) is None
    assert slots_in_force(plan, TimeGrid(start=MIDNIGHT - 3 * hour, step=hour, count=3)) is None
    assert slots_in_force(plan, TimeGrid(start=MIDNIGHT + 24 * hour, step=hour, count=3)) is None
    last = slots_in_force(plan, TimeGrid(start=MIDNIGHT + 23 * hour, step=hour, count=2))
    assert last == [plan.slots[-1], None]


def test_a_value_curve_stops_the_battery_where_the_next_kwh_is_worth_keeping():
    curve = ValueCurve(soc_percent=(0.0, 40.0), value_per_kwh=(5.0, 0.0))
    grid = TimeGrid(start=MIDNIGHT, step=timedelta(hours=1), count=6)
    readings = simulate(Home(), grid, schedule=a_schedule(MIDNIGHT, curve=curve, hours=20)).readings
    # to 40, and from there only by what the electronics take
    assert readings["battery_soc_percent"].min() == pytest.approx(40.0, abs=0.5)
