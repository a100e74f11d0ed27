"""What a stored kWh is worth, over the state of charge: backward dynamic programming on a grid of stored energies.

V[t, i] is the least expected cost from the start of step t on, holding `energies[i]`; an expectation over scenarios of load and
solar, so a kWh is worth something also where the forecast's centre would have left it unused.
In a step the battery moves to another level of the grid, or by one of the moves where the step's cost has a kink (full rate,
nothing through the meter); between levels V is linear. That is exact for a piecewise linear V sampled at the levels.
"""

from dataclasses import dataclass

import numpy as np

from services.optimizer.planning import value_loop
from services.optimizer.planning.problem import Array, Objective, Problem, Steering
from shared.domain.schedule import ValueCurve

LEVELS = 61
PERSISTENCE_HOURS = 6.0
"""How long an error of a home's forecast lasts."""
CURVE_TOLERANCE = 0.01
"""Neighbouring levels whose values differ by less than this share of the largest price are one step of a published curve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenarios:
    """Levels of load and solar around the expectation, shape (scenarios, steps), with their probabilities, shape (scenarios,).

    A Markov chain: from one step to the next the same scenario goes on with probability exp(-step / `persistence_hours`),
    else one is drawn anew. A cloudy morning tells of the afternoon, and little of the day after tomorrow.
    """

    load_kw: Array
    solar_kw: Array
    weights: Array
    persistence_hours: float = PERSISTENCE_HOURS

    @classmethod
    def single(cls, problem: Problem) -> "Scenarios":
        """The expectation alone."""
        return cls(load_kw=problem.load_kw[None, :], solar_kw=problem.solar_kw[None, :], weights=np.ones(1))


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueFunction:
    """V at the start of every step and at the end of the last, on a grid of stored energies."""

    energies_kwh: Array
    """Shape (levels,), from the minimum to the maximum."""
    cost: Array
    """Shape (steps + 1, levels)."""
    tolerance_per_kwh: float = 0.0
    """Values closer than this are one step of a published curve."""

    def cost_at(self, step: int, energy_kwh: float) -> float:
        """V at the start of a step; beyond the band the cost at its edge."""
        return float(np.interp(energy_kwh, self.energies_kwh, self.cost[step]))


def value_function(problem: Problem, *, scenarios: Scenarios | None = None, import_adder_per_kwh: Array | None = None) -> ValueFunction:
    """V of a problem; `import_adder_per_kwh` is what demand charges add to the import price at the margin."""
    battery, steer, count = problem.battery, problem.steering, problem.grid.count
    scenarios = scenarios or Scenarios.single(problem)
    low, high = battery.min_energy_kwh, battery.max_energy_kwh
    if high - low < 1e-9:
        return ValueFunction(energies_kwh=np.array([low]), cost=np.zeros((count + 1, 1)))
    energies = np.linspace(low, high, LEVELS)
    spacing = float(energies[1] - energies[0])
    numbers = _numbers(problem, steer, spacing_kwh=spacing, stays=float(np.exp(-problem.grid.step_hours / scenarios.persistence_hours)))
    up = min(LEVELS - 1, int(numbers[value_loop.UP_KWH] / spacing + 1e-9))
    down = min(LEVELS - 1, int(numbers[value_loop.DOWN_KWH] / spacing + 1e-9))
    cost = np.empty((count + 1, LEVELS))
    cost[-1] = -steer.terminal_per_kwh * (energies - low)
    room = len(scenarios.weights) * LEVELS
    values = cost.ravel()
    value_loop.backward(
        numbers, scenarios.weights, scenarios.load_kw.ravel() - scenarios.solar_kw.ravel(), scenarios.solar_kw.ravel(),
        *_prices(problem, steer, import_adder_per_kwh), np.arange(-down, up + 1, dtype=np.float64) * spacing, down,
        np.empty(room), np.empty(room), np.empty(down + 1 + up), np.empty(3), np.empty(3), values, steps=count * room,
    )  # fmt: skip
    return ValueFunction(energies_kwh=energies, cost=values.reshape(cost.shape), tolerance_per_kwh=CURVE_TOLERANCE * steer.scale)


def change_costs(problem: Problem, changes_kwh: Array, *, import_adder_per_kwh: Array | None = None) -> Array:
    """What changing the stored energy costs on the expectation, shape (steps, changes) as given: money, wear and breaches."""
    steer = problem.steering
    flat = np.ascontiguousarray(changes_kwh).ravel()
    cost = np.empty(len(flat))
    value_loop.changes(
        _numbers(problem, steer, spacing_kwh=1.0, stays=1.0), flat, problem.load_kw - problem.solar_kw, problem.solar_kw,
        *_prices(problem, steer, import_adder_per_kwh), cost, steps=len(flat),
    )  # fmt: skip
    return cost.reshape(changes_kwh.shape)


def _numbers(problem: Problem, steer: Steering, *, spacing_kwh: float, stays: float) -> Array:
    """A problem as the loops see it."""
    battery, hours = problem.battery, problem.grid.step_hours
    numbers = np.empty(value_loop.NUMBERS)
    numbers[value_loop.SPACING_KWH] = spacing_kwh
    numbers[value_loop.UP_KWH] = battery.max_charge_rate_kw * battery.charge_efficiency * hours
    numbers[value_loop.DOWN_KWH] = battery.max_discharge_rate_kw * hours / battery.discharge_efficiency
    numbers[value_loop.CHARGE_EFFICIENCY] = battery.charge_efficiency
    numbers[value_loop.DISCHARGE_EFFICIENCY] = battery.discharge_efficiency
    numbers[value_loop.WEAR] = steer.wear_per_kwh
    numbers[value_loop.BREACH] = steer.breach_per_kwh
    numbers[value_loop.HOURS] = hours
    numbers[value_loop.STAYS] = stays
    numbers[value_loop.CURTAILABLE] = float(problem.solar_curtailable)
    numbers[value_loop.CHARGE_FROM_GRID] = float(problem.grid_charging)
    numbers[value_loop.SELL_STORED] = float(problem.battery_export)
    return numbers


def _prices(problem: Problem, steer: Steering, adder: Array | None) -> tuple[Array, Array, Array, Array]:
    """Buying and selling, and how much of each is free of a breach."""
    buy = steer.import_per_kwh if adder is None else steer.import_per_kwh + adder
    return buy, steer.export_per_kwh, problem.import_limit_kw, problem.export_limit_kw


def curve_after(problem: Problem, function: ValueFunction, step: int) -> ValueCurve:
    """The marginal value of a kWh held at the end of a step, over the state of charge, in few steps."""
    battery, energies = problem.battery, function.energies_kwh
    if problem.objective is Objective.SELF_CONSUMPTION:
        return ValueCurve.flat(_between_sale_and_purchase(problem, step))
    if len(energies) < 2:
        return ValueCurve.flat(problem.terminal_value_per_kwh)
    # V is convex where prices are; where they are not, the lower envelope of its slope keeps the promise of the curve
    slopes = np.minimum.accumulate(-np.diff(function.cost[step + 1]) / np.diff(energies))
    starts, values = _merge(slopes, function.tolerance_per_kwh)
    soc = [float(energies[i] * 100.0 / battery.capacity_kwh) for i in starts]
    soc[0] = 0.0
    return _with_return(problem, soc, values) if problem.out_of_band else _curve(soc, values)


def _curve(soc_percent: list[float], values: list[float]) -> ValueCurve:
    return ValueCurve(soc_percent=tuple(round(s, 4) for s in soc_percent), value_per_kwh=tuple(round(v, 6) for v in values))


def _with_return(problem: Problem, soc_percent: list[float], values: list[float]) -> ValueCurve:
    """Outside the band nothing is worth more than coming back."""
    battery, dear = problem.battery, problem.steering.out_of_band_per_kwh
    if battery.min_soc_percent > 0.0:
        soc_percent = [0.0, battery.min_soc_percent, *soc_percent[1:]]
        values = [max(dear, values[0]), *values]
    if soc_percent[-1] < battery.max_soc_percent < 100.0:
        soc_percent = [*soc_percent, battery.max_soc_percent]
        values = [*values, min(-dear, values[-1])]
    return _curve(soc_percent, values)


def _merge(slopes: Array, tolerance: float) -> tuple[list[int], list[float]]:
    """Runs of slopes that differ by at most the tolerance, as their first index and their mean."""
    starts, first = [0], float(slopes[0])
    for index, slope in enumerate(slopes.tolist()):
        if first - slope > tolerance:
            starts.append(index)
            first = slope
    means = np.add.reduceat(slopes, starts) / np.diff([*starts, len(slopes)])
    return starts, means.tolist()


def _between_sale_and_purchase(problem: Problem, step: int) -> float:
    """A value at which a surplus is stored and load is covered, whatever the prices."""
    battery, wear = problem.battery, problem.wear_cost_per_kwh
    store = problem.export_price_per_kwh[step] / battery.charge_efficiency + wear
    use = problem.import_price_per_kwh[step] * battery.discharge_efficiency - wear
    return float((store + use) / 2.0)
