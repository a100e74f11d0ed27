"""A load that can wait: one run at one of its possible starts, or parts of a run that may be interrupted."""

from dataclasses import dataclass

import numpy as np

from services.optimizer.planning.devices import DeferrableLoad
from services.optimizer.planning.milp.programme import INTEGER, Integers, Programme
from services.optimizer.planning.milp.vehicle import Terms
from services.optimizer.planning.problem import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Where a load stands in a programme: columns that each switch on some steps' power."""

    load: DeferrableLoad
    columns: Integers
    first: Integers
    """The step at which each column's power begins."""
    profile_kw: Array
    """What each column draws from that step on."""

    def power_kw(self, values: Array, count: int) -> Array:
        """Of every step, shape (count,)."""
        power = np.zeros(count)
        chosen = np.round(values[self.columns])
        for offset, kilowatts in enumerate(self.profile_kw.tolist()):
            np.add.at(power, self.first + offset, kilowatts * chosen)
        return power


def add_run(programme: Programme, load: DeferrableLoad, terms: Terms) -> Run:
    """A load that does not fit into its window, or the horizon, does not run; what is missed costs a breach."""
    low, high = max(load.earliest, 0), min(load.latest, terms.count)
    length = len(load.power_kw)
    if high - low < length:
        return Run(load=load, columns=np.empty(0, dtype=np.int64), first=np.empty(0, dtype=np.int64), profile_kw=load.power_kw)
    if load.interruptible:
        return _parts(programme, load, terms, low, high)
    first = np.arange(low, high - length + 1)
    columns = programme.add_columns(terms.tie[first], 0.0, 1.0, count=len(first), kind=INTEGER)
    once = programme.add_rows(1.0, 1.0, 1)
    programme.put(np.repeat(once, len(first)), columns, 1.0)
    for offset, kilowatts in enumerate(load.power_kw.tolist()):
        if kilowatts > 0:
            programme.put(terms.balance[first + offset], columns, -kilowatts)
    return Run(load=load, columns=columns, first=first, profile_kw=load.power_kw)


def _parts(programme: Programme, load: DeferrableLoad, terms: Terms, low: int, high: int) -> Run:
    """On or off in each step; who starts stays on for the least length of a part."""
    steps, length, least = np.arange(low, high), len(load.power_kw), load.min_run_steps
    kilowatts = load.power_kw[:1]
    on = programme.add_columns(terms.tie[low:high], 0.0, 1.0, count=len(steps), kind=INTEGER)
    total = programme.add_rows(float(length), float(length), 1)
    programme.put(np.repeat(total, len(steps)), on, 1.0)
    programme.put(terms.balance[low:high], on, -float(kilowatts[0]))
    # a start costs a trifle: of equal plans the one with fewer parts
    starts = programme.add_columns(float(terms.tie.max()), 0.0, 1.0, count=len(steps))
    begins = programme.add_rows(0.0, np.inf, len(steps))
    programme.put(begins, starts, 1.0)
    programme.put(begins, on, -1.0)
    programme.put(begins[1:], on[:-1], 1.0)
    if least > 1:
        # turn on/off inequalities (Rajan and Takriti, 2005): who started within the last steps is on; and nobody starts too late
        stays = programme.add_rows(-np.inf, 0.0, len(steps))
        for back in range(least):
            programme.put(stays[back:], starts[: len(steps) - back], 1.0)
        programme.put(stays, on, -1.0)
        late = programme.add_rows(0.0, 0.0, 1)
        programme.put(np.repeat(late, least - 1), starts[len(steps) - least + 1 :], 1.0)
    return Run(load=load, columns=on, first=steps, profile_kw=kilowatts)
