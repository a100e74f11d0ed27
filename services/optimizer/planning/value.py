"""What a stored kWh is worth, over the state of charge: backward dynamic programming on a grid of stored energies.

V[t, i] is the least expected cost from the start of step t on, holding `energies[i]`; an expectation over scenarios of load and
solar, so a kWh is worth something also where the forecast's centre would have left it unused.
In a step the battery moves to another level of the grid, or by one of the moves where the step's cost has a kink (full rate,
nothing through the meter); between levels V is linear. That is exact for a piecewise linear V sampled at the levels.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

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
    battery, steer = problem.battery, problem.steering
    scenarios = scenarios or Scenarios.single(problem)
    low, high = battery.min_energy_kwh, battery.max_energy_kwh
    if high - low < 1e-9:
        return ValueFunction(energies_kwh=np.array([low]), cost=np.zeros((problem.grid.count + 1, 1)))
    energies = np.linspace(low, high, LEVELS)
    moves = _Moves.of(problem, steer, scenarios, spacing=float(energies[1] - energies[0]), adder=import_adder_per_kwh)
    cost = np.empty((problem.grid.count + 1, LEVELS))
    cost[-1] = -steer.terminal_per_kwh * (energies - low)
    stays = float(np.exp(-problem.grid.step_hours / scenarios.persistence_hours))
    later = np.repeat(cost[-1][None, :], len(scenarios.weights), axis=0)
    for step in range(problem.grid.count - 1, -1, -1):
        best = moves.best(step, later)
        cost[step] = scenarios.weights @ best
        later = stays * best + (1.0 - stays) * cost[step]
    return ValueFunction(energies_kwh=energies, cost=cost, tolerance_per_kwh=CURVE_TOLERANCE * steer.scale)


@dataclass(frozen=True, slots=True)
class _Moves:
    """The moves of every step: whole levels, and kinks (as a whole number of levels and a share of the next)."""

    down: int
    up: int
    level_cost: Array
    """(steps, scenarios, down + 1 + up)"""
    kink_level: NDArray[np.int64]
    kink_share: Array
    kink_cost: Array
    """(steps, scenarios, kinks)"""

    @classmethod
    def of(cls, problem: Problem, steer: Steering, scenarios: Scenarios, *, spacing: float, adder: Array | None) -> "_Moves":
        battery, hours = problem.battery, problem.grid.step_hours
        largest_up = battery.max_charge_rate_kw * battery.charge_efficiency * hours
        largest_down = battery.max_discharge_rate_kw * hours / battery.discharge_efficiency
        up = min(LEVELS - 1, int(largest_up / spacing + 1e-9))
        down = min(LEVELS - 1, int(largest_down / spacing + 1e-9))
        load, solar = scenarios.load_kw.T[:, :, None], scenarios.solar_kw.T[:, :, None]
        net = load - solar
        shape = (*net.shape[:2], 1)
        following = np.where(net < 0, -net * battery.charge_efficiency, -net / battery.discharge_efficiency) * hours
        following = np.clip(following, -largest_down, largest_up)
        kinks = np.concatenate((following, np.full(shape, largest_up), np.full(shape, -largest_down)), axis=2)
        position = kinks / spacing
        whole = np.floor(position).astype(np.int64)
        cost = StepCost(problem=problem, steer=steer, net_kw=net, solar_kw=solar, adder=adder)
        return cls(
            down=down,
            up=up,
            level_cost=cost.of(np.arange(-down, up + 1, dtype=np.float64) * spacing),
            kink_level=whole,
            kink_share=position - whole,
            kink_cost=cost.of(kinks),
        )

    def best(self, step: int, later: Array) -> Array:
        """The least cost from each level, shape (scenarios, levels), when `later`, of the same shape, is V afterwards."""
        scenarios = len(later)
        wide = np.full((scenarios, 3 * LEVELS + 1), np.inf)
        wide[:, LEVELS : 2 * LEVELS] = later
        reach = wide[:, LEVELS - self.down : 2 * LEVELS + self.up]
        windows = sliding_window_view(reach, self.down + 1 + self.up, axis=1)
        best: Array = (windows + self.level_cost[step][:, None, :]).min(axis=2)
        rows = np.arange(scenarios)[:, None]
        for kink in range(self.kink_level.shape[2]):
            level = np.clip(self.kink_level[step, :, kink], -LEVELS, LEVELS)
            share = self.kink_share[step, :, kink][:, None]
            index = level[:, None] + np.arange(LEVELS, 2 * LEVELS)[None, :]
            below, above = wide[rows, index], wide[rows, index + 1]
            with np.errstate(invalid="ignore"):
                between = np.where(share > 1e-12, below + share * (above - below), below)
            np.fmin(best, between + self.kink_cost[step, :, kink][:, None], out=best)
        return best


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCost:
    """What changing the stored energy costs within a step: the meter's money, wear, and breaches of wishes."""

    problem: Problem
    steer: Steering
    net_kw: Array
    solar_kw: Array
    adder: Array | None

    def of(self, change_kwh: Array) -> Array:
        """`change_kwh` broadcasts against (steps, scenarios, moves)."""
        battery, hours = self.problem.battery, self.problem.grid.step_hours
        power = np.where(change_kwh > 0, change_kwh / battery.charge_efficiency, change_kwh * battery.discharge_efficiency) / hours
        flow = self.net_kw + power
        best = self._meter(flow)
        if self.problem.solar_curtailable:
            # the meter's cost is least at no, at full, or at just enough curtailment
            full = flow + self.solar_kw
            np.minimum(best, self._meter(full), out=best)
            best = np.where((flow < 0) & (full > 0), np.minimum(best, 0.0), best)
        cost: Array = best * hours + self.steer.wear_per_kwh * np.abs(change_kwh)
        return cost

    def _meter(self, flow_kw: Array) -> Array:
        """Cost per hour of a flow through the meter."""
        breach, no_limit = self.steer.breach_per_kwh, np.inf
        price = self.steer.import_per_kwh if self.adder is None else self.steer.import_per_kwh + self.adder
        bought, sold = np.maximum(flow_kw, 0.0), np.maximum(-flow_kw, 0.0)
        cost: Array = price[:, None, None] * bought - self.steer.export_per_kwh[:, None, None] * sold
        for flow, limit in ((bought, self.problem.import_limit_kw), (sold, self.problem.export_limit_kw)):
            if (limit < no_limit).any():
                cost += breach * np.maximum(0.0, flow - limit[:, None, None])
        return cost


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
