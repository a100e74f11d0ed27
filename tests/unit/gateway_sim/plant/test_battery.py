"""The battery keeps its bounds and its books, whatever is asked of it; what it shows beside its energy means something."""

from dataclasses import replace
from math import exp

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway_sim.plant.battery import Battery, BatteryRun, BatteryState, room_celsius, voltage_v, week_closes
from services.gateway_sim.plant.battery_loop import live
from services.gateway_sim.plant.cells import Cells, cells_of
from services.gateway_sim.plant.equipment import Chemistry, HomeBattery
from services.gateway_sim.plant.noise import DAY_US, HOUR_US
from shared.domain.storage import advance
from tests.factories import a_battery
from tests.unit.gateway_sim.plant.batteries import IDEAL, ROOMS, WISHES, batteries, lived, states

PART_HOURS = st.sampled_from([1.0 / 60.0, 1.0 / 12.0, 1.0])
WARM = BatteryState(soc_percent=50.0, temperature_celsius=25.0)


@given(battery=batteries(), state=states(), wish=st.floats(-60.0, 60.0), hours=PART_HOURS)
def test_without_quirks_of_cells_and_standby_a_step_is_the_domains_storage_step(
    battery: HomeBattery, state: BatteryState, wish: float, hours: float
):
    fresh = replace(state, health_percent=100.0)
    run = lived(Battery(replace(battery, standby_w=0.0), part_hours=hours, cells=IDEAL), fresh, [wish])
    capacity = battery.spec.capacity_kwh
    done = advance(battery.spec, energy_kwh=state.soc_percent * capacity / 100.0, power_kw=wish, step_hours=hours)
    assert run.power_kw[0] == pytest.approx(done.power_kw, rel=1e-9, abs=1e-9 * capacity)
    assert run.state.soc_percent == pytest.approx(100.0 * done.energy_kwh / capacity, abs=1e-9)
    assert run.state.health_percent == 100.0


@settings(max_examples=60)
@given(battery=batteries(), state=states(), wishes=WISHES, room=ROOMS, hours=PART_HOURS)
def test_it_never_leaves_its_bounds_and_from_outside_only_moves_back(
    battery: HomeBattery, state: BatteryState, wishes: list[float], room: float, hours: float
):
    run, spec = lived(Battery(battery, part_hours=hours), state, wishes, room), battery.spec
    soc = np.append(run.soc_percent, run.state.soc_percent)
    assert (soc >= min(spec.min_soc_percent, state.soc_percent)).all()
    assert (soc <= max(spec.max_soc_percent, state.soc_percent)).all()
    above, below = soc[:-1] > spec.max_soc_percent, soc[:-1] < spec.min_soc_percent
    assert (soc[1:][above] <= soc[:-1][above]).all()
    assert (soc[1:][below] >= soc[:-1][below]).all()
    assert (run.power_kw <= spec.max_charge_rate_kw).all()
    assert (run.power_kw >= -spec.max_discharge_rate_kw).all()
    hottest = max(state.temperature_celsius, room, cells_of(battery.chemistry).hottest_celsius)
    celsius = np.append(run.temperature_celsius, run.state.temperature_celsius)
    assert (celsius <= hottest + 1e-9).all()
    assert (celsius >= min(state.temperature_celsius, room) - 1e-9).all()


@settings(max_examples=60)
@given(battery=batteries(), state=states(), wishes=WISHES, room=ROOMS, hours=PART_HOURS)
def test_health_never_rises_and_cycles_never_fall(
    battery: HomeBattery, state: BatteryState, wishes: list[float], room: float, hours: float
):
    run = lived(Battery(battery, part_hours=hours), state, wishes, room)
    assert (np.diff(np.append(run.health_percent, run.state.health_percent)) <= 0.0).all()
    assert (np.diff(np.append(run.cycles, run.state.cycles)) >= 0.0).all()
    assert run.state.health_percent > 0.0
    moved = np.abs(np.diff(np.append(run.soc_percent, run.state.soc_percent))).sum()
    assert run.state.cycles - state.cycles == pytest.approx(moved / 200.0, abs=1e-9)


@settings(max_examples=60)
@given(battery=batteries(), state=states(), wishes=WISHES, room=ROOMS, hours=PART_HOURS)
def test_energy_in_less_energy_out_less_every_loss_is_the_change_of_what_is_stored(
    battery: HomeBattery, state: BatteryState, wishes: list[float], room: float, hours: float
):
    run, spec = lived(Battery(battery, part_hours=hours), state, wishes, room), battery.spec
    power = run.power_kw
    soc = np.append(run.soc_percent, run.state.soc_percent)
    health = np.append(run.health_percent, run.state.health_percent)
    stored = spec.capacity_kwh * soc / 100.0 * health / 100.0

    # what the electronics took: from the stock above the minimum, the rest at the terminals
    stock = np.maximum(soc[:-1] - spec.min_soc_percent, 0.0) / 100.0 * spec.capacity_kwh * health[:-1] / 100.0
    asked = battery.standby_w / 1000.0 * hours
    from_cells = np.minimum(asked, stock)
    from_terminals = np.minimum((asked - from_cells) / hours, spec.max_charge_rate_kw)
    charge = np.where(power > 0.0, power - from_terminals, 0.0)
    discharge = np.maximum(-power, 0.0)
    conversion = (charge * (1.0 - spec.charge_efficiency) + discharge * (1.0 / spec.discharge_efficiency - 1.0)) * hours
    fade = spec.capacity_kwh * soc[1:] / 100.0 * (health[:-1] - health[1:]) / 100.0
    assert (charge >= -1e-9).all()
    balance = power * hours - conversion - from_cells - from_terminals * hours - fade
    np.testing.assert_allclose(np.diff(stored), balance, rtol=0, atol=1e-9 * max(1.0, spec.capacity_kwh))
    assert stored[-1] - stored[0] == pytest.approx(balance.sum(), abs=1e-9 * max(1.0, spec.capacity_kwh))


@settings(max_examples=40, deadline=None)
@given(battery=batteries(), state=states(), wishes=WISHES, parts=st.sampled_from([1, 3]), mondays=st.sets(st.integers(0, 59)))
def test_plain_compiled_and_stepwise_lives_have_the_same_bits(
    battery: HomeBattery, state: BatteryState, wishes: list[float], parts: int, mondays: set[int]
):
    machine = Battery(battery, part_hours=1.0 / 12.0)
    wish = np.repeat(np.array(wishes), parts)
    rooms, closes = 20.0 + 25.0 * np.sin(np.arange(len(wish))), np.array([int(index in mondays) for index in range(len(wishes))])
    plain = machine.live(state, wish_kw=wish, room_celsius=rooms, closes=closes)
    stepwise = machine.live_by(state, wish=lambda part, _soc, _health: float(wish[part]), room_celsius=rooms, closes=closes)
    columns, held, points = np.zeros((5, len(closes))), np.zeros(4), np.zeros(len(closes) + 2)
    held[:] = state.soc_percent, state.temperature_celsius, state.cycles, state.health_percent
    points[0] = state.soc_percent
    cells = machine.cells
    count = live.compiled(
        machine.numbers, cells.acceptance, cells.calendar, cells.cycle, held, points, 1, parts, wish, rooms, closes, *columns
    )
    for run in (plain, stepwise):
        assert _columns(run).tobytes() == columns.tobytes()
        assert (run.state.soc_percent, run.state.temperature_celsius, run.state.cycles, run.state.health_percent) == tuple(held)
        assert run.state.turning == tuple(points[:count])


@settings(max_examples=30)
@given(battery=batteries(), state=states(), wishes=WISHES, room=ROOMS, cut=st.integers(1, 59))
def test_a_life_in_two_pieces_is_the_life(battery: HomeBattery, state: BatteryState, wishes: list[float], room: float, cut: int):
    machine = Battery(battery, part_hours=1.0 / 12.0)
    whole = lived(machine, state, wishes, room)
    first = lived(machine, state, wishes[:cut], room)
    if wishes[cut:]:
        rest = lived(machine, first.state, wishes[cut:], room)
        assert _columns(whole).tobytes() == np.hstack([_columns(first), _columns(rest)]).tobytes()
        assert whole.state == rest.state


@given(battery=batteries(), state=states(), wish=st.floats(-60.0, 60.0), room=ROOMS, hours=PART_HOURS)
def test_the_power_of_a_step_asked_for_again_is_the_same_step(
    battery: HomeBattery, state: BatteryState, wish: float, room: float, hours: float
):
    machine = Battery(battery, part_hours=hours)
    once = lived(machine, state, [wish], room)
    again = lived(machine, state, [float(once.power_kw[0])], room)
    assert again.power_kw[0] == once.power_kw[0]
    assert again.state == once.state


@given(chemistry=st.sampled_from(Chemistry), low=st.floats(0, 100), more=st.floats(0, 50), celsius=st.floats(-30, 45))
def test_the_fuller_the_less_charge_it_takes(chemistry: Chemistry, low: float, more: float, celsius: float):
    machine = Battery(_wide(chemistry), part_hours=1e-3)
    fuller = min(100.0, low + more)
    assert _charge_kw(machine, fuller, celsius) <= _charge_kw(machine, low, celsius)


@given(chemistry=st.sampled_from(Chemistry), soc=st.floats(5, 95), cold=st.floats(-30, 40), warmer=st.floats(0, 30))
def test_the_warmer_up_to_its_limit_the_more_it_takes_and_gives(chemistry: Chemistry, soc: float, cold: float, warmer: float):
    machine, mild = Battery(_wide(chemistry), part_hours=1e-3), min(45.0, cold + warmer)
    assert _charge_kw(machine, soc, cold) <= _charge_kw(machine, soc, mild)
    assert _discharge_kw(machine, soc, cold) <= _discharge_kw(machine, soc, mild)
    assert _charge_kw(machine, soc, cold) <= _discharge_kw(machine, soc, cold)


def test_frost_stops_the_charge_of_iron_phosphate_and_not_its_discharge():
    machine = Battery(_wide(Chemistry.LFP), part_hours=1.0 / 12.0)
    assert _charge_kw(machine, 50.0, -1.0) == 0.0
    assert 0.0 < _charge_kw(machine, 50.0, 5.0) < _charge_kw(machine, 50.0, 10.0) == 5.0
    assert _discharge_kw(machine, 50.0, -1.0) > 4.0


def test_the_last_percents_take_long_and_with_nickel_the_last_fifth():
    hours = {}
    for chemistry in Chemistry:
        run = lived(Battery(_wide(chemistry), part_hours=1.0 / 60.0), replace(WARM, soc_percent=0.0), [5.0] * 600)
        hours[chemistry] = [np.argmax(run.soc_percent >= level) / 60.0 for level in (80.0, 99.0)]
    (iron_bulk, iron_full), (nickel_bulk, nickel_full) = hours[Chemistry.LFP], hours[Chemistry.NMC]
    assert iron_bulk == pytest.approx(nickel_bulk, rel=0.02)
    assert iron_full - iron_bulk < nickel_full - nickel_bulk


def test_standby_comes_from_the_cells_and_then_from_the_terminals():
    battery = HomeBattery(spec=a_battery(min_soc_percent=10.0), standby_w=20.0)
    run = lived(Battery(battery, part_hours=1.0), replace(WARM, soc_percent=10.5), [0.0] * 24)
    assert run.power_kw[0] == 0.0
    assert run.soc_percent[1] < 10.5
    assert run.power_kw[-1] == pytest.approx(0.020)
    assert run.state.soc_percent == 10.0
    quiet = HomeBattery(spec=a_battery(min_soc_percent=50.0, max_charge_rate_kw=0.0), standby_w=20.0)
    assert lived(Battery(quiet, part_hours=1.0), WARM, [0.0]).power_kw[0] == 0.0


def test_voltage_rises_with_charge_and_with_charging_and_stays_within_the_cells_protection():
    for chemistry in Chemistry:
        battery = HomeBattery(spec=a_battery(), chemistry=chemistry)
        cells, levels = cells_of(chemistry), np.arange(101.0)
        rest = _volts(battery, levels, 0.0, 25.0)
        assert (np.diff(rest) >= 0.0).all()
        assert 48.0 < rest[50] < 54.0
        idle, up, down = (_volts(battery, np.array([50.0]), power, 25.0)[0] for power in (0.0, 5.0, -5.0))
        assert up > idle > down
        assert up - idle < _volts(battery, np.array([50.0]), 5.0, 0.0)[0] - idle
        wild = np.append(_volts(battery, levels, 1e4, 0.0), _volts(battery, levels, -1e4, 0.0))
        assert wild.min() == cells.in_series * cells.lowest_volts
        assert wild.max() == cells.in_series * cells.highest_volts


def test_work_warms_it_by_some_degrees_and_rest_cools_it_to_its_room():
    machine = Battery(HomeBattery.default(), part_hours=1.0 / 12.0)
    state = replace(WARM, soc_percent=15.0, temperature_celsius=20.0)
    worked = lived(machine, state, [5.0] * 24)
    assert 3.0 < worked.state.temperature_celsius - 20.0 < 12.0
    rested = lived(machine, worked.state, [0.0] * 24)
    expected = 20.0 + (worked.state.temperature_celsius - 20.0) * exp(-2.0 / 5.0)
    assert rested.state.temperature_celsius == pytest.approx(expected)


@given(hours=st.floats(0.01, 2.0), power=st.floats(-3.0, 3.0))
def test_the_length_of_the_step_moves_the_same_energy_and_warmth(hours: float, power: float):
    battery = HomeBattery(spec=a_battery(capacity_kwh=30.0))
    once = lived(Battery(battery, part_hours=hours), WARM, [power], 10.0).state
    twice = lived(Battery(battery, part_hours=hours / 2.0), WARM, [power, power], 10.0).state
    assert twice.soc_percent == pytest.approx(once.soc_percent)
    assert twice.temperature_celsius == pytest.approx(once.temperature_celsius)
    assert twice.cycles == pytest.approx(once.cycles)
    assert twice.health_percent == pytest.approx(once.health_percent, abs=1e-4)


def test_one_full_cycle_is_counted_as_one():
    spec = a_battery(min_soc_percent=0.0, max_soc_percent=100.0, max_charge_rate_kw=100.0, max_discharge_rate_kw=100.0)
    machine = Battery(HomeBattery(spec=spec, standby_w=0.0), part_hours=1.0, cells=IDEAL)
    run = lived(machine, replace(WARM, soc_percent=0.0), [100.0, -100.0])
    assert run.soc_percent[1] == pytest.approx(100.0)
    assert run.state.soc_percent == pytest.approx(0.0, abs=1e-9)
    assert run.state.cycles == pytest.approx(1.0)


@pytest.mark.parametrize("chemistry", Chemistry)
def test_heat_and_charge_age_a_resting_battery(chemistry: Chemistry):
    machine = Battery(replace(HomeBattery.default(), chemistry=chemistry, standby_w=0.0), part_hours=24.0)
    by_warmth = [_health_after_a_year(machine, 50.0, celsius) for celsius in (10.0, 25.0, 40.0)]
    assert by_warmth[0] > by_warmth[1] > by_warmth[2]
    assert 98.0 < by_warmth[1] < 99.5
    assert _health_after_a_year(machine, 20.0, 25.0) > by_warmth[1] > _health_after_a_year(machine, 88.0, 25.0)


@pytest.mark.parametrize("chemistry", Chemistry)
def test_a_daily_cycle_in_a_garage_costs_two_or_three_percent_in_the_first_year(chemistry: Chemistry):
    machine = Battery(replace(HomeBattery.default(), chemistry=chemistry), part_hours=0.5)
    day, outdoor = np.repeat([-2.0, 0.0, 5.0, 0.0], 12), 14.0 + 8.0 * np.sin(np.arange(365 * 48) * 2.0 * np.pi / (365 * 48))
    starts = np.arange(365 * 48) * (HOUR_US // 2)
    run = machine.live(WARM, wish_kw=np.tile(day, 365), room_celsius=room_celsius(outdoor), closes=week_closes(starts, HOUR_US // 2))
    assert 250 < run.state.cycles < 330
    assert 1.5 < 100.0 - run.state.health_percent < 3.3


def test_few_deep_cycles_wear_more_than_many_flat_ones_of_the_same_energy():
    for chemistry in Chemistry:
        cells: Cells = replace(IDEAL, cycle=cells_of(chemistry).cycle)
        spec = a_battery(capacity_kwh=10.0, min_soc_percent=0.0, max_soc_percent=100.0, charge_efficiency=1.0, discharge_efficiency=1.0)
        machine = Battery(HomeBattery(spec=spec, standby_w=0.0), part_hours=1.0, cells=cells)
        deep = lived(machine, WARM, [4.0, -4.0] * 10)
        flat = lived(machine, WARM, [1.0, -1.0] * 40)
        assert deep.state.cycles == pytest.approx(flat.state.cycles, rel=1e-3)
        assert deep.state.health_percent < flat.state.health_percent < 100.0


def test_a_week_closes_on_monday_at_midnight_utc():
    thursday = np.arange(8) * DAY_US
    assert week_closes(thursday, DAY_US).tolist() == [0, 0, 0, 1, 0, 0, 0, 0]


def _columns(run: BatteryRun) -> np.ndarray:
    return np.stack([run.power_kw, run.soc_percent, run.temperature_celsius, run.cycles, run.health_percent])


def _wide(chemistry: Chemistry) -> HomeBattery:
    return HomeBattery(spec=a_battery(min_soc_percent=0.0, max_soc_percent=100.0), chemistry=chemistry, standby_w=0.0)


def _charge_kw(machine: Battery, soc: float, celsius: float) -> float:
    return float(lived(machine, BatteryState(soc_percent=soc, temperature_celsius=celsius), [5.0], celsius).power_kw[0])


def _discharge_kw(machine: Battery, soc: float, celsius: float) -> float:
    return -float(lived(machine, BatteryState(soc_percent=soc, temperature_celsius=celsius), [-5.0], celsius).power_kw[0])


def _volts(battery: HomeBattery, soc: np.ndarray, power: float, celsius: float) -> np.ndarray:
    return voltage_v(battery, soc_percent=soc, power_kw=np.full(len(soc), power), temperature_celsius=np.full(len(soc), celsius))


def _health_after_a_year(machine: Battery, soc: float, celsius: float) -> float:
    state = BatteryState(soc_percent=soc, temperature_celsius=celsius)
    return lived(machine, state, [0.0] * 365, celsius).state.health_percent
