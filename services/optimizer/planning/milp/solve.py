"""Plans by HiGHS: the linear relaxation first, binaries where its answer runs both ways at once, always an answer in its time."""

import time
from dataclasses import dataclass, replace

import highspy
import numpy as np

from services.optimizer.planning.milp.house import Directions, Mask
from services.optimizer.planning.milp.site import SiteProgramme
from services.optimizer.planning.problem import Array, Problem
from services.optimizer.planning.solution import DeviceCourse, Solution, SolverError
from shared.domain.schedule import PlanStatus

ACTIVE_KW = 1e-6
"""Flows smaller than this are rounding."""
GAP = 1e-5
"""Relative gap at which the search for directions stops."""
DEVICES_GAP = 5e-4
"""Relative gap at which the search stops where devices have to choose their time."""
PROVEN_GAP = 1e-3
"""An answer within this gap is called optimal."""


def solve(problem: Problem, *, time_limit_seconds: float = 5.0) -> Solution:
    """The cheapest plan. Raises `SolverError` when the solver has no answer within its time.

    The relaxation's answer stands unless a step both buys and sells, charges and discharges, or inverts and rectifies; then the steps
    where that can pay get binary directions.
    """
    begun, steer = time.perf_counter(), problem.steering
    nowhere = np.zeros(problem.grid.count, dtype=bool)
    directions = Directions(meter=nowhere, battery=nowhere, inverter=nowhere)
    negative = (steer.import_per_kwh < 0) | (steer.export_per_kwh < 0)
    while True:
        remaining = max(1e-3, time_limit_seconds - (time.perf_counter() - begun))
        raw = _run(SiteProgramme.of(problem, directions), time_limit_seconds=remaining)
        loops = _both(raw.bought, raw.sold) & ~directions.meter
        burns = _both(raw.charge, raw.discharge) & ~directions.battery
        turns = _both(raw.inverted, raw.rectified) & ~directions.inverter
        if not (loops.any() or burns.any() or turns.any()):
            return _solution(problem, raw, seconds=time.perf_counter() - begun)
        directions = replace(
            directions,
            meter=directions.meter | loops | (steer.export_per_kwh > steer.import_per_kwh),
            battery=directions.battery | burns | negative,
            inverter=directions.inverter | turns | (negative if turns.any() else nowhere),
        )


def _both(one: Array, other: Array) -> Mask:
    return np.asarray(np.minimum(one, other) > ACTIVE_KW)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Raw:
    """The solver's values, shape (steps,)."""

    charge: Array
    discharge: Array
    bought: Array
    sold: Array
    curtail: Array
    inverted: Array
    rectified: Array
    devices: dict[str, DeviceCourse]
    value_per_kwh: Array
    peak_adder_per_kwh: Array
    gap: float
    engine: str


def _run(site: SiteProgramme, *, time_limit_seconds: float) -> _Raw:
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    for option, value in (
        ("output_flag", False),
        ("threads", 1),
        ("primal_feasibility_tolerance", 1e-9),
        ("dual_feasibility_tolerance", 1e-9),
        ("mip_rel_gap", DEVICES_GAP if site.problem.devices else GAP),
        ("mip_abs_gap", 1e-9),
        ("time_limit", time_limit_seconds),
    ):
        solver.setOptionValue(option, value)
    site.programme.load(solver)
    solver.run()
    gap = _fix_choices(solver, site) if site.integral else 0.0
    status = solver.getModelStatus()
    if status != highspy.HighsModelStatus.kOptimal:
        raise SolverError(f"the solver ended with {solver.modelStatusToString(status)}")
    solution = solver.getSolution()
    values, duals = np.array(solution.col_value), np.array(solution.row_dual)
    nothing = np.zeros(site.problem.grid.count)
    part = {name: values[columns] for name, columns in site.house.columns.items()}
    return _Raw(
        charge=part["charge"],
        discharge=part["discharge"],
        bought=part["bought"] + part["over_bought"],
        sold=part["sold"] + part["over_sold"],
        curtail=part["curtail"],
        inverted=part.get("inverted", nothing),
        rectified=part.get("rectified", nothing),
        devices=site.devices(values),
        value_per_kwh=-duals[site.house.dynamics],
        peak_adder_per_kwh=site.peak_adder_per_kwh(duals),
        gap=gap,
        engine="milp" if site.integral else "lp",
    )


def _fix_choices(solver: highspy.Highs, site: SiteProgramme) -> float:
    """Hold the choices at what the search found and solve again, for exact flows and marginal values; returns the gap."""
    info = solver.getInfo()
    if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        raise SolverError(f"the solver found no plan ({solver.modelStatusToString(solver.getModelStatus())})")
    gap = float(info.mip_gap) if np.isfinite(info.mip_gap) else 0.0
    site.fix(solver, np.array(solver.getSolution().col_value))
    solver.setOptionValue("time_limit", float("inf"))
    solver.run()
    return max(0.0, gap)


def _solution(problem: Problem, raw: _Raw, *, seconds: float) -> Solution:
    """The solver's flows without their rounding: one direction a step, the meter exactly balanced, the store exactly kept."""
    battery, hours = problem.battery, problem.grid.step_hours
    charge, discharge = _one_way(raw.charge, raw.discharge)
    curtail = np.where(raw.curtail > ACTIVE_KW, np.minimum(raw.curtail, problem.solar_kw), 0.0)
    drawn = sum((course.power_kw for course in raw.devices.values()), np.zeros(problem.grid.count))
    behind = problem.solar_kw - curtail + discharge - charge
    net = problem.load_kw + drawn - (behind if problem.inverter is None else problem.inverter.to_house_kw(behind))
    moved = (charge * battery.charge_efficiency - discharge / battery.discharge_efficiency) * hours
    return Solution(
        status=PlanStatus.OPTIMAL if raw.gap <= PROVEN_GAP else PlanStatus.FEASIBLE_GAP,
        engine=raw.engine,
        charge_kw=charge,
        discharge_kw=discharge,
        import_kw=np.where(net > 0, net, 0.0),
        export_kw=np.where(net < 0, -net, 0.0),
        curtail_kw=curtail,
        energy_kwh=problem.initial_energy_kwh + np.cumsum(moved),
        value_per_kwh=raw.value_per_kwh,
        peak_adder_per_kwh=raw.peak_adder_per_kwh,
        devices=raw.devices,
        gap=raw.gap,
        seconds=seconds,
    )


def _one_way(charge: Array, discharge: Array) -> tuple[Array, Array]:
    charging = charge >= discharge
    return np.where(charging & (charge > ACTIVE_KW), charge, 0.0), np.where(~charging & (discharge > ACTIVE_KW), discharge, 0.0)
