"""A vehicle at its charge point: power while it is plugged in, its stored energy, and the wish for its departure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.optimizer.planning.devices import EvSession
from services.optimizer.planning.milp.programme import SEMI_CONTINUOUS, Integers, Programme
from services.optimizer.planning.problem import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What every device needs of the problem around it."""

    count: int
    hours: float
    balance: Integers
    """The rows of the meter's balance: a kW that a device draws stands there with -1."""
    breach_per_kwh: float
    tie: Array
    """Virtual cost of a kW in each step, rising a little: of equal steps the earlier one is taken."""
    negative: NDArray[np.bool_]
    """Where a price is negative, so that burning energy may pay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vehicle:
    """Where a session stands in a programme."""

    session: EvSession
    steps: slice
    charge: Integers
    discharge: Integers
    shortfall: Integers


def add_vehicle(programme: Programme, session: EvSession, terms: Terms) -> Vehicle:
    """Columns and rows of a session; a session without a step in the horizon has none."""
    first, after = plugged(session, terms.count)
    steps, count = slice(first, after), after - first
    nobody = np.empty(0, dtype=np.int64)
    if not count:
        return Vehicle(session=session, steps=steps, charge=nobody, discharge=nobody, shortfall=nobody)
    tie, hours = terms.tie[steps], terms.hours
    kind = SEMI_CONTINUOUS if session.min_charge_rate_kw > 0 else 0
    charge = programme.add_columns(tie, session.min_charge_rate_kw, session.max_charge_rate_kw, count=count, kind=kind)
    start = session.capacity_kwh * session.initial_soc_percent / 100.0
    floor = min(start, session.capacity_kwh * session.min_soc_percent / 100.0)
    stored = programme.add_columns(0.0, floor, session.capacity_kwh, count=count)
    begin = np.zeros(count)
    begin[0] = start
    dynamics = programme.add_rows(begin, begin, count)
    programme.put(dynamics, stored, 1.0)
    programme.put(dynamics[1:], stored[:-1], -1.0)
    programme.put(dynamics, charge, -session.charge_efficiency * hours)
    programme.put(terms.balance[steps], charge, -1.0)
    discharge = nobody
    if session.max_discharge_rate_kw > 0:
        wear = session.wear_cost_per_kwh / session.discharge_efficiency * hours
        discharge = programme.add_columns(wear + tie, 0.0, session.max_discharge_rate_kw, count=count)
        programme.put(dynamics, discharge, hours / session.discharge_efficiency)
        programme.put(terms.balance[steps], discharge, 1.0)
        most = np.full(count, session.max_charge_rate_kw), np.full(count, session.max_discharge_rate_kw)
        programme.either(terms.negative[steps], (charge,), (discharge,), most)
    shortfall = programme.add_columns(terms.breach_per_kwh, 0.0, np.inf, count=1)
    wish = programme.add_rows(wished_kwh(session, terms.count), np.inf, 1)
    programme.put(wish, stored[-1:], 1.0)
    programme.put(wish, shortfall, 1.0)
    return Vehicle(session=session, steps=steps, charge=charge, discharge=discharge, shortfall=shortfall)


def plugged(session: EvSession, count: int) -> tuple[int, int]:
    """The first step of the horizon at the charge point, and the one after the last."""
    first = min(max(session.arrival, 0), count)
    return first, max(first, min(session.departure, count))


def wished_kwh(session: EvSession, count: int) -> float:
    """What should be stored at departure; of one that stays beyond the horizon the share of the way that lies within it."""
    start, target = (session.capacity_kwh * percent / 100.0 for percent in (session.initial_soc_percent, session.target_soc_percent))
    first, after = plugged(session, count)
    if session.departure <= count:
        return target
    return start + (target - start) * (after - first) / max(1, session.departure - first)
