"""The value function agrees with the solver, falls with the state of charge, and grows with what is uncertain."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from services.optimizer.planning.account import plan_cost
from services.optimizer.planning.engine import decide, guides
from services.optimizer.planning.expectation import assumed_spread
from services.optimizer.planning.milp.solve import solve
from services.optimizer.planning.problem import DemandTerms, Objective, Problem
from services.optimizer.planning.value import Scenarios, curve_after, value_function
from shared.domain.site import GridConnection
from tests.unit.optimizer.planning.problems import a_day, a_problem, any_problem


def optimum(problem: Problem) -> float:
    flows = solve(problem)
    return plan_cost(problem, import_kw=flows.import_kw, export_kw=flows.export_kw, energy_kwh=flows.energy_kwh).total


@pytest.mark.parametrize("soc", [10.0, 40.0, 90.0])
def test_the_least_cost_is_that_of_the_solver_within_the_grids_resolution(soc: float) -> None:
    problem = a_day(initial_soc_percent=soc)
    cost = value_function(problem).cost_at(0, problem.initial_energy_kwh)
    assert cost == pytest.approx(optimum(problem), abs=0.03)
    assert cost >= optimum(problem) - 1e-6


def test_the_slope_at_the_planned_state_is_the_solvers_marginal_value() -> None:
    problem = a_day(initial_soc_percent=60.0)
    curve = curve_after(problem, value_function(problem), 0)
    flows = solve(problem)
    soc = float(flows.energy_kwh[0]) * 100 / problem.battery.capacity_kwh
    assert curve.at(soc) == pytest.approx(float(flows.value_per_kwh[0]), abs=0.04)


@given(any_problem(max_steps=4))
@settings(max_examples=40, deadline=None)
def test_curves_never_rise_whatever_is_asked(problem: Problem) -> None:
    for guide in guides(decide(problem), first=problem.grid.count):
        assert np.diff(guide.value_curve.value_per_kwh).max(initial=0.0) <= 1e-9
        assert 0.0 <= guide.grid_charge_limit_kw <= problem.battery.max_charge_rate_kw


def test_uncertain_load_makes_a_stored_kwh_worth_something_that_the_expectation_leaves_unused() -> None:
    # the expectation is exactly covered by the stock: one more kWh has no use unless the load turns out higher
    problem = a_problem(steps=4, load_kw=1.0, export_price_per_kwh=0.0, initial_soc_percent=50.0)
    certain = curve_after(problem, value_function(problem), 0)
    uncertain = curve_after(problem, value_function(problem, scenarios=assumed_spread(problem.load_kw * 6, problem.solar_kw)), 0)
    assert uncertain.at(30.0) > certain.at(30.0)


def test_errors_that_last_matter_more_than_errors_that_cancel() -> None:
    problem = a_problem(steps=12, load_kw=2.0, export_price_per_kwh=0.0)
    spread = assumed_spread(problem.load_kw, problem.solar_kw)
    cost = {hours: value_function(problem, scenarios=replace(spread, persistence_hours=hours)).cost_at(0, 5.0) for hours in (0.05, 50.0)}
    assert cost[50.0] > cost[0.05]


def test_one_scenario_is_the_expectation() -> None:
    problem = a_day()
    assert np.allclose(value_function(problem).cost, value_function(problem, scenarios=Scenarios.single(problem)).cost)


def test_a_battery_outside_its_band_is_drawn_back() -> None:
    low = a_problem(initial_soc_percent=3.0)
    assert curve_after(low, value_function(low), 0).at(3.0) > 1.0
    high = a_problem(initial_soc_percent=97.0)
    assert curve_after(high, value_function(high), 0).at(97.0) < -1.0


def test_the_grid_may_be_used_only_where_some_state_of_charge_pays_for_it() -> None:
    cheap_night = np.where(np.arange(24) < 6, 0.05, 0.50)
    told = guides(decide(a_day(hours=24, import_price_per_kwh=cheap_night, solar_kw=0.0)), first=24)
    assert told[2].grid_charge_limit_kw == 5.0
    assert told[18].grid_charge_limit_kw == 0.0
    assert told[18].grid_discharge_limit_kw == 0.0


def test_a_limit_of_the_connection_bounds_what_a_gateway_may_take() -> None:
    told = guides(decide(a_day(import_price_per_kwh=[0.05] * 6 + [0.5] * 42, limits=GridConnection(max_import_kw=1.0))), first=24)
    assert max(guide.grid_charge_limit_kw for guide in told) == 1.0


def test_self_consumption_is_told_as_a_value_between_sale_and_purchase() -> None:
    problem = a_day(objective=Objective.SELF_CONSUMPTION)
    value = guides(decide(problem), first=1)[0].value_curve.at(50.0)
    assert 0.08 < value < problem.import_price_per_kwh[0]


def test_a_demand_charge_makes_the_peak_hours_dear_in_the_values_too() -> None:
    terms = DemandTerms(price_per_kw=5.0, clocked_interval=np.arange(48), month=np.zeros(48, dtype=np.int64), incumbent_kw=(0.0,))
    flows = solve(a_day(demand=terms, solar_kw=0.0))
    assert flows.peak_adder_per_kwh.sum() == pytest.approx(5.0)
