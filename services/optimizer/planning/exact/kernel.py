"""The exact engine's loops, in numbers and flat arrays: convex piecewise linear dynamic programming over the stored energy.

The cost of changing the stored energy within a step is convex and piecewise linear, so the least cost V from a step on is, too, as a
function of the stored energy. V of a step is the infimal convolution of the step's cost with V of the next one: two lists of pieces
(slope, length), each sorted by slope, merged and cut to the bounds. Of each step only the places of its own pieces in the merged
list are kept; walking forward they say how much of the stored energy the step gives.
Cruise, Flatley, Gibbens, Zachary: "Control of energy storage with market impact", Operations Research 67(1), 2019, for the problem.
"""

import numpy as np
from numpy.typing import NDArray

from shared.domain.tiered import tiered

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

(
    CHARGE_KW, DISCHARGE_KW, CHARGE_EFFICIENCY, DISCHARGE_EFFICIENCY, WEAR, TERMINAL, BREACH, CURTAILABLE, CHARGE_FROM_GRID, SELL_STORED,
    START_KWH, LOW_KWH, HIGH_KWH, HOURS,
) = range(14)  # fmt: skip
NUMBERS = 14
PIECES = 6
"""A step's cost has at most so many: kinks at no change, at no flow, at both limits, and at both ends of curtailment."""
TIE = 1e-8
"""Virtual cost per kWh moved either way: at equal money nothing is moved."""
ENDLESS = 1e300
SLACK_KWH = 1e-9
CONVEX, NOT_CONVEX = 0, 1


def rest_flow(buy: float, sell: float, most_bought: float, most_sold: float) -> float:
    """The flow through the meter that costs least, towards which solar power is curtailed: it sells, stops, or buys all it may."""
    if sell >= 0.0:
        return -most_sold
    return 0.0 if buy >= 0.0 else most_bought


def prices_of(buy: float, sell: float, least_flow_kw: float, most_flow_kw: float) -> tuple[float, float]:
    """Both prices; the other one also for the side of the meter that no flow between these two reaches, where selling is dearer."""
    if sell > buy and least_flow_kw >= 0.0:
        return buy, buy
    if sell > buy and most_flow_kw <= 0.0:
        return sell, sell
    return buy, sell


def meter(  # noqa: PLR0917 - compiled code knows places, not names
    buy: float, sell: float, most_bought: float, most_sold: float, breach: float, spare_kw: float, flows_kw: Floats, prices: Floats
) -> None:
    """What one more kWh of flow costs, from the largest flow down: `prices[i]` above `flows_kw[i]`, the last below all of them.

    Where up to `spare_kw` of solar power may be curtailed, the cost does not change for so much below the flow that costs least.
    """
    prices[0], prices[4] = buy + breach, sell - breach
    flows_kw[0], flows_kw[3] = most_bought, -most_sold - spare_kw
    if sell >= 0.0 or spare_kw <= 0.0:
        flows_kw[1], flows_kw[2] = 0.0, -most_sold
        prices[1], prices[2], prices[3] = buy, sell, 0.0
    elif buy >= 0.0:
        flows_kw[1], flows_kw[2] = 0.0, -spare_kw
        prices[1], prices[2], prices[3] = buy, 0.0, sell
    else:
        flows_kw[1], flows_kw[2] = most_bought - spare_kw, -spare_kw
        prices[1], prices[2], prices[3] = 0.0, buy, sell


def powers(numbers: Floats, first: int, load_kw: float, solar_kw: float, lowest: float, highest: float) -> tuple[float, float]:  # noqa: PLR0917 - as above
    """The most that a step may charge and discharge, kW."""
    charge, discharge = numbers[first + CHARGE_KW], numbers[first + DISCHARGE_KW]
    if numbers[first + CHARGE_FROM_GRID] <= 0.0:
        charge = min(charge, solar_kw)
    if numbers[first + SELL_STORED] <= 0.0:
        discharge = min(discharge, load_kw)
    if lowest < numbers[first + LOW_KWH] - SLACK_KWH:
        discharge = 0.0
    if highest > numbers[first + HIGH_KWH] + SLACK_KWH:
        charge = 0.0
    return charge, discharge


def pieces_of(  # noqa: PLR0917 - as above
    numbers: Floats, first: int, load_kw: float, solar_kw: float, buy: float, sell: float, most_bought: float, most_sold: float,
    charge: float, discharge: float, flows_kw: Floats, prices: Floats, slopes: Floats, lengths: Floats, begin: int,
) -> int:  # fmt: skip
    """A step's cost as a function of the energy taken from the store (< 0: put in): slopes and lengths from `begin` on, rising.

    `flows_kw` and `prices` are room. Returns how many pieces there are, negative where their slopes do not rise.
    """
    hours, wear = numbers[first + HOURS], numbers[first + WEAR] + TIE
    gain, loss = numbers[first + CHARGE_EFFICIENCY], numbers[first + DISCHARGE_EFFICIENCY]
    spare = solar_kw if numbers[first + CURTAILABLE] > 0.0 else 0.0
    net = load_kw - solar_kw
    dear, cheap = prices_of(buy, sell, net - discharge, net + charge + spare)
    if cheap > dear:
        return -1
    meter(dear, cheap, most_bought, most_sold, numbers[first + BREACH], spare, flows_kw, prices)
    found, given, part = 0, -charge, 0
    while given < discharge:
        end = discharge if part == 4 else min(discharge, net - flows_kw[part])
        if given < 0.0 < end:
            end = 0.0
        if end > given:
            # energy that is taken lowers the cost of the meter; both ways wear
            if given < 0.0:
                slope, length = -prices[part] / gain - wear, (end - given) * hours * gain
            else:
                slope, length = -prices[part] * loss + wear, (end - given) * hours / loss
            if found > 0 and slope < slopes[begin + found - 1] - 1e-12:
                return -1
            slopes[begin + found], lengths[begin + found] = slope, length
            found += 1
            given = end
        if part < 4 and given >= net - flows_kw[part]:
            part += 1
    return found


def merge(  # noqa: PLR0917 - as above
    slopes: Floats, lengths: Floats, count: int, own_slopes: Floats, own_lengths: Floats, places: Floats, begin: int, own: int,
    start: float, low: float, high: float, next_slopes: Floats, next_lengths: Floats,
) -> int:  # fmt: skip
    """Two sorted lists of pieces as one over [start, ...), cut to [low, high]; returns its length and notes where its own pieces begin."""
    one, other, found = 0, 0, 0
    here = start
    while one < count or other < own:
        if other >= own or (one < count and slopes[one] <= own_slopes[begin + other]):
            slope, length = slopes[one], lengths[one]
            one += 1
        else:
            slope, length = own_slopes[begin + other], own_lengths[begin + other]
            places[begin + other] = here
            other += 1
        there = here + length
        begins, ends = max(here, low), min(there, high)
        if ends > begins:
            if found > 0 and next_slopes[found - 1] == slope:
                next_lengths[found - 1] += ends - begins
            else:
                next_slopes[found], next_lengths[found] = slope, ends - begins
                found += 1
        here = there
        if here >= high:
            break
    for rest in range(begin + other, begin + own):
        places[rest] = here
    return found


def walk(  # noqa: PLR0917 - as above
    numbers: Floats, first: int, at: int, steps: int, lowest: Floats, highest: Floats, lengths: Floats, places: Floats,
    counts: Integers, least: Floats, energy: Floats,
) -> None:  # fmt: skip
    """Fill the stored energy at the end of each step."""
    stored = numbers[first + START_KWH]
    for step in range(steps):
        begin = step * PIECES
        taken = least[step]
        for piece in range(begin, begin + counts[step]):
            taken += min(max(stored - places[piece], 0.0), lengths[piece])
        stored = min(max(stored - taken, lowest[at + step]), highest[at + step])
        energy[at + step] = stored


def values(  # noqa: PLR0917 - as above
    numbers: Floats, first: int, at: int, steps: int, lowest: Floats, highest: Floats, slopes: Floats, lengths: Floats, counts: Integers,
    least: Floats, energy: Floats, value_up: Floats, value_down: Floats,
) -> None:  # fmt: skip
    """Fill what one more and one less stored kWh at the end of each step is worth, along the optimal course.

    One more at the upper bound has no worth of its own: it is what the last one before it is worth; mirrored at the lower bound.
    """
    right = left = -numbers[first + TERMINAL]
    for step in range(steps - 1, -1, -1):
        here = energy[at + step]
        free_up, free_down = here < highest[at + step] - SLACK_KWH, here > lowest[at + step] + SLACK_KWH
        if not free_up:
            right = ENDLESS
        if not free_down:
            left = -ENDLESS
        value_up[at + step] = -right if right < ENDLESS else (-left if left > -ENDLESS else 0.0)
        value_down[at + step] = -left if left > -ENDLESS else (-right if right < ENDLESS else 0.0)
        before = numbers[first + START_KWH] if step == 0 else energy[at + step - 1]
        taken = before - here
        edge, up, down = least[step], ENDLESS, -ENDLESS
        for piece in range(step * PIECES, step * PIECES + counts[step]):
            if taken > edge + SLACK_KWH:
                down = slopes[piece]
            edge += lengths[piece]
            if taken < edge - SLACK_KWH:
                up = slopes[piece]
                break
        right, left = min(right, up), max(left, down)


def flows(  # noqa: PLR0917 - as above
    numbers: Floats, first: int, at: int, steps: int, load_kw: Floats, solar_kw: Floats, buy: Floats, sell: Floats, most_bought: Floats,
    most_sold: Floats, energy: Floats, charge: Floats, discharge: Floats, bought: Floats, sold: Floats, curtailed: Floats,
) -> float:  # fmt: skip
    """Fill the powers that belong to the stored energies; returns what they cost in steering money."""
    hours, cost = numbers[first + HOURS], 0.0
    stored = numbers[first + START_KWH]
    for step in range(at, at + steps):
        change = energy[step] - stored
        stored = energy[step]
        charge[step] = change / (numbers[first + CHARGE_EFFICIENCY] * hours) if change > SLACK_KWH else 0.0
        discharge[step] = -change * numbers[first + DISCHARGE_EFFICIENCY] / hours if change < -SLACK_KWH else 0.0
        flow = load_kw[step] - solar_kw[step] + charge[step] - discharge[step]
        curtailed[step] = 0.0
        if numbers[first + CURTAILABLE] > 0.0 and solar_kw[step] > 0.0:
            dear, cheap = prices_of(buy[step], sell[step], flow, flow)
            rest = rest_flow(dear, cheap, most_bought[step], most_sold[step])
            if flow < rest:
                curtailed[step] = min(rest - flow, solar_kw[step])
                flow += curtailed[step]
        bought[step], sold[step] = max(flow, 0.0), max(-flow, 0.0)
        breach = max(0.0, bought[step] - most_bought[step]) + max(0.0, sold[step] - most_sold[step])
        cost += (buy[step] * bought[step] - sell[step] * sold[step] + numbers[first + BREACH] * breach) * hours
        cost += numbers[first + WEAR] * abs(change)
    total: float = cost - numbers[first + TERMINAL] * stored
    return total


def _solve(  # noqa: PLR0917 - as above
    sites: int, steps: int, numbers: Floats, load_kw: Floats, solar_kw: Floats, buy: Floats, sell: Floats, most_bought: Floats,
    most_sold: Floats, lowest: Floats, highest: Floats, slopes: Floats, lengths: Floats, places: Floats, counts: Integers, least: Floats,
    now_slopes: Floats, now_lengths: Floats, next_slopes: Floats, next_lengths: Floats, flows_kw: Floats, prices: Floats,
    charge: Floats, discharge: Floats, bought: Floats, sold: Floats, curtailed: Floats, energy: Floats, value_up: Floats,
    value_down: Floats, cost: Floats, status: Integers,
) -> int:  # fmt: skip
    """Plan every site; series are (sites, steps), `numbers` (sites, NUMBERS). Returns how many sites could not be planned."""
    refused = 0
    for site in range(sites):
        first, at = site * NUMBERS, site * steps
        now_slopes[0], now_lengths[0] = -numbers[first + TERMINAL], highest[at + steps - 1] - lowest[at + steps - 1]
        count = 1
        status[site] = CONVEX
        for step in range(steps - 1, -1, -1):
            here = at + step
            start = numbers[first + START_KWH]
            low, high = (lowest[here - 1], highest[here - 1]) if step > 0 else (start, start)
            charging, discharging = powers(numbers, first, load_kw[here], solar_kw[here], low, high)
            found = pieces_of(
                numbers, first, load_kw[here], solar_kw[here], buy[here], sell[here], most_bought[here], most_sold[here],
                charging, discharging, flows_kw, prices, slopes, lengths, step * PIECES,
            )  # fmt: skip
            if found < 0:
                status[site] = NOT_CONVEX
                break
            counts[step] = found
            least[step] = -charging * numbers[first + HOURS] * numbers[first + CHARGE_EFFICIENCY]
            count = merge(
                now_slopes, now_lengths, count, slopes, lengths, places, step * PIECES, found,
                lowest[here] + least[step], low, high, next_slopes, next_lengths,
            )  # fmt: skip
            now_slopes, next_slopes = next_slopes, now_slopes
            now_lengths, next_lengths = next_lengths, now_lengths
        if status[site] == NOT_CONVEX:
            refused += 1
            continue
        walk(numbers, first, at, steps, lowest, highest, lengths, places, counts, least, energy)
        values(numbers, first, at, steps, lowest, highest, slopes, lengths, counts, least, energy, value_up, value_down)
        cost[site] = flows(
            numbers, first, at, steps, load_kw, solar_kw, buy, sell, most_bought, most_sold, energy,
            charge, discharge, bought, sold, curtailed,
        )  # fmt: skip
    return refused


solve = tiered(_solve, helpers=(rest_flow, prices_of, meter, powers, pieces_of, merge, walk, values, flows))
