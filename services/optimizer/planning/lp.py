"""Battery planning as a linear programme, with binary directions only where convexity fails.

Columns of each step: charge, discharge, import within the limit, import beyond it, export within, export beyond, curtail,
stored energy. Rows: balance at the meter, then dynamics of the store.
HiGHS gets the arrays directly, by columns.
"""

import time
from dataclasses import dataclass, field

import highspy
import numpy as np
from numpy.typing import NDArray

from services.optimizer.planning.band import band
from services.optimizer.planning.problem import Array, Problem, Steering
from services.optimizer.planning.solution import Solution, SolverError
from shared.domain.schedule import PlanStatus

TIE_PER_KWH = 1e-6
"""Virtual cost of moving energy at all, a positive constant whatever the prices: at equal money nothing is moved."""
ACTIVE_KW = 1e-6
"""Flows smaller than this are rounding."""
GAP = 1e-5
"""Relative gap at which the search for directions stops."""
PROVEN_GAP = 1e-4
"""An answer within this gap is called optimal."""
_COLUMNS = ("charge", "discharge", "bought", "over_bought", "sold", "over_sold", "curtail", "energy")


@dataclass(slots=True)
class _Model:
    """A linear programme under construction, entry by entry."""

    steps: int
    cost: list[Array] = field(default_factory=list)
    lower: list[Array] = field(default_factory=list)
    upper: list[Array] = field(default_factory=list)
    row_lower: list[Array] = field(default_factory=list)
    row_upper: list[Array] = field(default_factory=list)
    entries: list[tuple[NDArray[np.int64], NDArray[np.int64], Array]] = field(default_factory=list)
    columns: int = 0
    rows: int = 0

    def add_columns(
        self, cost: Array | float, lower: Array | float, upper: Array | float, *, count: int | None = None
    ) -> NDArray[np.int64]:
        """New columns; returns their indices."""
        count = self.steps if count is None else count
        for store, value in ((self.cost, cost), (self.lower, lower), (self.upper, upper)):
            store.append(np.broadcast_to(np.asarray(value, dtype=np.float64), (count,)))
        self.columns += count
        return np.arange(self.columns - count, self.columns)

    def add_rows(self, lower: Array | float, upper: Array | float, count: int) -> NDArray[np.int64]:
        """New rows `lower <= sum of entries <= upper`; returns their indices."""
        self.row_lower.append(np.broadcast_to(np.asarray(lower, dtype=np.float64), (count,)))
        self.row_upper.append(np.broadcast_to(np.asarray(upper, dtype=np.float64), (count,)))
        self.rows += count
        return np.arange(self.rows - count, self.rows)

    def put(self, rows: NDArray[np.int64], columns: NDArray[np.int64], values: Array | float) -> None:
        """Entries of the matrix."""
        self.entries.append((rows, columns, np.broadcast_to(np.asarray(values, dtype=np.float64), rows.shape)))

    def load(self, solver: highspy.Highs, integral: NDArray[np.int64]) -> None:
        """Hand everything to the solver, sorted by column."""
        rows, columns, values = (np.concatenate(part) for part in zip(*self.entries, strict=True))
        order = np.lexsort((rows, columns))
        starts = np.searchsorted(columns[order], np.arange(self.columns + 1))
        integrality = np.zeros(self.columns, dtype=np.int32)
        integrality[integral] = 1
        status = solver.passModel(
            self.columns, self.rows, len(values), int(highspy.MatrixFormat.kColwise), int(highspy.ObjSense.kMinimize), 0.0,
            np.concatenate(self.cost), np.concatenate(self.lower), np.concatenate(self.upper),
            np.concatenate(self.row_lower), np.concatenate(self.row_upper),
            starts.astype(np.int32), rows[order].astype(np.int32), values[order], integrality,
        )  # fmt: skip
        if status == highspy.HighsStatus.kError:
            raise SolverError("the solver refused the problem")


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where things stand in a model."""

    columns: dict[str, NDArray[np.int64]]
    balance: NDArray[np.int64]
    dynamics: NDArray[np.int64]
    peak_rows: NDArray[np.int64]
    binaries: NDArray[np.int64]


def solve(problem: Problem, *, time_limit_seconds: float = 5.0) -> Solution:
    """The cheapest plan. Raises `SolverError` when the solver has no answer within its time.

    The linear relaxation comes first. Its answer stands unless a step both buys and sells, or both charges and discharges;
    then the steps where that can pay get binary directions.
    """
    begun = time.perf_counter()
    steer = problem.steering
    grid_choice = np.zeros(problem.grid.count, dtype=bool)
    battery_choice = np.zeros(problem.grid.count, dtype=bool)
    while True:
        remaining = max(1e-3, time_limit_seconds - (time.perf_counter() - begun))
        raw = _run(problem, steer, grid_choice=grid_choice, battery_choice=battery_choice, time_limit_seconds=remaining)
        loops = (np.minimum(raw.bought, raw.sold) > ACTIVE_KW) & ~grid_choice
        burns = (np.minimum(raw.charge, raw.discharge) > ACTIVE_KW) & ~battery_choice
        if not (loops.any() or burns.any()):
            return _solution(problem, raw, seconds=time.perf_counter() - begun, binary=bool((grid_choice | battery_choice).any()))
        negative = (steer.import_per_kwh < 0) | (steer.export_per_kwh < 0)
        grid_choice |= loops | (steer.export_per_kwh > steer.import_per_kwh)
        battery_choice |= burns | negative


@dataclass(frozen=True, slots=True, kw_only=True)
class _Raw:
    charge: Array
    discharge: Array
    bought: Array
    sold: Array
    curtail: Array
    value_per_kwh: Array
    peak_adder_per_kwh: Array
    gap: float


def _run(
    problem: Problem, steer: Steering, *, grid_choice: NDArray[np.bool_], battery_choice: NDArray[np.bool_], time_limit_seconds: float
) -> _Raw:
    model, layout = _build(problem, steer, grid_choice, battery_choice)
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    for option, value in (
        ("output_flag", False),
        ("threads", 1),
        ("primal_feasibility_tolerance", 1e-9),
        ("dual_feasibility_tolerance", 1e-9),
        ("mip_rel_gap", GAP),
        ("mip_abs_gap", 1e-9),
        ("time_limit", time_limit_seconds),
    ):
        solver.setOptionValue(option, value)
    model.load(solver, layout.binaries)
    solver.run()
    gap = 0.0
    if len(layout.binaries):
        gap = _fix_directions(solver, layout.binaries)
    status = solver.getModelStatus()
    if status != highspy.HighsModelStatus.kOptimal:
        raise SolverError(f"the solver ended with {solver.modelStatusToString(status)}")
    solution = solver.getSolution()
    values, duals = np.array(solution.col_value), np.array(solution.row_dual)
    part = {name: values[columns] for name, columns in layout.columns.items()}
    return _Raw(
        charge=part["charge"],
        discharge=part["discharge"],
        bought=part["bought"] + part["over_bought"],
        sold=part["sold"] + part["over_sold"],
        curtail=part["curtail"],
        value_per_kwh=-duals[layout.dynamics],
        peak_adder_per_kwh=_peak_adder(problem, -duals[layout.peak_rows]),
        gap=gap,
    )


def _fix_directions(solver: highspy.Highs, binaries: NDArray[np.int64]) -> float:
    """Hold the binaries at what the search found and solve again, for exact flows and marginal values; returns the gap."""
    info = solver.getInfo()
    if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        raise SolverError(f"the solver found no plan ({solver.modelStatusToString(solver.getModelStatus())})")
    gap = float(info.mip_gap) if np.isfinite(info.mip_gap) else 0.0
    fixed = np.round(np.array(solver.getSolution().col_value)[binaries])
    count = len(binaries)
    indices = binaries.astype(np.int32)
    solver.changeColsIntegrality(count, indices, np.zeros(count, dtype=np.uint8))
    solver.changeColsBounds(count, indices, fixed, fixed)
    solver.setOptionValue("time_limit", float("inf"))
    solver.run()
    return max(0.0, gap)


def _build(problem: Problem, steer: Steering, grid_choice: NDArray[np.bool_], battery_choice: NDArray[np.bool_]) -> tuple[_Model, _Layout]:
    """The programme of a problem."""
    n, hours, battery = problem.grid.count, problem.grid.step_hours, problem.battery
    model = _Model(steps=n)
    # nobody buys while solar is curtailed, unless buying is paid for
    spare_kw = np.where(steer.import_per_kwh < 0, 0.0, problem.solar_kw)
    most_bought = np.maximum(0.0, problem.load_kw - spare_kw + battery.max_charge_rate_kw)
    most_sold = np.maximum(0.0, problem.solar_kw - problem.load_kw + battery.max_discharge_rate_kw)
    import_limit, export_limit = problem.import_limit_kw, problem.export_limit_kw
    # a slight preference for the earlier of two equal steps makes equal inputs give one plan
    tie = TIE_PER_KWH * hours * (1.0 + 0.5 * np.arange(n) / n)
    wear, breach = steer.wear_per_kwh * hours, steer.breach_per_kwh
    terminal = np.zeros(n)
    terminal[-1] = -steer.terminal_per_kwh
    floor, ceiling = band(problem)
    # who is still on the way back into the band does not turn round
    below = np.concatenate(([problem.initial_energy_kwh], floor[:-1])) < battery.min_energy_kwh - 1e-9
    above = np.concatenate(([problem.initial_energy_kwh], ceiling[:-1])) > battery.max_energy_kwh + 1e-9
    curtailable = problem.solar_kw if problem.solar_curtailable else 0.0
    bounds: dict[str, tuple[Array | float, Array | float, Array | float]] = {
        "charge": (wear * battery.charge_efficiency + tie, 0.0, np.where(above, 0.0, battery.max_charge_rate_kw)),
        "discharge": (wear / battery.discharge_efficiency + tie, 0.0, np.where(below, 0.0, battery.max_discharge_rate_kw)),
        "bought": (steer.import_per_kwh * hours, 0.0, np.minimum(most_bought, import_limit)),
        "over_bought": ((steer.import_per_kwh + breach) * hours, 0.0, np.maximum(0.0, most_bought - import_limit)),
        "sold": (-steer.export_per_kwh * hours, 0.0, np.minimum(most_sold, export_limit)),
        "over_sold": ((-steer.export_per_kwh + breach) * hours, 0.0, np.maximum(0.0, most_sold - export_limit)),
        "curtail": (tie, 0.0, curtailable),
        "energy": (terminal, floor, ceiling),
    }
    at = {name: model.add_columns(*bounds[name]) for name in _COLUMNS}
    net = problem.load_kw - problem.solar_kw
    balance = model.add_rows(net, net, n)
    for name, sign in (
        ("bought", 1.0),
        ("over_bought", 1.0),
        ("sold", -1.0),
        ("over_sold", -1.0),
        ("charge", -1.0),
        ("discharge", 1.0),
        ("curtail", -1.0),
    ):
        model.put(balance, at[name], sign)
    start = np.zeros(n)
    start[0] = problem.initial_energy_kwh
    dynamics = model.add_rows(start, start, n)
    model.put(dynamics, at["energy"], 1.0)
    model.put(dynamics[1:], at["energy"][:-1], -1.0)
    model.put(dynamics, at["charge"], -battery.charge_efficiency * hours)
    model.put(dynamics, at["discharge"], hours / battery.discharge_efficiency)
    peak_rows = _add_demand(model, problem, at)
    sides = (at["bought"], at["over_bought"]), (at["sold"], at["over_sold"])
    meter = _add_directions(model, grid_choice, *sides, most_one=most_bought, most_other=most_sold)
    rates = {"most_one": np.full(n, battery.max_charge_rate_kw), "most_other": np.full(n, battery.max_discharge_rate_kw)}
    terminals = _add_directions(model, battery_choice, (at["charge"],), (at["discharge"],), **rates)
    binaries = np.concatenate((meter, terminals))
    return model, _Layout(columns=at, balance=balance, dynamics=dynamics, peak_rows=peak_rows, binaries=binaries)


def _add_directions(
    model: _Model,
    where: NDArray[np.bool_],
    one_way: tuple[NDArray[np.int64], ...],
    other_way: tuple[NDArray[np.int64], ...],
    *,
    most_one: Array,
    most_other: Array,
) -> NDArray[np.int64]:
    """In the chosen steps a binary lets flows run one way or the other."""
    count = int(where.sum())
    if not count:
        return np.empty(0, dtype=np.int64)
    chosen = model.add_columns(0.0, 0.0, 1.0, count=count)
    first = model.add_rows(-np.inf, 0.0, count)
    second = model.add_rows(-np.inf, most_other[where], count)
    for columns in one_way:
        model.put(first, columns[where], 1.0)
    model.put(first, chosen, -most_one[where])
    for columns in other_way:
        model.put(second, columns[where], 1.0)
    model.put(second, chosen, most_other[where])
    return chosen


def _add_demand(model: _Model, problem: Problem, at: dict[str, NDArray[np.int64]]) -> NDArray[np.int64]:
    """A peak for each billing month, at least the incumbent and at least each clocked mean import; returns the rows."""
    terms = problem.demand
    if terms is None or terms.price_per_kw == 0.0:
        return np.empty(0, dtype=np.int64)
    incumbent = np.array(terms.incumbent_kw)
    peaks = model.add_columns(terms.price_per_kw, incumbent, np.inf, count=len(incumbent))
    _, first, index, counts = np.unique(terms.clocked_interval, return_index=True, return_inverse=True, return_counts=True)
    rows = model.add_rows(-np.inf, 0.0, len(first))
    for name in ("bought", "over_bought"):
        model.put(rows[index], at[name], 1.0 / counts[index])
    model.put(rows, peaks[terms.month[first]], -1.0)
    return rows


def _peak_adder(problem: Problem, price_per_kw: Array) -> Array:
    """Each clocked interval's marginal demand charge as a price per kWh imported in its steps."""
    if problem.demand is None or not len(price_per_kw):
        return np.zeros(problem.grid.count)
    _, index, counts = np.unique(problem.demand.clocked_interval, return_inverse=True, return_counts=True)
    return np.asarray(price_per_kw[index] / (counts[index] * problem.grid.step_hours), dtype=np.float64)


def _solution(problem: Problem, raw: _Raw, *, seconds: float, binary: bool) -> Solution:
    """The solver's flows without their rounding: one direction a step, the meter exactly balanced, the store exactly kept."""
    battery, hours = problem.battery, problem.grid.step_hours
    charging = raw.charge >= raw.discharge
    charge = np.where(charging & (raw.charge > ACTIVE_KW), raw.charge, 0.0)
    discharge = np.where(~charging & (raw.discharge > ACTIVE_KW), raw.discharge, 0.0)
    curtail = np.where(raw.curtail > ACTIVE_KW, np.minimum(raw.curtail, problem.solar_kw), 0.0)
    net = problem.load_kw + charge - discharge - problem.solar_kw + curtail
    moved = (charge * battery.charge_efficiency - discharge / battery.discharge_efficiency) * hours
    return Solution(
        status=PlanStatus.OPTIMAL if raw.gap <= PROVEN_GAP else PlanStatus.FEASIBLE_GAP,
        engine="milp" if binary else "lp",
        charge_kw=charge,
        discharge_kw=discharge,
        import_kw=np.where(net > 0, net, 0.0),
        export_kw=np.where(net < 0, -net, 0.0),
        curtail_kw=curtail,
        energy_kwh=problem.initial_energy_kwh + np.cumsum(moved),
        value_per_kwh=raw.value_per_kwh,
        peak_adder_per_kwh=raw.peak_adder_per_kwh,
        gap=raw.gap,
        seconds=seconds,
    )
