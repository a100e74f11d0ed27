"""Why a step is planned as it is: what it does, what stops more of it, what a stored kWh is worth, what else was considered."""

import numpy as np
from numpy.typing import NDArray

from services.optimizer.planning.engine import Decision, grid_charge_kw, grid_discharge_kw
from services.optimizer.planning.problem import Array, Objective
from services.optimizer.planning.value import change_costs, value_function
from shared.domain.schedule import Action, Reason

MOVING_KW = 1e-4
_ACTIONS = (Action.HOLD, Action.STORE, Action.BUY, Action.USE, Action.SELL)
_VERBS = {
    Action.BUY: "Charges {power} from the grid",
    Action.SELL: "Sells {power} from the battery",
    Action.STORE: "Stores {power} of solar surplus",
    Action.USE: "Covers {power} of the load from the battery",
    Action.HOLD: "Holds",
}
_BECAUSE = {
    Action.BUY: " at {buy}: a kWh stored is worth {stored} later",
    Action.SELL: " at {sell}: a kWh kept would be worth {kept}",
    Action.STORE: ": a kWh exported brings {sell}, stored it is worth {stored} later",
    Action.USE: ": a kWh bought costs {buy}, kept it would be worth {kept}",
}
_BINDING = {
    "min_soc": "the battery is at its minimum",
    "max_soc": "the battery is at its maximum",
    "charge_rate": "at full charging power",
    "discharge_rate": "at full discharging power",
    "max_import": "at the import limit",
    "max_export": "at the export limit",
}


def actions(decision: Decision) -> list[Action]:
    """The word for every step; a mixed step gets the word of its larger part."""
    problem, flows = decision.problem, decision.solution
    from_grid, to_grid = grid_charge_kw(problem, flows), grid_discharge_kw(problem, flows)
    charging, discharging = flows.charge_kw > MOVING_KW, flows.discharge_kw > MOVING_KW
    index = np.zeros(problem.grid.count, dtype=np.int64)
    index[charging] = _ACTIONS.index(Action.STORE)
    index[charging & (from_grid > flows.charge_kw / 2)] = _ACTIONS.index(Action.BUY)
    index[discharging] = _ACTIONS.index(Action.USE)
    index[discharging & (to_grid > flows.discharge_kw / 2)] = _ACTIONS.index(Action.SELL)
    return [_ACTIONS[i] for i in index]


def reasons(decision: Decision, words: list[Action]) -> list[Reason]:
    """One reason for each step."""
    extra = _extra_costs(decision)
    binding = _bindings(decision, words)
    found = []
    for step, word in enumerate(words):
        others = {name: float(extra[step, i]) for i, name in enumerate(_ACTIONS) if name is not word and np.isfinite(extra[step, i])}
        second = min(others, key=lambda name: others[name]) if others else None
        found.append(
            Reason(
                text=_sentence(decision, step, word, binding[step]),
                binding=binding[step],
                marginal_value_per_kwh=round(float(decision.solution.value_per_kwh[step]), 6),
                runner_up=second,
                runner_up_extra_cost=None if second is None else round(max(0.0, others[second]), 6),
            )
        )
    return found


def _energies(decision: Decision) -> tuple[Array, Array]:
    """Stored energy at the start and at the end of every step."""
    after = decision.solution.energy_kwh
    return np.concatenate(([decision.problem.initial_energy_kwh], after[:-1])), after


def _bindings(decision: Decision, words: list[Action]) -> list[str | None]:
    """What stops more of the same."""
    problem, flows, battery = decision.problem, decision.solution, decision.problem.battery
    _, after = _energies(decision)
    charging, discharging = flows.charge_kw > MOVING_KW, flows.discharge_kw > MOVING_KW
    net = problem.load_kw - problem.solar_kw
    idle = ~charging & ~discharging
    slack = 1e-4
    full, empty = after >= battery.max_energy_kwh - slack, after <= battery.min_energy_kwh + slack
    conditions: list[tuple[str, NDArray[np.bool_]]] = [
        ("max_soc", full & (charging | (idle & (net < 0)))),
        ("min_soc", empty & (discharging | (idle & (net > 0)))),
        ("charge_rate", charging & (flows.charge_kw >= battery.max_charge_rate_kw - slack)),
        ("discharge_rate", discharging & (flows.discharge_kw >= battery.max_discharge_rate_kw - slack)),
        ("max_import", charging & (flows.import_kw >= problem.import_limit_kw - slack)),
        ("max_export", discharging & (flows.export_kw >= problem.export_limit_kw - slack)),
    ]
    return [next((name for name, where in conditions if where[step]), None) for step in range(len(words))]


def _extra_costs(decision: Decision) -> Array:
    """What each action in full would cost more than the plan, shape (steps, actions); inf where it cannot be done.

    In full: all of the surplus or of the deficit, or full power with the grid. The cost is the step's and that of the best
    continuation, in steering money.
    """
    problem, battery, hours = decision.problem, decision.problem.battery, decision.problem.grid.step_hours
    before, after = _energies(decision)
    up = np.minimum(battery.max_charge_rate_kw * battery.charge_efficiency * hours, np.maximum(0.0, battery.max_energy_kwh - before))
    down = np.minimum(
        battery.max_discharge_rate_kw * hours / battery.discharge_efficiency, np.maximum(0.0, before - battery.min_energy_kwh)
    )
    net = problem.load_kw - problem.solar_kw
    surplus = np.maximum(0.0, -net) * battery.charge_efficiency * hours
    deficit = np.maximum(0.0, net) * hours / battery.discharge_efficiency
    store, use = np.minimum(surplus, up), np.minimum(deficit, down)
    tiny = MOVING_KW * hours
    changes = np.stack((np.zeros_like(net), store, up, -use, -down, after - before), axis=1)
    possible = np.stack(
        (
            np.ones(len(net), dtype=bool),
            store > tiny,
            up > surplus + tiny,
            use > tiny,
            down > deficit + tiny,
            np.ones(len(net), dtype=bool),
        ),
        axis=1,
    )
    cost = change_costs(problem, changes, import_adder_per_kwh=decision.solution.peak_adder_per_kwh)
    values = value_function(problem, import_adder_per_kwh=decision.solution.peak_adder_per_kwh)
    later = np.array([
        np.interp(row, values.energies_kwh, values.cost[step + 1]) for step, row in enumerate(before[:, None] + changes)
    ])  # fmt: skip
    total = np.where(possible, cost + later, np.inf)
    extra: Array = total[:, :-1] - total[:, -1:]
    return extra


def _sentence(decision: Decision, step: int, word: Action, binding: str | None) -> str:
    """One sentence for a person; worths are after losses and wear, so that they compare with the prices beside them."""
    problem, flows, battery = decision.problem, decision.solution, decision.problem.battery
    text = _VERBS[word].format(power=f"{max(flows.charge_kw[step], flows.discharge_kw[step]):.2f} kW")
    if problem.objective is not Objective.COST:
        text += f" to keep {'emissions' if problem.objective is Objective.CARBON else 'purchases'} low"
    else:
        wear, value = problem.wear_cost_per_kwh, float(flows.value_per_kwh[step])
        prices = {
            "buy": float(problem.import_price_per_kwh[step]),
            "sell": float(problem.export_price_per_kwh[step]),
            "stored": (value - wear) * battery.charge_efficiency,
            "kept": (value + wear) / battery.discharge_efficiency,
        }
        template = _hold(problem.load_kw[step] - problem.solar_kw[step], binding) if word is Action.HOLD else _BECAUSE[word]
        text += template.format(**{name: f"{price:.3f} {problem.currency}" for name, price in prices.items()})
    return text + (f" ({_BINDING[binding]})." if binding else ".")


def _hold(net_kw: float, binding: str | None) -> str:
    """Why nothing is done."""
    if binding == "min_soc":
        return ": the grid covers the load at {buy}"
    if binding == "max_soc":
        return ": the surplus is exported at {sell}"
    if abs(net_kw) < MOVING_KW:
        return ": nothing to store and nothing to cover"
    if net_kw > 0:
        return ": the grid covers the load at {buy}, a kWh kept is worth {kept} later"
    return ": a kWh exported brings {sell}, stored it would be worth {stored}"
