"""Demand charges in a programme: a peak for each billing month, over clocked means of what is bought."""

import numpy as np

from services.optimizer.planning.milp.programme import Integers, Programme
from services.optimizer.planning.problem import Array, Problem


def add_peaks(programme: Programme, problem: Problem, bought: tuple[Integers, ...]) -> Integers:
    """At least the incumbent and at least each clocked mean import; returns the rows."""
    terms = problem.demand
    if terms is None or terms.price_per_kw == 0.0:
        return np.empty(0, dtype=np.int64)
    incumbent = np.array(terms.incumbent_kw)
    peaks = programme.add_columns(terms.price_per_kw, incumbent, np.inf, count=len(incumbent))
    _, first, index, counts = np.unique(terms.clocked_interval, return_index=True, return_inverse=True, return_counts=True)
    rows = programme.add_rows(-np.inf, 0.0, len(first))
    for columns in bought:
        programme.put(rows[index], columns, 1.0 / counts[index])
    programme.put(rows, peaks[terms.month[first]], -1.0)
    return rows


def adder_per_kwh(problem: Problem, price_per_kw: Array) -> Array:
    """Each clocked interval's marginal demand charge as a price per kWh bought in its steps, shape (steps,)."""
    if problem.demand is None or not len(price_per_kw):
        return np.zeros(problem.grid.count)
    _, index, counts = np.unique(problem.demand.clocked_interval, return_inverse=True, return_counts=True)
    return np.asarray(price_per_kw[index] / (counts[index] * problem.grid.step_hours), dtype=np.float64)
