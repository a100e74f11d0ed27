"""Heat made ahead of its use: power of the heater, stored heat, and comfort that is missed at a price."""

from dataclasses import dataclass

import numpy as np

from services.optimizer.planning.devices import ThermalStore
from services.optimizer.planning.milp.programme import SEMI_CONTINUOUS, Integers, Programme
from services.optimizer.planning.milp.vehicle import Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Tank:
    """Where a store of heat stands in a programme."""

    store: ThermalStore
    power: Integers
    stored: Integers
    missed: Integers


def add_tank(programme: Programme, store: ThermalStore, terms: Terms) -> Tank:
    """Columns and rows of a store."""
    count, hours = terms.count, terms.hours
    kind = SEMI_CONTINUOUS if store.min_power_kw > 0 else 0
    power = programme.add_columns(terms.tie, store.min_power_kw, store.max_power_kw, count=count, kind=kind)
    worth = np.zeros(count)
    worth[-1] = -store.terminal_value_per_kwh
    stored = programme.add_columns(worth, 0.0, store.capacity_kwh, count=count)
    missed = programme.add_columns(terms.breach_per_kwh / float(store.cop.min()), 0.0, np.inf, count=count)
    kept = float(np.exp(-store.loss_per_hour * hours))
    need = -store.demand_kw * hours
    need[0] += kept * store.capacity_kwh * store.initial_percent / 100.0
    dynamics = programme.add_rows(need, need, count)
    programme.put(dynamics, stored, 1.0)
    programme.put(dynamics[1:], stored[:-1], -kept)
    programme.put(dynamics, power, -store.cop * hours)
    programme.put(dynamics, missed, -1.0)
    programme.put(terms.balance, power, -1.0)
    return Tank(store=store, power=power, stored=stored, missed=missed)
