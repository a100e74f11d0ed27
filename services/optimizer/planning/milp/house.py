"""The battery, the sun and the meter in a programme: balance, storage, limits, permissions, taper, and a shared inverter."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from services.optimizer.planning.band import band
from services.optimizer.planning.milp.programme import Integers, Programme
from services.optimizer.planning.milp.vehicle import Terms
from services.optimizer.planning.problem import Array, Problem, Steering

TIE_PER_KWH = 1e-6
"""Virtual cost of moving energy at all, a positive constant whatever the prices: at equal money nothing is moved."""
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Directions:
    """The steps in which flows must run one way or the other by a binary; elsewhere no plan gains by running both."""

    meter: Mask
    battery: Mask
    inverter: Mask


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Where things stand: of each step a column, by name, and the rows of the balance and of the store."""

    columns: dict[str, Integers]
    balance: Integers
    dynamics: Integers


def add_house(programme: Programme, problem: Problem, steer: Steering, directions: Directions) -> House:
    """Everything but devices and demand charges.

    Columns: charge, discharge, bought within the limit and beyond it, sold within and beyond, curtailed, stored energy; behind a shared
    inverter also what it inverts and rectifies, each on the side of alternating current.
    """
    n = problem.grid.count
    most_bought, most_sold = _most(problem, steer)
    bounds = _bounds(problem, steer, most_bought, most_sold)
    at = {name: programme.add_columns(*three, count=n) for name, three in bounds.items()}
    balance = _balance(programme, problem, at)
    dynamics = _storage(programme, problem, at)
    _permissions(programme, problem, at)
    _taper(programme, problem, at)
    battery = problem.battery
    rates = np.full(n, battery.max_charge_rate_kw), np.full(n, battery.max_discharge_rate_kw)
    sides = (at["bought"], at["over_bought"]), (at["sold"], at["over_sold"])
    programme.either(directions.meter, *sides, (most_bought, most_sold))
    programme.either(directions.battery, (at["charge"],), (at["discharge"],), rates)
    if problem.inverter is not None:
        caps = np.full(n, problem.inverter.max_output_kw), np.full(n, problem.inverter.max_input_kw)
        programme.either(directions.inverter, (at["inverted"],), (at["rectified"],), caps)
    return House(columns=at, balance=balance, dynamics=dynamics)


def terms_of(problem: Problem, steer: Steering, balance: Integers) -> Terms:
    """What devices need."""
    return Terms(
        count=problem.grid.count,
        hours=problem.grid.step_hours,
        balance=balance,
        breach_per_kwh=steer.breach_per_kwh,
        tie=_tie(problem),
        negative=(steer.import_per_kwh < 0) | (steer.export_per_kwh < 0),
    )


def _tie(problem: Problem) -> Array:
    """A slight preference for the earlier of two equal steps makes equal inputs give one plan."""
    n = problem.grid.count
    return TIE_PER_KWH * problem.grid.step_hours * (1.0 + 0.5 * np.arange(n) / n)


def _most(problem: Problem, steer: Steering) -> tuple[Array, Array]:
    """The most that can pass the meter each way, in kW."""
    battery, devices = problem.battery, problem.devices
    drawn = sum(ev.max_charge_rate_kw for ev in devices.evs) + sum(store.max_power_kw for store in devices.thermal)
    drawn += sum(float(load.power_kw.max()) for load in devices.deferrable)
    given = sum(ev.max_discharge_rate_kw for ev in devices.evs)
    if problem.inverter is not None:
        most_in: Array | float = problem.inverter.max_input_kw
        most_out: Array | float = problem.inverter.max_output_kw
        return problem.load_kw + drawn + most_in, np.maximum(0.0, np.full(problem.grid.count, most_out + given) - problem.load_kw)
    # nobody buys while solar is curtailed, unless buying is paid for
    spare_kw = np.where(steer.import_per_kwh < 0, 0.0, problem.solar_kw)
    bought = np.maximum(0.0, problem.load_kw - spare_kw + battery.max_charge_rate_kw + drawn)
    return bought, np.maximum(0.0, problem.solar_kw - problem.load_kw + battery.max_discharge_rate_kw + given)


Bounds = dict[str, tuple[Array | float, Array | float, Array | float]]


def _bounds(problem: Problem, steer: Steering, most_bought: Array, most_sold: Array) -> Bounds:
    """Cost, lower and upper bound of every column."""
    n, hours, battery = problem.grid.count, problem.grid.step_hours, problem.battery
    tie, wear, breach = _tie(problem), steer.wear_per_kwh * hours, steer.breach_per_kwh
    terminal = np.zeros(n)
    terminal[-1] = -steer.terminal_per_kwh
    floor, ceiling = band(problem)
    # who is still on the way back into the band does not turn round
    below = np.concatenate(([problem.initial_energy_kwh], floor[:-1])) < battery.min_energy_kwh - 1e-9
    above = np.concatenate(([problem.initial_energy_kwh], ceiling[:-1])) > battery.max_energy_kwh + 1e-9
    found: Bounds = {
        "charge": (wear * battery.charge_efficiency + tie, 0.0, np.where(above, 0.0, battery.max_charge_rate_kw)),
        "discharge": (wear / battery.discharge_efficiency + tie, 0.0, np.where(below, 0.0, battery.max_discharge_rate_kw)),
        "bought": (steer.import_per_kwh * hours, 0.0, np.minimum(most_bought, problem.import_limit_kw)),
        "over_bought": ((steer.import_per_kwh + breach) * hours, 0.0, np.maximum(0.0, most_bought - problem.import_limit_kw)),
        "sold": (-steer.export_per_kwh * hours, 0.0, np.minimum(most_sold, problem.export_limit_kw)),
        "over_sold": ((-steer.export_per_kwh + breach) * hours, 0.0, np.maximum(0.0, most_sold - problem.export_limit_kw)),
        "curtail": (tie, 0.0, problem.solar_kw if problem.solar_curtailable else 0.0),
        "energy": (terminal, floor, ceiling),
    }
    if problem.inverter is not None:
        found["inverted"] = (tie, 0.0, problem.inverter.max_output_kw)
        found["rectified"] = (tie, 0.0, problem.inverter.max_input_kw)
    return found


def _balance(programme: Programme, problem: Problem, at: dict[str, Integers]) -> Integers:
    """Load and devices are what is bought, less what is sold, plus the sun and the battery; behind an inverter by its two sides."""
    n, inverter = problem.grid.count, problem.inverter
    direct = {"charge": -1.0, "discharge": 1.0, "curtail": -1.0}
    through: dict[str, float] = direct if inverter is None else {"inverted": 1.0, "rectified": -1.0}
    net = problem.load_kw - (problem.solar_kw if inverter is None else 0.0)
    balance = programme.add_rows(net, net, n)
    for name, sign in ({"bought": 1.0, "over_bought": 1.0, "sold": -1.0, "over_sold": -1.0} | through).items():
        programme.put(balance, at[name], sign)
    if inverter is not None:
        node = programme.add_rows(-problem.solar_kw, -problem.solar_kw, n)
        sides = {"inverted": -1.0 / inverter.inverting_efficiency, "rectified": inverter.rectifying_efficiency}
        for name, sign in (direct | sides).items():
            programme.put(node, at[name], sign)
    return balance


def _storage(programme: Programme, problem: Problem, at: dict[str, Integers]) -> Integers:
    n, hours, battery = problem.grid.count, problem.grid.step_hours, problem.battery
    start = np.zeros(n)
    start[0] = problem.initial_energy_kwh
    dynamics = programme.add_rows(start, start, n)
    programme.put(dynamics, at["energy"], 1.0)
    programme.put(dynamics[1:], at["energy"][:-1], -1.0)
    programme.put(dynamics, at["charge"], -battery.charge_efficiency * hours)
    programme.put(dynamics, at["discharge"], hours / battery.discharge_efficiency)
    return dynamics


def _permissions(programme: Programme, problem: Problem, at: dict[str, Integers]) -> None:
    """No more into the battery, or out to the grid, than the sun gives, where that is the rule."""
    n = problem.grid.count
    if not problem.grid_charging:
        rows = programme.add_rows(-np.inf, problem.solar_kw, n)
        programme.put(rows, at["charge"], 1.0)
        programme.put(rows, at["curtail"], 1.0)
    if not problem.battery_export:
        rows = programme.add_rows(-np.inf, problem.solar_kw, n)
        for name in ("sold", "over_sold", "curtail"):
            programme.put(rows, at[name], 1.0)


def _taper(programme: Programme, problem: Problem, at: dict[str, Integers]) -> None:
    """Power under every line of a curve over the state of charge at the step's start."""
    n, per_percent = problem.grid.count, problem.battery.capacity_kwh / 100.0
    for name, points in (("charge", problem.taper.charge), ("discharge", problem.taper.discharge)):
        for (left, low), (right, high) in pairwise(points):
            slope = (high - low) / (right - left)
            bound = np.full(n, low - slope * left)
            bound[0] += slope * problem.initial_soc_percent
            rows = programme.add_rows(-np.inf, bound, n)
            programme.put(rows, at[name], 1.0)
            programme.put(rows[1:], at["energy"][:-1], -slope / per_percent)
