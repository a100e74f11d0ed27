"""What a course of flows costs: real money first, virtual money in lines of its own."""

import numpy as np

from services.optimizer.planning.problem import Array, Problem
from shared.domain.schedule import PlanCost


def plan_cost(problem: Problem, *, import_kw: Array, export_kw: Array, energy_kwh: Array) -> PlanCost:
    """The account of flows of shape (steps,); `energy_kwh` is stored at the end of each step."""
    hours = problem.grid.step_hours
    money = problem.import_price_per_kwh * import_kw - problem.export_price_per_kwh * export_kw
    moved = np.abs(np.diff(energy_kwh, prepend=problem.initial_energy_kwh))
    return PlanCost(
        energy=float(money.sum()) * hours,
        demand=problem.demand.cost(import_kw) if problem.demand is not None else 0.0,
        wear=float(moved.sum()) * problem.wear_cost_per_kwh,
        terminal=(float(energy_kwh[-1]) - problem.battery.min_energy_kwh) * problem.terminal_value_per_kwh,
    )
