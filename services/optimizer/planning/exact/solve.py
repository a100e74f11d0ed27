"""One problem by the exact engine."""

import time

import numpy as np

from services.optimizer.planning.exact.batch import Batch, plan_columns
from services.optimizer.planning.problem import Problem
from services.optimizer.planning.solution import Solution
from shared.domain.schedule import PlanStatus


def suits(problem: Problem) -> bool:
    """One battery and nothing else: no devices, shared inverter, taper or demand charge. Prices decide the rest."""
    demand = problem.demand is not None and problem.demand.price_per_kw > 0.0
    taper = problem.taper.charge or problem.taper.discharge
    return not (problem.devices or problem.inverter or taper or demand)


def solve(problem: Problem) -> Solution | None:
    """The cheapest plan of a problem that `suits`; None where some step's cost is not convex in the change of stored energy."""
    begun = time.perf_counter()
    found = plan_columns(Batch.of([problem]))
    if found.refused[0]:
        return None
    return Solution(
        status=PlanStatus.OPTIMAL,
        engine="exact",
        charge_kw=found.charge_kw[0],
        discharge_kw=found.discharge_kw[0],
        import_kw=found.import_kw[0],
        export_kw=found.export_kw[0],
        curtail_kw=found.curtail_kw[0],
        energy_kwh=found.energy_kwh[0],
        value_per_kwh=found.value_up_per_kwh[0],
        peak_adder_per_kwh=np.zeros(problem.grid.count),
        seconds=time.perf_counter() - begun,
    )
