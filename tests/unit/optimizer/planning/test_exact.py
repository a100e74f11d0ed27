"""The exact engine agrees with the solver to the last digit, knows what a stored kWh is worth, and is calm at equal money."""

from dataclasses import replace
from datetime import timedelta
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.optimizer.planning.engine import flows_for
from services.optimizer.planning.exact import kernel
from services.optimizer.planning.exact.batch import Batch, Columns, plan_columns
from services.optimizer.planning.exact.solve import solve, suits
from services.optimizer.planning.milp import solve as solver
from services.optimizer.planning.problem import DemandTerms, Objective, Problem
from services.optimizer.planning.solution import Solution
from shared.domain.site import BatterySpec
from tests.unit.optimizer.planning.problems import a_day, a_problem, any_problem

IDEAL = BatterySpec(
    capacity_kwh=4.0, max_charge_rate_kw=2.0, max_discharge_rate_kw=2.0, charge_efficiency=1.0, discharge_efficiency=1.0,
    min_soc_percent=0.0, max_soc_percent=100.0, wear_cost_per_kwh=0.0,
)  # fmt: skip


SERIES = ("load_kw", "solar_kw", "import_price_per_kwh", "export_price_per_kwh", "import_limit_kw", "export_limit_kw")


def steering_cost(problem: Problem, flows: Solution | Columns) -> float:
    """What the engines minimise, summed by hand."""
    steer = problem.steering
    bought, sold, energy = (np.ravel(values) for values in (flows.import_kw, flows.export_kw, flows.energy_kwh))
    breach = np.maximum(0.0, bought - problem.import_limit_kw) + np.maximum(0.0, sold - problem.export_limit_kw)
    money = steer.import_per_kwh * bought - steer.export_per_kwh * sold + steer.breach_per_kwh * breach
    moved = np.abs(np.diff(energy, prepend=problem.initial_energy_kwh))
    return float(money.sum() * problem.grid.step_hours + moved.sum() * steer.wear_per_kwh - energy[-1] * steer.terminal_per_kwh)


def random_home(rng: np.random.Generator, *, steps: int = 96) -> Problem:
    """A home with sun, an evening, dynamic prices, and limits or negative prices now and then."""
    clock = np.arange(steps) * 0.25 % 24
    hourly = 0.25 + 0.08 * np.sin(np.arange(-(-steps // 4)) / 24 * 4 * np.pi) + rng.normal(0, 0.05, -(-steps // 4))
    buy = np.repeat(np.maximum(hourly, rng.choice([0.0, -0.05])), 4)[:steps]
    limited = rng.random() < 0.5
    return a_problem(
        steps=steps,
        load_kw=0.3 + rng.gamma(1.5, 0.3, steps) + rng.uniform(0.5, 3) * np.exp(-((clock - rng.uniform(17, 20)) ** 2) / 4),
        solar_kw=np.clip(np.sin((clock - 6) / 12 * np.pi), 0, None) * rng.uniform(0, 9) * np.clip(rng.normal(0.7, 0.3, steps), 0, 1),
        import_price_per_kwh=buy,
        export_price_per_kwh=np.minimum(buy, rng.choice([0.08, 0.0, 0.3])) if rng.random() < 0.7 else buy - 0.15,
        battery=BatterySpec(
            capacity_kwh=rng.uniform(3, 20), max_charge_rate_kw=rng.uniform(1, 6), max_discharge_rate_kw=rng.uniform(1, 6),
            charge_efficiency=rng.uniform(0.88, 1), discharge_efficiency=rng.uniform(0.88, 1), min_soc_percent=rng.choice([0.0, 10.0]),
            max_soc_percent=rng.choice([90.0, 100.0]), wear_cost_per_kwh=rng.choice([0.0, 0.01, 0.03]),
        ),
        initial_soc_percent=rng.uniform(0, 100),
        terminal_value_per_kwh=rng.choice([None, 0.0, 0.1]),
        import_limit_kw=np.full(steps, rng.uniform(1, 8) if limited else np.inf),
        export_limit_kw=np.full(steps, rng.uniform(0, 5) if limited else np.inf),
        solar_curtailable=bool(rng.random() < 0.7),
    )  # fmt: skip


@given(any_problem(max_steps=12))
@settings(max_examples=80, deadline=None)
def test_whatever_both_engines_can_solve_costs_the_same(problem: Problem) -> None:
    found = solve(problem)
    assume(found is not None)
    assert found is not None
    assert steering_cost(problem, found) == pytest.approx(steering_cost(problem, solver.solve(problem)), rel=1e-6, abs=5e-5)


def test_random_homes_cost_what_the_solver_says_to_a_millionth() -> None:
    rng, compared = np.random.default_rng(11), 0
    for _ in range(60):
        problem = random_home(rng)
        found = solve(problem)
        if found is not None:
            compared += 1
            # what the solver's preference for doing nothing costs is far less than its tolerance
            assert steering_cost(problem, found) == pytest.approx(steering_cost(problem, solver.solve(problem)), rel=1e-6, abs=1e-6)
    assert compared > 40


@given(st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.5]), min_size=4, max_size=4), st.sampled_from([0.0, 50.0, 100.0]))
@settings(max_examples=30, deadline=None)
def test_no_enumerated_course_is_cheaper(prices: list[float], soc: float) -> None:
    problem = a_problem(
        steps=4, step=timedelta(hours=1), load_kw=[0, 1, 2, 1], solar_kw=[2, 0, 0, 1], import_price_per_kwh=prices,
        export_price_per_kwh=0.05, battery=IDEAL, initial_soc_percent=soc, terminal_value_per_kwh=0.12,
    )  # fmt: skip
    best = np.inf
    for moves in product((-2, -1, 0, 1, 2), repeat=4):
        energy = problem.initial_energy_kwh + np.cumsum(moves)
        if energy.min() >= 0 and energy.max() <= 4.0:
            net = problem.load_kw - problem.solar_kw + np.array(moves)
            money = problem.import_price_per_kwh * np.maximum(net, 0) - 0.05 * np.maximum(-net, 0)
            best = min(best, float(money.sum()) - 0.12 * float(energy[-1]))
    found = solve(problem)
    assert found is not None
    assert steering_cost(problem, found) == pytest.approx(best, abs=1e-6)


def test_the_worth_of_a_stored_kwh_is_what_one_more_at_the_start_saves() -> None:
    rng, a_little = np.random.default_rng(3), 1e-5
    for _ in range(20):
        home = replace(random_home(rng, steps=48), initial_soc_percent=float(rng.uniform(25, 75)))
        batch = Batch.of([home, replace(home, initial_soc_percent=home.initial_soc_percent + 100 * a_little / home.battery.capacity_kwh)])
        columns = plan_columns(batch)
        if not columns.refused.any():
            # what is stored at the end of the first step is the same store one step on
            soc = float(columns.energy_kwh[0, 0]) * 100.0 / home.battery.capacity_kwh
            later = {name: getattr(home, name)[1:] for name in SERIES}
            after = replace(home, grid=replace(home.grid, start=home.grid[1], count=47), initial_soc_percent=soc, **later)
            worth = _worth_of_a_little_more(after, a_little)
            assert columns.value_up_per_kwh[0, 0] <= columns.value_down_per_kwh[0, 0] + 1e-9
            assert columns.value_up_per_kwh[0, 0] - 1e-6 <= worth <= columns.value_down_per_kwh[0, 0] + 1e-6


def _worth_of_a_little_more(problem: Problem, a_little_kwh: float) -> float:
    more = replace(problem, initial_soc_percent=problem.initial_soc_percent + 100 * a_little_kwh / problem.battery.capacity_kwh)
    cost = plan_columns(Batch.of([problem, more])).cost
    return float((cost[0] - cost[1]) / a_little_kwh)


def test_a_batch_gives_each_site_the_plan_it_gets_alone_on_any_number_of_threads() -> None:
    rng = np.random.default_rng(4)
    homes = [random_home(rng) for _ in range(7)]
    one, three = plan_columns(Batch.of(homes)), plan_columns(Batch.of(homes), threads=3)
    for number, home in enumerate(homes):
        alone = plan_columns(Batch.of([home]))
        if not alone.refused[0]:
            assert alone.energy_kwh[0].tobytes() == one.energy_kwh[number].tobytes() == three.energy_kwh[number].tobytes()
            assert alone.value_up_per_kwh[0].tobytes() == three.value_up_per_kwh[number].tobytes()


def test_room_that_was_used_before_leaves_no_trace() -> None:
    rng = np.random.default_rng(5)
    first, second = [random_home(rng) for _ in range(3)], [random_home(rng) for _ in range(3)]
    room = plan_columns(Batch.of(first))
    assert plan_columns(Batch.of(second), into=room).cost.tobytes() == plan_columns(Batch.of(second)).cost.tobytes()


def test_both_tiers_give_the_same_bits() -> None:
    batch = Batch.of([random_home(np.random.default_rng(6), steps=24)])
    plain = plan_columns(batch)
    machine, kept = Columns.empty(1, 24), kernel.solve.plain
    try:
        kernel.solve.plain = kernel.solve.compiled  # type: ignore[method-assign]
        plan_columns(batch, into=machine)
    finally:
        kernel.solve.plain = kept  # type: ignore[method-assign]
    assert plain.energy_kwh.tobytes() == machine.energy_kwh.tobytes()
    assert plain.cost.tobytes() == machine.cost.tobytes()


@pytest.mark.parametrize("minutes", [30, 15, 5])
def test_finer_steps_of_the_same_hours_cost_the_same(minutes: int) -> None:
    hour, fine = a_day(step=timedelta(hours=1)), a_day(step=timedelta(minutes=minutes))
    parts = 60 // minutes
    spread = {
        name: np.repeat(getattr(hour, name), parts) for name in ("load_kw", "solar_kw", "import_price_per_kwh", "export_price_per_kwh")
    }
    costs = [steering_cost(each, found) for each in (hour, replace(fine, **spread)) if (found := solve(each)) is not None]
    assert costs[1] == pytest.approx(costs[0], rel=1e-9)


def test_negative_prices_are_exact_while_burning_energy_does_not_pay() -> None:
    dear_wear = a_problem(
        import_price_per_kwh=[-0.05] * 4 + [0.3] * 4, export_price_per_kwh=-0.06, battery=replace(IDEAL, wear_cost_per_kwh=0.01)
    )
    found = solve(dear_wear)
    assert found is not None
    assert found.energy_kwh[3] > dear_wear.initial_energy_kwh
    lossy = replace(dear_wear, battery=replace(IDEAL, charge_efficiency=0.8, discharge_efficiency=0.8), wear_cost_per_kwh=0.0)
    assert solve(lossy) is None


def test_each_problem_goes_to_the_engine_that_can_solve_it_and_the_plan_says_which() -> None:
    demand = DemandTerms(price_per_kw=5.0, clocked_interval=np.arange(8), month=np.zeros(8, dtype=np.int64), incumbent_kw=(0.0,))
    assert flows_for(a_problem())[0].engine == "exact"
    assert flows_for(a_problem(objective=Objective.SELF_CONSUMPTION))[0].engine == "exact"
    assert not suits(a_problem(demand=demand))
    assert flows_for(a_problem(demand=demand))[0].engine == "lp"
    assert flows_for(a_problem(import_price_per_kwh=0.1, export_price_per_kwh=0.2, solar_kw=3.0))[0].engine in {"lp", "milp"}


def test_what_may_not_be_taken_from_or_given_to_the_grid_is_not() -> None:
    arbitrage = a_problem(
        import_price_per_kwh=[0.1] * 4 + [0.6] * 4,
        export_price_per_kwh=[0.05] * 4 + [0.5] * 4,
        load_kw=0.5,
        solar_kw=[1.0] * 4 + [0.0] * 4,
        initial_soc_percent=10.0,
    )
    free = flows_for(arbitrage)[0]
    assert free.charge_kw[:4].max() > 1.0
    assert free.export_kw[4:].max() > 0.0
    bound = flows_for(replace(arbitrage, grid_charging=False, battery_export=False))[0]
    assert bound.charge_kw.max() <= 1.0 + 1e-9
    assert bound.export_kw[4:].max() == 0.0


def switches(power_kw: np.ndarray) -> int:
    mode = np.sign(np.where(np.abs(power_kw) > 1e-7, power_kw, 0.0))
    return int((np.diff(mode, prepend=0.0) != 0).sum())


@given(st.lists(st.sampled_from([0.1, 0.3]), min_size=6, max_size=6), st.lists(st.integers(0, 2), min_size=6, max_size=6))
@settings(max_examples=10, deadline=None)
def test_no_course_of_equal_cost_switches_less(prices: list[float], load: list[int]) -> None:
    problem = a_problem(
        steps=6, step=timedelta(hours=1), load_kw=load, import_price_per_kwh=prices, export_price_per_kwh=0.0,
        battery=replace(IDEAL, wear_cost_per_kwh=0.001), initial_soc_percent=0.0,
    )  # fmt: skip
    found = solve(problem)
    assert found is not None
    cost, least = steering_cost(problem, found), 99
    for moves in product((-2, -1, 0, 1, 2), repeat=6):
        energy = np.cumsum(moves)
        if energy.min() < 0 or energy.max() > 4.0 or energy[-1] != round(float(found.energy_kwh[-1]), 6):
            continue
        net = problem.load_kw + np.array(moves)
        money = float((problem.import_price_per_kwh * np.maximum(net, 0)).sum()) + 0.001 * float(np.abs(moves).sum())
        if money <= cost + 1e-6:
            least = min(least, switches(np.array(moves, dtype=np.float64)))
    assert switches(found.charge_kw - found.discharge_kw) <= least


def test_at_one_price_power_is_even_instead_of_full_and_then_none() -> None:
    night = a_problem(
        steps=12, step=timedelta(hours=1), load_kw=[0.0] * 8 + [1.0] * 4, import_price_per_kwh=[0.1] * 8 + [0.4] * 4,
        export_price_per_kwh=0.0, battery=IDEAL, initial_soc_percent=0.0,
    )  # fmt: skip
    found = solve(night)
    assert found is not None
    assert found.charge_kw[:8] == pytest.approx(np.full(8, 0.5))


def test_the_same_input_gives_the_same_plan_and_a_small_change_a_near_one() -> None:
    home = a_day()
    one, two = solve(home), solve(home)
    near = solve(replace(home, load_kw=home.load_kw * 1.0001))
    assert one is not None
    assert two is not None
    assert near is not None
    assert one.energy_kwh.tobytes() == two.energy_kwh.tobytes()
    assert np.abs(near.energy_kwh - one.energy_kwh).max() < 0.05
