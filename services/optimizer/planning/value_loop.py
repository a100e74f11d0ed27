"""Backward dynamic programming over stored energy, in plain loops: what `value` asks of it, as numbers and flat arrays.

Names of quantities carry no batteries or problems here: compiled code knows numbers and one-dimensional arrays alone.
"""

from math import floor

import numpy as np
from numpy.typing import NDArray

from shared.domain.tiered import tiered

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

(
    SPACING_KWH, UP_KWH, DOWN_KWH, CHARGE_EFFICIENCY, DISCHARGE_EFFICIENCY, WEAR, BREACH, HOURS, STAYS, CURTAILABLE, CHARGE_FROM_GRID,
    SELL_STORED,
) = range(12)  # fmt: skip
NUMBERS = 12
MISSING = 1e300
"""What cannot be done costs this."""


def meter(  # noqa: PLR0917 - compiled code knows places, not names
    flow_kw: float, buy: float, sell: float, most_bought: float, most_sold: float, breach: float
) -> float:
    """Cost per hour of a flow through the meter; beyond a limit every kW costs a breach more."""
    if flow_kw >= 0.0:
        return buy * flow_kw + breach * max(0.0, flow_kw - most_bought)
    return sell * flow_kw + breach * max(0.0, -flow_kw - most_sold)


def change_cost(  # noqa: PLR0917 - as above
    numbers: Floats, change_kwh: float, net_kw: float, solar_kw: float, buy: float, sell: float, most_bought: float, most_sold: float
) -> float:
    """What changing the stored energy costs within a step: the meter's money, wear, and breaches of wishes."""
    power = change_kwh / numbers[CHARGE_EFFICIENCY] if change_kwh > 0.0 else change_kwh * numbers[DISCHARGE_EFFICIENCY]
    power /= numbers[HOURS]
    flow = net_kw + power
    breach = numbers[BREACH]
    cost = meter(flow, buy, sell, most_bought, most_sold, breach)
    if numbers[CURTAILABLE] > 0.0 and solar_kw > 0.0:
        # the meter's cost is least at no, at full, or at just enough curtailment
        full = flow + solar_kw
        cost = min(cost, meter(full, buy, sell, most_bought, most_sold, breach))
        if flow < 0.0 < full:
            cost = min(cost, 0.0)
        edge = -most_sold
        if flow < edge < full:
            cost = min(cost, sell * edge)
    if power > solar_kw and numbers[CHARGE_FROM_GRID] <= 0.0:
        cost += breach * (power - solar_kw)
    if -flow > solar_kw and numbers[SELL_STORED] <= 0.0:
        cost += breach * (-flow - solar_kw)
    total: float = cost * numbers[HOURS] + numbers[WEAR] * abs(change_kwh)
    return total


def step_costs(  # noqa: PLR0917 - as above
    numbers: Floats, changes_kwh: Floats, net_kw: float, solar_kw: float, buy: float, sell: float, most_bought: float, most_sold: float,
    cost: Floats,
) -> int:  # fmt: skip
    """Fill the cost of each change; 1 when they are convex over changes of equal spacing, else 0."""
    convex = 1
    for move in range(len(changes_kwh)):
        cost[move] = change_cost(numbers, changes_kwh[move], net_kw, solar_kw, buy, sell, most_bought, most_sold)
        if move > 1 and cost[move] - 2.0 * cost[move - 1] + cost[move - 2] < -1e-12:
            convex = 0
    return convex


def between(later: Floats, first: int, levels: int, place: float) -> float:
    """The value at a place on the levels that begin at `first`, linear between two of them; `MISSING` beyond the ends."""
    if place < -1e-9 or place > levels - 1 + 1e-9:
        return MISSING
    below = min(max(floor(place), 0), levels - 2)
    start, end = later[first + below], later[first + below + 1]
    value: float = start + (place - below) * (end - start)
    return value


def least(  # noqa: PLR0917 - as above
    cost: Floats, convex: int, down: int, up: int, later: Floats, first: int, levels: int, kinks: Floats, kink_costs: Floats,
    best: Floats,
) -> None:  # fmt: skip
    """The least cost from each level: to another level, or by one of the moves where the step's cost has a kink."""
    goal = 0
    for level in range(levels):
        lowest, highest = max(0, level - down), min(levels - 1, level + up)
        if convex > 0:
            # from a higher level the best goal is never lower
            goal = max(goal, lowest)
            found = cost[goal - level + down] + later[first + goal]
            while goal < highest:
                following = cost[goal + 1 - level + down] + later[first + goal + 1]
                if following > found:
                    break
                found, goal = following, goal + 1
        else:
            found = MISSING
            for other in range(lowest, highest + 1):
                found = min(found, cost[other - level + down] + later[first + other])
        for kink in range(len(kinks)):
            found = min(found, kink_costs[kink] + between(later, first, levels, level + kinks[kink]))
        best[first + level] = found


def _backward(  # noqa: PLR0917 - as above
    numbers: Floats, weights: Floats, net_kw: Floats, solar_kw: Floats, buy: Floats, sell: Floats, most_bought: Floats, most_sold: Floats,
    changes_kwh: Floats, down: int, later: Floats, best: Floats, cost: Floats, kinks: Floats, kink_costs: Floats, values: Floats,
) -> int:  # fmt: skip
    """Fill `values` (steps + 1, levels) from its last row backwards; `later` and `best` are room for (scenarios, levels).

    `net_kw` and `solar_kw` are (scenarios, steps); `changes_kwh` are whole levels from `down` below to some above.
    """
    steps, scenarios = len(buy), len(weights)
    levels = len(values) // (steps + 1)
    stays, spacing, hours = numbers[STAYS], numbers[SPACING_KWH], numbers[HOURS]
    up = len(changes_kwh) - 1 - down
    for scenario in range(scenarios):
        for level in range(levels):
            later[scenario * levels + level] = values[steps * levels + level]
    for step in range(steps - 1, -1, -1):
        for scenario in range(scenarios):
            net, solar = net_kw[scenario * steps + step], solar_kw[scenario * steps + step]
            follow = -net * hours * (numbers[CHARGE_EFFICIENCY] if net < 0.0 else 1.0 / numbers[DISCHARGE_EFFICIENCY])
            kinks[0] = min(numbers[UP_KWH], max(-numbers[DOWN_KWH], follow))
            kinks[1], kinks[2] = numbers[UP_KWH], -numbers[DOWN_KWH]
            for kink in range(len(kinks)):
                kink_costs[kink] = change_cost(numbers, kinks[kink], net, solar, buy[step], sell[step], most_bought[step], most_sold[step])
                kinks[kink] /= spacing
            convex = step_costs(numbers, changes_kwh, net, solar, buy[step], sell[step], most_bought[step], most_sold[step], cost)
            least(cost, convex, down, up, later, scenario * levels, levels, kinks, kink_costs, best)
        for level in range(levels):
            mean = 0.0
            for scenario in range(scenarios):
                mean += weights[scenario] * best[scenario * levels + level]
            values[step * levels + level] = mean
            for scenario in range(scenarios):
                later[scenario * levels + level] = stays * best[scenario * levels + level] + (1.0 - stays) * mean
    return steps


def _changes(  # noqa: PLR0917 - as above
    numbers: Floats, changes_kwh: Floats, net_kw: Floats, solar_kw: Floats, buy: Floats, sell: Floats, most_bought: Floats,
    most_sold: Floats, cost: Floats,
) -> int:  # fmt: skip
    """The cost of some changes in each step: `changes_kwh` and `cost` are (steps, changes)."""
    steps = len(buy)
    each = len(changes_kwh) // steps
    for step in range(steps):
        for change in range(step * each, (step + 1) * each):
            cost[change] = change_cost(
                numbers, changes_kwh[change], net_kw[step], solar_kw[step], buy[step], sell[step], most_bought[step], most_sold[step]
            )
    return steps


backward = tiered(_backward, helpers=(meter, change_cost, step_costs, between, least))
changes = tiered(_changes, helpers=(meter, change_cost))
