"""A decision written out as a plan: a slot for every step with its reason, the account, and what could not be kept."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from services.optimizer.planning.account import plan_cost
from services.optimizer.planning.engine import TIME_LIMIT_SECONDS, Decision, by_rule, decide, guides
from services.optimizer.planning.explain import actions, reasons
from services.optimizer.planning.problem import Problem
from services.optimizer.planning.value import Scenarios
from shared.domain.schedule import PlanCost, PlanStatus, RelaxedConstraint, Schedule, Slot

BREACH_KW = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The answer to a problem."""

    problem: Problem
    status: PlanStatus
    engine: str
    slots: tuple[Slot, ...]
    cost: PlanCost
    baseline_cost: float
    """Total by the same account when the battery follows the self-consumption rule on the same expectation."""
    relaxed_constraints: tuple[RelaxedConstraint, ...]
    degraded: tuple[str, ...]
    gap: float
    solve_seconds: float


def make_plan(
    problem: Problem,
    *,
    scenarios: Scenarios | None = None,
    degraded: tuple[str, ...] = (),
    time_limit_seconds: float = TIME_LIMIT_SECONDS,
) -> Plan:
    """The cheapest plan of a problem. `degraded` says what was substituted in making the problem."""
    decision = decide(problem, scenarios=scenarios, time_limit_seconds=time_limit_seconds)
    flows, rule = decision.solution, by_rule(problem)
    why = (*degraded, *decision.degraded, *_out_of_band(problem))
    return Plan(
        problem=problem,
        status=PlanStatus.DEGRADED if why else flows.status,
        engine=flows.engine,
        slots=_slots(decision),
        cost=plan_cost(problem, import_kw=flows.import_kw, export_kw=flows.export_kw, energy_kwh=flows.energy_kwh),
        baseline_cost=plan_cost(problem, import_kw=rule.import_kw, export_kw=rule.export_kw, energy_kwh=rule.energy_kwh).total,
        relaxed_constraints=_relaxed(decision),
        degraded=why,
        gap=flows.gap,
        solve_seconds=flows.seconds,
    )


def schedule(
    plan: Plan,
    *,
    site_id: str,
    issued_at: datetime,
    expires_at: datetime,
    revision: int = 1,
    forecast_ids: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
) -> Schedule:
    """A plan as what a site is told."""
    problem = plan.problem
    return Schedule(
        site_id=site_id,
        issued_at=issued_at,
        status=plan.status,
        engine=plan.engine,
        objective=problem.objective,
        currency=problem.currency,
        grid=problem.grid,
        slots=plan.slots,
        cost=plan.cost,
        baseline_cost=plan.baseline_cost,
        initial_soc_percent=problem.initial_soc_percent,
        degraded=plan.degraded,
        relaxed_constraints=plan.relaxed_constraints,
        forecast_ids=forecast_ids,
        revision=revision,
        not_before=problem.grid.start,
        expires_at=expires_at,
        solve_seconds=plan.solve_seconds,
        gap=plan.gap,
        notes=notes,
    )


def _slots(decision: Decision) -> tuple[Slot, ...]:
    problem, flows, hours = decision.problem, decision.solution, decision.problem.grid.step_hours
    words = actions(decision)
    why = reasons(decision, words)
    told = guides(decision, first=problem.grid.count)
    money = (problem.import_price_per_kwh * flows.import_kw - problem.export_price_per_kwh * flows.export_kw) * hours
    columns = {
        "charge_kw": flows.charge_kw,
        "discharge_kw": flows.discharge_kw,
        "grid_import_kw": flows.import_kw,
        "grid_export_kw": flows.export_kw,
        "curtail_kw": flows.curtail_kw,
        "soc_percent": flows.energy_kwh * 100.0 / problem.battery.capacity_kwh,
        "load_kw": problem.load_kw,
        "solar_kw": problem.solar_kw,
        "import_price_per_kwh": problem.import_price_per_kwh,
        "export_price_per_kwh": problem.export_price_per_kwh,
        "cost": money,
    }
    rows = {name: (np.round(values, 8) + 0.0).tolist() for name, values in columns.items()}
    return tuple(
        Slot(
            start=problem.grid[step],
            action=words[step],
            value_curve=told[step].value_curve,
            grid_charge_limit_kw=told[step].grid_charge_limit_kw,
            grid_discharge_limit_kw=told[step].grid_discharge_limit_kw,
            reason=why[step],
            **{name: values[step] for name, values in rows.items()},
        )
        for step in range(problem.grid.count)
    )


def _out_of_band(problem: Problem) -> tuple[str, ...]:
    if not problem.out_of_band:
        return ()
    battery, start = problem.battery, problem.initial_soc_percent
    band = f"{battery.min_soc_percent:g} to {battery.max_soc_percent:g} %"
    return (f"the battery starts at {start:g} % of charge, outside {band}: the plan leads back as fast as its power allows",)


def _relaxed(decision: Decision) -> tuple[RelaxedConstraint, ...]:
    """Wishes that are not met, each with its worst amount and when."""
    problem, flows, battery = decision.problem, decision.solution, decision.problem.battery
    found = []
    for name, flow, limit in (
        ("max_import", flows.import_kw, problem.import_limit_kw),
        ("max_export", flows.export_kw, problem.export_limit_kw),
    ):
        if (flow > limit + BREACH_KW).any():
            worst = int(np.argmax(flow - limit))
            amount = round(float(flow[worst] - limit[worst]), 6)
            found.append(RelaxedConstraint(name=name, amount=amount, unit="kW", at=problem.grid[worst]))
    start = problem.initial_soc_percent
    for name, amount in (("min_soc", battery.min_soc_percent - start), ("max_soc", start - battery.max_soc_percent)):
        if problem.out_of_band and amount > 0:
            found.append(RelaxedConstraint(name=name, amount=round(amount, 6), unit="%", at=problem.grid.start))
    return tuple(found)
