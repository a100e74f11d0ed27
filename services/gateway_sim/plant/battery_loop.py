"""The battery's step, and the loop of it: a kernel in two tiers (see `tiered`), so all that it needs is here or comes in as numbers.

`numbers` are the constants of a run, at the places named below. A battery's state travels as four values from step to step (state of
charge, temperature, cycles, health): machine code keeps them in registers, and is twice as fast as with an array.
"""

from math import exp

from services.gateway_sim.plant.noise import Floats, Integers
from shared.domain.tiered import tiered

(
    CAPACITY_KWH, LOWEST_PERCENT, HIGHEST_PERCENT, CHARGE_KW, DISCHARGE_KW, CHARGE_EFFICIENCY, DISCHARGE_EFFICIENCY, STANDBY_KW,
    HOURS, YEARS, CHARGE_FROM, CHARGE_FULL, DISCHARGE_FROM, DISCHARGE_FULL, HOTTEST, KELVIN, CHARGE_HEAT, DISCHARGE_HEAT,
    RISE_PER_KW, COOLED,
) = range(20)  # fmt: skip
NUMBERS = 20


def step(  # noqa: PLR0917 - compiled code knows places, not names
    numbers: Floats, acceptance: Floats, calendar: Floats,
    soc: float, celsius: float, cycles: float, health: float, wish_kw: float, room_celsius: float,
) -> tuple[float, float, float, float, float]:  # fmt: skip
    """Live through one part with a wished power at the terminals (> 0 charging): the power that was possible, and the state after.

    In the sense of `shared.domain.storage.advance`: rates and bounds are hard, losses lie on both legs. The electronics' standby
    comes from the stock above the minimum and, when that is used up, from the terminals. A battery outside its bounds only moves
    back towards them. Health that is lost takes its share of the stored energy, and leaves the state of charge as it is.
    """
    hours = numbers[HOURS]
    low, high = numbers[LOWEST_PERCENT], numbers[HIGHEST_PERCENT]
    per_percent = numbers[CAPACITY_KWH] * max(health, 0.01) / 1e4
    power: float
    stock = max(0.0, soc - low) * per_percent
    standby = numbers[STANDBY_KW] * hours
    drawn = min(standby, stock)
    rest = min((standby - drawn) / hours, numbers[CHARGE_KW])
    # the heat at which the cells, exponentially between their warmth and the final one, end the part at their hottest
    warmest = (numbers[HOTTEST] - celsius) / numbers[COOLED] + celsius
    spare = max(0.0, (warmest - room_celsius) / numbers[RISE_PER_KW])
    if wish_kw >= 0.0:
        limit = numbers[CHARGE_KW] * at_percent(acceptance, soc) * grade(numbers[CHARGE_FROM], numbers[CHARGE_FULL], celsius)
        room = max(0.0, (high - soc) * per_percent + drawn)
        limit = min(limit, room / (numbers[CHARGE_EFFICIENCY] * hours))
        if limit * numbers[CHARGE_HEAT] > spare:
            limit = spare / numbers[CHARGE_HEAT]
        power = max(rest, min(wish_kw, numbers[CHARGE_KW], rest + limit))
        moved = (power - rest) * numbers[CHARGE_EFFICIENCY] * hours
        heat = (power - rest) * numbers[CHARGE_HEAT]
    else:
        limit = numbers[DISCHARGE_KW] * grade(numbers[DISCHARGE_FROM], numbers[DISCHARGE_FULL], celsius)
        limit = min(limit, (stock - drawn) * numbers[DISCHARGE_EFFICIENCY] / hours)
        if limit * numbers[DISCHARGE_HEAT] > spare:
            limit = spare / numbers[DISCHARGE_HEAT]
        given = min(-wish_kw, limit)
        power = rest - given
        moved = -given * hours / numbers[DISCHARGE_EFFICIENCY]
        heat = given * numbers[DISCHARGE_HEAT]
    after = min(max(soc + (moved - drawn) / per_percent, min(low, soc)), max(high, soc))
    final = room_celsius + heat * numbers[RISE_PER_KW]
    aged = at_percent(calendar, soc) * numbers[YEARS] * exp(numbers[KELVIN] * (1.0 / 298.15 - 1.0 / (celsius + 273.15)))
    warmth = celsius + (final - celsius) * numbers[COOLED]
    return power, after, warmth, cycles + abs(after - soc) / 200.0, health * exp(-aged)


def mean_kw(numbers: Floats, total_kw: float, parts: int) -> float:
    """The mean of the parts' power; the mean of equal numbers may round beyond them."""
    mean: float = min(numbers[CHARGE_KW], max(-numbers[DISCHARGE_KW], total_kw / parts))
    return mean


def at_percent(table: Floats, percent: float) -> float:
    """A value of a table of 101, on the line between two whole percents."""
    row = min(99, max(0, int(percent)))
    value: float = table[row] + (table[row + 1] - table[row]) * (percent - row)
    return value


def grade(start: float, full: float, value: float) -> float:
    """0 up to `start`, 1 from `full` on, the line between."""
    return min(1.0, max(0.0, (value - start) / (full - start)))


def turn(points: Floats, count: int, value: float, cycle: Floats) -> tuple[int, float]:
    """Count a further value by the rainflow method (ASTM E1049-85, 5.4.4): how many points stay open, and the wear of closed cycles.

    `points[:count]` are the open turning points, the last of them the newest value. A range that the first point begins is half
    a cycle. `cycle` is the wear of a whole cycle by its depth.
    """
    if count > 0 and value == points[count - 1]:
        return count, 0.0
    if count > 1 and (value > points[count - 1]) == (points[count - 1] > points[count - 2]):
        count -= 1
    points[count] = value
    count += 1
    wear = 0.0
    while count > 2:
        depth = abs(points[count - 2] - points[count - 3])
        if abs(points[count - 1] - points[count - 2]) < depth:
            break
        if count == 3:
            wear += 0.5 * at_percent(cycle, depth)
            points[0], points[1] = points[1], points[2]
            count = 2
        else:
            wear += at_percent(cycle, depth)
            points[count - 3] = points[count - 1]
            count -= 2
    return count, wear


def close(points: Floats, count: int, cycle: Floats) -> float:
    """The wear of what is open, each range half a cycle; the newest value alone stays, at the first place."""
    wear = 0.0
    for index in range(1, count):
        wear += 0.5 * at_percent(cycle, abs(points[index] - points[index - 1]))
    points[0] = points[count - 1]
    return wear


def _live(  # noqa: PLR0917 - as above
    numbers: Floats, acceptance: Floats, calendar: Floats, cycle: Floats, state: Floats, points: Floats, count: int, parts: int,
    wish_kw: Floats, room_celsius: Floats, closes: Integers,
    power_kw: Floats, soc: Floats, celsius: Floats, cycles: Floats, health: Floats,
) -> int:  # fmt: skip
    """Steps of `parts` parts each; fills the five columns, leaves state and open points at the end, returns how many are open."""
    now_soc, now_celsius, now_cycles, now_health = state[0], state[1], state[2], state[3]
    for index in range(len(closes)):
        soc[index], celsius[index], cycles[index], health[index] = now_soc, now_celsius, now_cycles, now_health
        total = 0.0
        for part in range(index * parts, (index + 1) * parts):
            power, now_soc, now_celsius, now_cycles, now_health = step(
                numbers, acceptance, calendar, now_soc, now_celsius, now_cycles, now_health, wish_kw[part], room_celsius[part]
            )
            total += power
        power_kw[index] = mean_kw(numbers, total, parts)
        # here and not in a function of its own, which costs a third of the loop's speed
        count, wear = turn(points, count, now_soc, cycle)
        if closes[index] > 0:
            wear += close(points, count, cycle)
            count = 1
        if wear > 0.0:
            now_health *= exp(-wear)
    state[0], state[1], state[2], state[3] = now_soc, now_celsius, now_cycles, now_health
    return count


live = tiered(_live, helpers=(step, mean_kw, at_percent, grade, turn, close))
