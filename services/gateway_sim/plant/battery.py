"""The battery: what it may do by its cells, and its life over any steps.

All state but the open turning points is what a reading shows, in the reading's units, and those follow from the readings since
Monday; so a run that continues from its stored readings is the same run.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import exp, expm1
from typing import TypeVar

import numpy as np

from services.gateway_sim.plant import battery_loop as loop
from services.gateway_sim.plant.cells import DAYS_PER_YEAR, PERCENTS, Cells, cells_of
from services.gateway_sim.plant.equipment import HomeBattery
from services.gateway_sim.plant.noise import DAY_US, Floats, Integers

RESISTANCE_OHM_KWH = 0.20
"""Internal resistance times capacity at 25 Celsius: about 15 milliohm for 13.5 kWh."""
RESISTANCE_KELVIN = 2258.0
"""Twice the resistance at 0 Celsius, as Waag, Kaebitz & Sauer 2013 measured (Appl. Energy 102:885, doi:10.1016/j.apenergy.2012.09.030)."""
HEAT_CAPACITY_KWH_PER_KELVIN = 0.0028
"""Of each kWh of capacity: 10 kg with the housing (home batteries weigh 8 to 11) at 1 kJ/kg K."""
THERMAL_HOURS = 5.0
"""Time constant of a housing on a wall: 0.56 W/K for each kWh."""

_Warmth = TypeVar("_Warmth", float, Floats)

Wish = Callable[[int, float, float], float]
"""The power wished in a part, given its index, the state of charge and the health at its start, both in percent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryState:
    """At one moment."""

    soc_percent: float
    temperature_celsius: float
    cycles: float = 0.0
    """Equivalent full cycles: movement of the state of charge over twice its range."""
    health_percent: float = 100.0
    turning: tuple[float, ...] = ()
    """Open turning points of the state of charge in this week, the last of them now; none: counting begins now."""


@dataclass(frozen=True, slots=True)
class BatteryRun:
    """One life: columns of shape (steps,), the mean power and what stood at each step's start; and the state after the last."""

    power_kw: Floats
    soc_percent: Floats
    temperature_celsius: Floats
    cycles: Floats
    health_percent: Floats
    state: BatteryState


class Battery:
    """A home's battery that lives in parts of one length. `cells` other than its chemistry's are for experiments."""

    def __init__(self, battery: HomeBattery, *, part_hours: float, cells: Cells | None = None) -> None:
        self.cells = cells or cells_of(battery.chemistry)
        self.numbers = _numbers(battery, self.cells, part_hours)

    def live(self, state: BatteryState, *, wish_kw: Floats, room_celsius: Floats, closes: Integers) -> BatteryRun:
        """Steps with a wish for every part, known before; wishes and rooms of shape (steps x parts,), `closes` of shape (steps,)."""
        columns, held, points = np.zeros((5, len(closes))), _held(state), _points(state, len(closes))
        count = loop.live(
            self.numbers, self.cells.acceptance, self.cells.calendar, self.cells.cycle, held, points, _open(state),
            len(wish_kw) // max(1, len(closes)), np.ascontiguousarray(wish_kw), np.ascontiguousarray(room_celsius), closes,
            *columns, steps=len(wish_kw),
        )  # fmt: skip
        return _run(columns, held.tolist(), points[:count].tolist())

    def live_by(self, state: BatteryState, *, wish: Wish, room_celsius: Floats, closes: Integers) -> BatteryRun:
        """The same with wishes that depend on the state at the start of their part."""
        numbers, acceptance, calendar = self.numbers.tolist(), self.cells.acceptance.tolist(), self.cells.calendar.tolist()
        cycle, points, count = self.cells.cycle.tolist(), _points(state, len(closes)).tolist(), _open(state)
        rooms, parts, columns = room_celsius.tolist(), len(room_celsius) // max(1, len(closes)), np.zeros((5, len(closes)))
        soc, celsius, cycles, health = _held(state).tolist()
        for index, ends_week in enumerate(closes.tolist()):
            columns[1:, index] = soc, celsius, cycles, health
            total = 0.0
            for part in range(index * parts, (index + 1) * parts):
                power, soc, celsius, cycles, health = loop.step(
                    numbers, acceptance, calendar, soc, celsius, cycles, health, wish(part, soc, health), rooms[part]
                )
                total += power
            columns[0, index] = loop.mean_kw(numbers, total, parts)
            count, wear = loop.turn(points, count, soc, cycle)
            if ends_week > 0:
                wear += loop.close(points, count, cycle)
                count = 1
            if wear > 0.0:
                health *= exp(-wear)
        return _run(columns, [soc, celsius, cycles, health], points[:count])


def room_celsius(outdoor_celsius: _Warmth) -> _Warmth:
    """A garage: between the weather and a mild 16 Celsius."""
    return 16.0 + 0.5 * (outdoor_celsius - 16.0)


def voltage_v(battery: HomeBattery, *, soc_percent: Floats, power_kw: Floats, temperature_celsius: Floats) -> Floats:
    """At the terminals of the cells under load (power > 0 charging), within what their protection allows; each of shape (n,)."""
    cells = cells_of(battery.chemistry)
    rest = cells.in_series * np.interp(soc_percent, PERCENTS, cells.rest_volts)
    cold = np.exp(RESISTANCE_KELVIN * (1.0 / (temperature_celsius + 273.15) - 1.0 / 298.15))
    loaded = rest + 1000.0 * power_kw / rest * RESISTANCE_OHM_KWH / battery.spec.capacity_kwh * cold
    return np.clip(loaded, cells.in_series * cells.lowest_volts, cells.in_series * cells.highest_volts)


def week_closes(starts_us: Integers, step_us: int) -> Integers:
    """1 for each step after which another week (from Monday 00:00 UTC) begins, else 0."""
    return np.asarray(week_of(starts_us) != week_of(starts_us + step_us), dtype=np.int64)


def week_of(instants_us: Integers) -> Integers:
    """Number of the week, from Monday 00:00 UTC, that holds each instant."""
    return (instants_us // DAY_US + 3) // 7  # 1970-01-01 was a Thursday


def turning_points(soc_percent: Iterable[float]) -> tuple[float, ...]:
    """What is open after the states of charge of one week's readings until now."""
    points: list[float] = []
    no_wear = [0.0] * 101
    for soc in soc_percent:
        count = len(points)
        points.append(0.0)
        del points[loop.turn(points, count, soc, no_wear)[0] :]  # type: ignore[arg-type]
    return tuple(points)


def _numbers(battery: HomeBattery, cells: Cells, part_hours: float) -> Floats:
    spec, numbers = battery.spec, np.zeros(loop.NUMBERS)
    numbers[loop.CAPACITY_KWH] = spec.capacity_kwh
    numbers[loop.LOWEST_PERCENT], numbers[loop.HIGHEST_PERCENT] = spec.min_soc_percent, spec.max_soc_percent
    numbers[loop.CHARGE_KW], numbers[loop.DISCHARGE_KW] = spec.max_charge_rate_kw, spec.max_discharge_rate_kw
    numbers[loop.CHARGE_EFFICIENCY], numbers[loop.DISCHARGE_EFFICIENCY] = spec.charge_efficiency, spec.discharge_efficiency
    numbers[loop.STANDBY_KW] = battery.standby_w / 1000.0
    numbers[loop.HOURS], numbers[loop.YEARS] = part_hours, part_hours / (24.0 * DAYS_PER_YEAR)
    numbers[loop.CHARGE_FROM], numbers[loop.CHARGE_FULL] = cells.charge_celsius
    numbers[loop.DISCHARGE_FROM], numbers[loop.DISCHARGE_FULL] = cells.discharge_celsius
    numbers[loop.HOTTEST], numbers[loop.KELVIN] = cells.hottest_celsius, cells.calendar_kelvin
    numbers[loop.CHARGE_HEAT] = cells.heat_share * (1.0 - spec.charge_efficiency)
    numbers[loop.DISCHARGE_HEAT] = cells.heat_share * (1.0 / spec.discharge_efficiency - 1.0)
    numbers[loop.RISE_PER_KW] = THERMAL_HOURS / (HEAT_CAPACITY_KWH_PER_KELVIN * spec.capacity_kwh)
    numbers[loop.COOLED] = -expm1(-part_hours / THERMAL_HOURS)
    return numbers


def _held(state: BatteryState) -> Floats:
    return np.array([state.soc_percent, state.temperature_celsius, state.cycles, state.health_percent])


def _open(state: BatteryState) -> int:
    return max(1, len(state.turning))


def _points(state: BatteryState, steps: int) -> Floats:
    """Room for all that may stay open, begun with what is."""
    points = np.zeros(_open(state) + steps + 1)
    points[: _open(state)] = state.turning or state.soc_percent
    return points


def _run(columns: Floats, held: Sequence[float], points: Sequence[float]) -> BatteryRun:
    power_kw, soc_percent, temperature, cycles, health = columns
    state = BatteryState(
        soc_percent=held[0],
        temperature_celsius=held[1],
        cycles=held[2],
        health_percent=held[3],
        turning=tuple(points),
    )
    return BatteryRun(power_kw, soc_percent, temperature, cycles, health, state)
