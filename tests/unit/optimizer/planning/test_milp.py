"""Plans cost what the best enumerated course costs, keep physics, and do not depend on chance or resolution."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings

from services.optimizer.planning.account import plan_cost
from services.optimizer.planning.milp.solve import solve
from services.optimizer.planning.plan import Plan, make_plan
from services.optimizer.planning.problem import DemandTerms, Problem
from services.optimizer.planning.solution import SolverError
from services.optimizer.planning.validate import violations
from shared.domain.schedule import Action, PlanStatus
from shared.domain.site import GridConnection
from tests.factories import a_battery
from tests.unit.optimizer.planning.problems import a_day, a_problem, any_problem

LOSSLESS = a_battery(
    capacity_kwh=4.0, max_charge_rate_kw=2.0, max_discharge_rate_kw=2.0, charge_efficiency=1.0, discharge_efficiency=1.0,
    min_soc_percent=0.0, max_soc_percent=100.0, wear_cost_per_kwh=0.0,
)  # fmt: skip


def check(plan: Plan) -> None:
    assert violations(plan.problem, plan.slots, plan.cost, plan.relaxed_constraints) == []


def total(problem: Problem) -> float:
    flows = solve(problem)
    return plan_cost(problem, import_kw=flows.import_kw, export_kw=flows.export_kw, energy_kwh=flows.energy_kwh).total


def enumerated(problem: Problem, moves_kw: tuple[float, ...]) -> float:
    """The least cost over every sequence of these powers that the battery can do."""
    battery, hours, best = problem.battery, problem.grid.step_hours, np.inf
    for powers in product(moves_kw, repeat=problem.grid.count):
        power = np.array(powers)
        change = np.where(power > 0, power * battery.charge_efficiency, power / battery.discharge_efficiency) * hours
        energy = problem.initial_energy_kwh + np.cumsum(change)
        if energy.min() < battery.min_energy_kwh - 1e-9 or energy.max() > battery.max_energy_kwh + 1e-9:
            continue
        net = problem.load_kw - problem.solar_kw + power
        best = min(best, plan_cost(problem, import_kw=np.maximum(net, 0), export_kw=np.maximum(-net, 0), energy_kwh=energy).total)
    return best


@given(any_problem())
@settings(max_examples=60, deadline=None)
def test_every_plan_of_any_problem_passes_the_independent_validator(problem: Problem) -> None:
    plan = make_plan(problem)
    check(plan)
    assert plan.status in {PlanStatus.OPTIMAL, PlanStatus.FEASIBLE_GAP, PlanStatus.DEGRADED}


@pytest.mark.parametrize(
    ("buy", "sell"),
    [
        ([0.3, 0.1, 0.4, 0.2, 0.5], 0.05),
        ([0.3, 0.1, 0.4, 0.2, 0.5], [0.2, 0.1, 0.3, 0.2, 0.4]),
        ([0.1, 0.2, 0.1, 0.3, 0.1], [0.3, 0.1, 0.4, 0.2, 0.2]),
        ([0.2, 0.2, 0.2, 0.2, 0.2], 0.2),
    ],
)
def test_the_cost_is_that_of_the_best_course_by_brute_force(buy: list[float], sell: object) -> None:
    # lossless battery, whole powers everywhere: an optimum lies on the enumerated powers
    problem = a_problem(
        steps=5, step=timedelta(hours=1), load_kw=[1, 0, 2, 1, 1], solar_kw=[0, 2, 0, 0, 1],
        import_price_per_kwh=buy, export_price_per_kwh=sell, battery=LOSSLESS,
    )  # fmt: skip
    assert total(problem) == pytest.approx(enumerated(problem, (-2.0, -1.0, 0.0, 1.0, 2.0)), abs=1e-6)


@given(any_problem(max_steps=6))
@settings(max_examples=40, deadline=None)
def test_no_plan_is_dearer_than_doing_nothing_when_nothing_is_wrong(problem: Problem) -> None:
    if problem.out_of_band or np.isfinite(problem.import_limit_kw).any() or np.isfinite(problem.export_limit_kw).any():
        return
    idle = plan_cost(
        problem,
        import_kw=np.maximum(problem.load_kw - problem.solar_kw, 0),
        export_kw=np.maximum(problem.solar_kw - problem.load_kw, 0),
        energy_kwh=np.full(problem.grid.count, problem.initial_energy_kwh),
    ).total
    assert total(problem) <= idle + 1e-4


def test_the_marginal_value_is_what_one_more_stored_kwh_saves() -> None:
    problem = a_day()
    flows = solve(problem)
    more = replace(problem, initial_soc_percent=problem.initial_soc_percent + 0.1)
    saved = (total(problem) - total(more)) / (0.001 * problem.battery.capacity_kwh)
    assert flows.value_per_kwh[0] == pytest.approx(saved, rel=1e-3)


def test_the_same_input_twice_gives_the_same_plan() -> None:
    first, second = make_plan(a_day()), make_plan(a_day())
    assert first.slots == second.slots


@pytest.mark.parametrize("price", [0.3, 0.0, -0.1])
def test_nothing_is_moved_where_money_does_not_care(price: float) -> None:
    problem = a_problem(
        load_kw=0.0, import_price_per_kwh=abs(price), export_price_per_kwh=price, battery=LOSSLESS, terminal_value_per_kwh=price
    )
    flows = solve(problem)
    assert flows.charge_kw.max() == 0.0
    assert flows.discharge_kw.max() == 0.0


def test_refining_the_steps_changes_the_cost_within_tolerance() -> None:
    hourly, quarter, five = (total(a_day(step=timedelta(minutes=minutes))) for minutes in (60, 15, 5))
    assert quarter == pytest.approx(hourly, abs=0.03)
    assert five == pytest.approx(quarter, abs=0.03)


def test_the_same_power_moves_the_same_energy_at_15_and_60_minutes() -> None:
    hourly = a_problem(steps=2, step=timedelta(hours=1), load_kw=0.0, import_price_per_kwh=[0.1, 0.5], export_price_per_kwh=[0.1, 0.5])
    quarters = a_problem(steps=8, load_kw=0.0, import_price_per_kwh=[0.1] * 4 + [0.5] * 4, export_price_per_kwh=[0.1] * 4 + [0.5] * 4)
    assert solve(quarters).energy_kwh[3::4] == pytest.approx(solve(hourly).energy_kwh, abs=1e-6)
    assert total(quarters) == pytest.approx(total(hourly), abs=1e-6)


@pytest.mark.parametrize(("soc", "name"), [(3.0, "min_soc"), (97.0, "max_soc")])
def test_a_state_of_charge_outside_the_band_is_led_back_and_reported(soc: float, name: str) -> None:
    plan = make_plan(a_problem(initial_soc_percent=soc))
    check(plan)
    assert plan.status is PlanStatus.DEGRADED
    assert [item.name for item in plan.relaxed_constraints] == [name]
    assert 10.0 - 1e-6 <= plan.slots[-1].soc_percent <= 90.0 + 1e-6


def test_the_way_back_into_the_band_never_turns_round_even_where_a_limit_slows_it() -> None:
    plan = make_plan(
        a_problem(
            solar_kw=[2, 9, 2, 9, 2, 9, 2, 9], export_price_per_kwh=[0.5, -0.1] * 4, initial_soc_percent=99.0,
            limits=GridConnection(max_export_kw=0.5), solar_curtailable=False,
        )
    )  # fmt: skip
    check(plan)


def test_a_state_that_cannot_be_left_still_gets_a_plan() -> None:
    stuck = a_battery(max_charge_rate_kw=0.0, max_discharge_rate_kw=0.0)
    plan = make_plan(a_problem(battery=stuck, initial_soc_percent=2.0))
    check(plan)
    assert plan.status is PlanStatus.DEGRADED
    assert plan.slots[-1].soc_percent == pytest.approx(2.0)


def test_selling_above_buying_does_not_send_the_grid_its_own_power() -> None:
    plan = make_plan(a_problem(solar_kw=3.0, import_price_per_kwh=0.20, export_price_per_kwh=0.35))
    check(plan)
    assert plan.engine == "milp"
    assert all(min(slot.grid_import_kw, slot.grid_export_kw) == 0.0 for slot in plan.slots)


def test_both_prices_negative_with_a_full_battery_curtails_instead_of_burning() -> None:
    plan = make_plan(a_problem(steps=1, solar_kw=4.0, import_price_per_kwh=-0.05, export_price_per_kwh=-0.10, initial_soc_percent=90.0))
    check(plan)
    assert plan.slots[0].curtail_kw == pytest.approx(4.0)
    assert plan.slots[0].grid_import_kw == pytest.approx(1.0)
    assert plan.cost.energy < 0.0


def test_solar_that_cannot_be_curtailed_is_exported_at_a_loss() -> None:
    plan = make_plan(a_problem(steps=1, solar_kw=4.0, export_price_per_kwh=-0.10, initial_soc_percent=90.0, solar_curtailable=False))
    check(plan)
    assert plan.slots[0].curtail_kw == 0.0
    assert plan.slots[0].grid_export_kw == pytest.approx(3.0)


def test_a_limit_that_cannot_be_kept_is_reported_by_name_with_its_amount() -> None:
    plan = make_plan(a_problem(load_kw=12.0, limits=GridConnection(max_import_kw=5.0)))
    check(plan)
    # 40 % of 13.5 kWh over two hours is all the battery can give: spread evenly, the worst breach is least
    given = 0.4 * 13.5 * 0.95 / 2.0
    assert [slot.discharge_kw for slot in plan.slots] == pytest.approx([given] * 8)
    assert [(item.name, item.unit) for item in plan.relaxed_constraints] == [("max_import", "kW")]
    assert plan.relaxed_constraints[0].amount == pytest.approx(12.0 - given - 5.0)


def test_a_limit_that_can_be_kept_is_kept_without_a_word() -> None:
    plan = make_plan(
        a_problem(import_price_per_kwh=[0.05] * 4 + [0.6] * 4, initial_soc_percent=10.0, limits=GridConnection(max_import_kw=2.0))
    )
    check(plan)
    assert plan.relaxed_constraints == ()
    assert max(slot.grid_import_kw for slot in plan.slots) == pytest.approx(2.0)


def test_zero_solar_still_gets_the_optimum() -> None:
    plan = make_plan(a_day(solar_kw=0.0))
    check(plan)
    assert plan.status is PlanStatus.OPTIMAL
    assert Action.BUY in {slot.action for slot in plan.slots}


@pytest.mark.parametrize("day", [datetime(2024, 3, 30, 23, tzinfo=UTC), datetime(2024, 10, 26, 22, tzinfo=UTC)])
@pytest.mark.parametrize("hours", [23, 25])
def test_a_day_of_23_or_25_hours_is_a_day_like_any_other(day: datetime, hours: int) -> None:
    course = a_day(hours=hours, start=day)
    plan = make_plan(course)
    check(plan)
    assert plan.slots[-1].start == day + timedelta(hours=hours - 1)


def test_no_saving_is_claimed_where_nothing_can_be_optimised() -> None:
    plan = make_plan(a_problem(import_price_per_kwh=0.3, export_price_per_kwh=0.3, initial_soc_percent=10.0, terminal_value_per_kwh=0.0))
    assert plan.cost.total == pytest.approx(plan.baseline_cost)


def test_a_demand_charge_flattens_the_peak_and_none_is_paid_below_the_incumbent() -> None:
    steps = 4
    terms = DemandTerms(price_per_kw=10.0, clocked_interval=np.arange(steps), month=np.zeros(steps, dtype=np.int64), incumbent_kw=(0.0,))
    peaky = a_problem(steps=steps, load_kw=[1, 4, 1, 1], export_price_per_kwh=0.0, demand=terms)
    assert solve(peaky).import_kw.max() == pytest.approx(0.0, abs=1e-6)
    # energy for one kW over the four steps alone: the rest must be met by a level import
    short = replace(peaky, initial_soc_percent=10.0 + 100 * 0.25 / 0.95 / 13.5)
    assert solve(short).import_kw.max() == pytest.approx(3.0 if peaky.load_kw.max() == 4 else 0.0, abs=1.01)
    free = replace(short, demand=replace(terms, incumbent_kw=(9.0,)))
    assert make_plan(free).cost.demand == 0.0


def test_too_little_time_ends_in_the_rule_and_says_so() -> None:
    rng = np.random.default_rng(1)
    hard = a_problem(steps=500, import_price_per_kwh=rng.uniform(0.1, 0.3, 500), export_price_per_kwh=rng.uniform(0.1, 0.3, 500))
    with pytest.raises(SolverError):
        solve(hard, time_limit_seconds=1e-9)
    plan = make_plan(hard, time_limit_seconds=1e-9)
    check(plan)
    assert plan.engine == "rules"
    assert plan.status is PlanStatus.DEGRADED
