"""From a problem to a decision: flows from the solver, the value function, and a rule where the solver has no answer."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.optimizer.planning.exact import solve as exact
from services.optimizer.planning.expectation import assumed_spread
from services.optimizer.planning.milp.solve import solve
from services.optimizer.planning.problem import Array, Problem
from services.optimizer.planning.rules import self_consumption_power_kw
from services.optimizer.planning.solution import Solution, SolverError
from services.optimizer.planning.value import Scenarios, ValueFunction, curve_after, value_function
from shared.domain.dispatch import TIE_PER_KWH
from shared.domain.schedule import PlanStatus, ValueCurve

TIME_LIMIT_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A problem with the flows that answer it and the worth of stored energy around them."""

    problem: Problem
    solution: Solution
    values: ValueFunction
    """What a stored kWh is worth with the forecast's errors in mind: what a gateway acts on."""
    degraded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepGuide:
    """What a gateway needs of one step."""

    value_curve: ValueCurve
    grid_charge_limit_kw: float
    grid_discharge_limit_kw: float


def decide(problem: Problem, *, scenarios: Scenarios | None = None, time_limit_seconds: float = TIME_LIMIT_SECONDS) -> Decision:
    """Flows and values; always an answer. Without scenarios an ordinary spread around the expectation is assumed."""
    solution, degraded = flows_for(problem, time_limit_seconds=time_limit_seconds)
    scenarios = scenarios or assumed_spread(problem.load_kw, problem.solar_kw)
    values = value_function(problem, scenarios=scenarios, import_adder_per_kwh=solution.peak_adder_per_kwh)
    return Decision(problem=problem, solution=solution, values=values, degraded=degraded)


def flows_for(problem: Problem, *, time_limit_seconds: float = TIME_LIMIT_SECONDS) -> tuple[Solution, tuple[str, ...]]:
    """The cheapest flows; when no engine has them in its time, the self-consumption rule's, and what to say of it.

    The exact engine answers where it can, the solver everything else.
    """
    try:
        if exact.suits(problem) and (found := exact.solve(problem)) is not None:
            return found, ()
        return solve(problem, time_limit_seconds=time_limit_seconds), ()
    except SolverError as trouble:
        return by_rule(problem), (f"{trouble}; the plan follows the self-consumption rule",)


def by_rule(problem: Problem) -> Solution:
    """The self-consumption rule as flows."""
    battery, hours = problem.battery, problem.grid.step_hours
    power = self_consumption_power_kw(problem)
    charge, discharge = np.maximum(power, 0.0), np.maximum(-power, 0.0)
    net = problem.load_kw - problem.solar_kw + power
    curtail = np.zeros(problem.grid.count)
    if problem.solar_curtailable:
        curtail = np.where((problem.export_price_per_kwh < 0) & (net < 0), np.minimum(-net, problem.solar_kw), 0.0)
    flow = net + curtail
    energy = problem.initial_energy_kwh + np.cumsum(charge * battery.charge_efficiency - discharge / battery.discharge_efficiency) * hours
    nothing = np.zeros(problem.grid.count)
    return Solution(
        status=PlanStatus.DEGRADED,
        engine="rules",
        charge_kw=charge,
        discharge_kw=discharge,
        import_kw=np.maximum(flow, 0.0),
        export_kw=np.maximum(-flow, 0.0),
        curtail_kw=curtail,
        energy_kwh=energy,
        value_per_kwh=np.full(problem.grid.count, problem.terminal_value_per_kwh),
        peak_adder_per_kwh=nothing,
    )


def grid_charge_kw(problem: Problem, solution: Solution) -> Array:
    """The part of the charge that the grid gives, shape (steps,)."""
    surplus = np.maximum(0.0, problem.solar_kw - solution.curtail_kw - problem.load_kw)
    return np.maximum(0.0, solution.charge_kw - surplus)


def grid_discharge_kw(problem: Problem, solution: Solution) -> Array:
    """The part of the discharge that goes to the grid, shape (steps,)."""
    deficit = np.maximum(0.0, problem.load_kw - problem.solar_kw + solution.curtail_kw)
    return np.maximum(0.0, solution.discharge_kw - deficit)


def guide(decision: Decision, step: int) -> StepGuide:
    """What a gateway needs of one step.

    It may exchange energy with the grid for the battery's sake only where that pays at some state of charge by the curve.
    """
    problem, battery = decision.problem, decision.problem.battery
    curve = curve_after(problem, decision.values, step)
    charge_limit, discharge_limit = battery.max_charge_rate_kw, battery.max_discharge_rate_kw
    stored_worth = (curve.value_per_kwh[0] - problem.wear_cost_per_kwh) * battery.charge_efficiency
    sale_brings = problem.export_price_per_kwh[step] * battery.discharge_efficiency - problem.wear_cost_per_kwh
    if problem.import_price_per_kwh[step] > stored_worth + TIE_PER_KWH:
        charge_limit = 0.0
    if sale_brings < curve.value_per_kwh[-1] - TIE_PER_KWH:
        discharge_limit = 0.0
    return StepGuide(
        value_curve=curve,
        grid_charge_limit_kw=min(charge_limit, float(problem.import_limit_kw[step])),
        grid_discharge_limit_kw=min(discharge_limit, float(problem.export_limit_kw[step])),
    )


def guides(decision: Decision, *, first: int) -> Sequence[StepGuide]:
    """What a gateway needs of the first steps."""
    return [guide(decision, step) for step in range(min(first, decision.problem.grid.count))]
