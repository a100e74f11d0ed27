"""A mixed-integer linear programme under construction, entry by entry, and its way into HiGHS as arrays by columns."""

from dataclasses import dataclass, field

import highspy
import numpy as np
from numpy.typing import NDArray

from services.optimizer.planning.problem import Array
from services.optimizer.planning.solution import SolverError

Integers = NDArray[np.int64]
CONTINUOUS, INTEGER, SEMI_CONTINUOUS = 0, 1, 2


@dataclass(slots=True)
class Programme:
    """Minimise cost x columns, each between its bounds, with `lower <= sum of entries <= upper` in every row."""

    cost: list[Array] = field(default_factory=list)
    lower: list[Array] = field(default_factory=list)
    upper: list[Array] = field(default_factory=list)
    kind: list[NDArray[np.int32]] = field(default_factory=list)
    row_lower: list[Array] = field(default_factory=list)
    row_upper: list[Array] = field(default_factory=list)
    entries: list[tuple[Integers, Integers, Array]] = field(default_factory=list)
    columns: int = 0
    rows: int = 0

    def add_columns(
        self, cost: Array | float, lower: Array | float, upper: Array | float, *, count: int, kind: int = CONTINUOUS
    ) -> Integers:
        """New columns; returns their indices. A semi-continuous one is 0 or between its bounds."""
        for store, value in ((self.cost, cost), (self.lower, lower), (self.upper, upper)):
            store.append(np.broadcast_to(np.asarray(value, dtype=np.float64), (count,)))
        self.kind.append(np.full(count, kind, dtype=np.int32))
        self.columns += count
        return np.arange(self.columns - count, self.columns)

    def add_rows(self, lower: Array | float, upper: Array | float, count: int) -> Integers:
        """New rows; returns their indices."""
        self.row_lower.append(np.broadcast_to(np.asarray(lower, dtype=np.float64), (count,)))
        self.row_upper.append(np.broadcast_to(np.asarray(upper, dtype=np.float64), (count,)))
        self.rows += count
        return np.arange(self.rows - count, self.rows)

    def put(self, rows: Integers, columns: Integers, values: Array | float) -> None:
        """Entries of the matrix; those of the same row and column are added up."""
        self.entries.append((rows, columns, np.broadcast_to(np.asarray(values, dtype=np.float64), rows.shape)))

    @property
    def kinds(self) -> NDArray[np.int32]:
        """Of every column."""
        return np.concatenate(self.kind)

    def load(self, solver: highspy.Highs) -> None:
        """Hand everything to the solver. Raises `SolverError` when it refuses."""
        rows, columns, values = (np.concatenate(part) for part in zip(*self.entries, strict=True))
        order = np.lexsort((rows, columns))
        starts = np.searchsorted(columns[order], np.arange(self.columns + 1))
        status = solver.passModel(
            self.columns, self.rows, len(values), int(highspy.MatrixFormat.kColwise), int(highspy.ObjSense.kMinimize), 0.0,
            np.concatenate(self.cost), np.concatenate(self.lower), np.concatenate(self.upper),
            np.concatenate(self.row_lower), np.concatenate(self.row_upper),
            starts.astype(np.int32), rows[order].astype(np.int32), values[order], self.kinds,
        )  # fmt: skip
        if status == highspy.HighsStatus.kError:
            raise SolverError("the solver refused the problem")

    def either(
        self, where: NDArray[np.bool_], one_way: tuple[Integers, ...], other_way: tuple[Integers, ...], most: tuple[Array, Array]
    ) -> None:
        """In the chosen steps a binary lets flows run one way, up to `most[0]`, or the other, up to `most[1]`."""
        count = int(where.sum())
        if not count:
            return
        chosen = self.add_columns(0.0, 0.0, 1.0, count=count, kind=INTEGER)
        first, second = self.add_rows(-np.inf, 0.0, count), self.add_rows(-np.inf, most[1][where], count)
        for columns in one_way:
            self.put(first, columns[where], 1.0)
        self.put(first, chosen, -most[0][where])
        for columns in other_way:
            self.put(second, columns[where], 1.0)
        self.put(second, chosen, most[1][where])
