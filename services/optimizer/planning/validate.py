"""An independent check of a plan: plain sums over its slots, sharing no code with what made them."""

from collections.abc import Iterator, Sequence

from services.optimizer.planning.problem import Problem
from shared.domain.schedule import PlanCost, RelaxedConstraint, Slot

POWER_KW = 1e-5
ENERGY_KWH = 1e-4
MONEY = 1e-5


def violations(problem: Problem, slots: Sequence[Slot], cost: PlanCost, relaxed: Sequence[RelaxedConstraint] = ()) -> list[str]:
    """Everything that is wrong with a plan, one sentence each; an empty list for a plan that can be executed as it says."""
    if len(slots) != problem.grid.count:
        return [f"has {len(slots)} slots for {problem.grid.count} steps"]
    found = []
    before = problem.initial_soc_percent
    for step, slot in enumerate(slots):
        said = (*_times(problem, step, slot), *_powers(problem, step, slot), *_meter(problem, step, slot, relaxed))
        said += tuple(_storage(problem, slot, before))
        found += [f"{slot.start.isoformat()}: {sentence}" for sentence in said]
        before = slot.soc_percent
    return found + list(_account(problem, slots, cost))


def _times(problem: Problem, step: int, slot: Slot) -> Iterator[str]:
    if slot.start != problem.grid.start + step * problem.grid.step:
        yield "the step starts at another time"


def _powers(problem: Problem, step: int, slot: Slot) -> Iterator[str]:
    battery = problem.battery
    for name in ("charge_kw", "discharge_kw", "grid_import_kw", "grid_export_kw", "curtail_kw"):
        if getattr(slot, name) < -POWER_KW:
            yield f"{name} is negative"
    if slot.charge_kw > battery.max_charge_rate_kw + POWER_KW or slot.discharge_kw > battery.max_discharge_rate_kw + POWER_KW:
        yield "beyond the battery's power"
    if min(slot.charge_kw, slot.discharge_kw) > POWER_KW:
        yield "charges and discharges at once"
    if min(slot.grid_import_kw, slot.grid_export_kw) > POWER_KW:
        yield "imports and exports at once"
    if slot.curtail_kw > (problem.solar_kw[step] if problem.solar_curtailable else 0.0) + POWER_KW:
        yield "curtails more than it may"


def _meter(problem: Problem, step: int, slot: Slot, relaxed: Sequence[RelaxedConstraint]) -> Iterator[str]:
    flow = problem.load_kw[step] + slot.charge_kw - slot.discharge_kw - problem.solar_kw[step] + slot.curtail_kw
    if abs(flow - slot.grid_import_kw + slot.grid_export_kw) > POWER_KW:
        yield "the meter does not balance"
    waived = {item.name for item in relaxed}
    for name, value, limit in (
        ("max_import", slot.grid_import_kw, problem.import_limit_kw[step]),
        ("max_export", slot.grid_export_kw, problem.export_limit_kw[step]),
    ):
        if value > limit + 2e-4 and name not in waived:
            yield f"{name} is exceeded without a word"


def _storage(problem: Problem, slot: Slot, before: float) -> Iterator[str]:
    battery = problem.battery
    after = before + _change_kwh(problem, slot) / battery.capacity_kwh * 100.0
    slack = ENERGY_KWH / battery.capacity_kwh * 100.0
    if abs(after - slot.soc_percent) > slack:
        yield "the state of charge does not follow from the power"
    if after < min(battery.min_soc_percent, before) - slack or after > max(battery.max_soc_percent, before) + slack:
        yield "leaves the state-of-charge band"


def _account(problem: Problem, slots: Sequence[Slot], cost: PlanCost) -> Iterator[str]:
    hours = problem.grid.step.total_seconds() / 3600.0
    energy = 0.0
    for step, slot in enumerate(slots):
        money = (
            problem.import_price_per_kwh[step] * slot.grid_import_kw - problem.export_price_per_kwh[step] * slot.grid_export_kw
        ) * hours
        energy += money
        if abs(money - slot.cost) > MONEY:
            yield f"{slot.start.isoformat()}: the cost of the step does not follow from its flows"
    wear = sum(abs(_change_kwh(problem, slot)) for slot in slots) * problem.wear_cost_per_kwh
    kept = (slots[-1].soc_percent - problem.battery.min_soc_percent) / 100.0 * problem.battery.capacity_kwh
    for name, expected in (("energy", energy), ("wear", wear), ("terminal", kept * problem.terminal_value_per_kwh)):
        if abs(getattr(cost, name) - expected) > MONEY * max(1, len(slots)):
            yield f"the {name} cost is {getattr(cost, name):g} where the slots give {expected:g}"


def _change_kwh(problem: Problem, slot: Slot) -> float:
    hours = problem.grid.step.total_seconds() / 3600.0
    return (slot.charge_kw * problem.battery.charge_efficiency - slot.discharge_kw / problem.battery.discharge_efficiency) * hours
