"""One problem by the exact engine."""

import time

import numpy as np

from services.optimizer.planning.exact.batch import Batch, choices, flows, plan_columns
from services.optimizer.planning.exact.calm import calmed
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
    batch = Batch.of([problem])
    found = plan_columns(batch)
    if found.refused[0]:
        return None
    energy = calmed(
        choices(batch, 0),
        found.energy_kwh[0],
        start_kwh=problem.initial_energy_kwh,
        lowest_kwh=batch.lowest_kwh[0],
        highest_kwh=batch.highest_kwh[0],
    )
    charge, discharge, bought, sold, curtailed = flows(batch, 0, energy)
    return Solution(
        status=PlanStatus.OPTIMAL,
        engine="exact",
        charge_kw=charge,
        discharge_kw=discharge,
        import_kw=bought,
        export_kw=sold,
        curtail_kw=curtailed,
        energy_kwh=energy,
        value_per_kwh=found.value_up_per_kwh[0],
        peak_adder_per_kwh=np.zeros(problem.grid.count),
        seconds=time.perf_counter() - begun,
    )
