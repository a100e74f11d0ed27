"""Many sites planned at once, in columns: arrays of (sites, steps) in, arrays of (sites, steps) out, nothing made per site."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from services.optimizer.planning.band import band
from services.optimizer.planning.exact import kernel
from services.optimizer.planning.exact.calm import Choice
from services.optimizer.planning.problem import Array, Problem

_SERIES = ("load_kw", "solar_kw", "import_price", "export_price", "import_limit_kw", "export_limit_kw", "lowest_kwh", "highest_kwh")
_FLOWS = ("charge_kw", "discharge_kw", "import_kw", "export_kw", "curtail_kw", "energy_kwh", "value_up_per_kwh", "value_down_per_kwh")


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What sites with equal steps expect. Series have shape (sites, steps), contiguous; prices are those that steer the plans."""

    load_kw: Array
    solar_kw: Array
    import_price: Array
    export_price: Array
    import_limit_kw: Array
    export_limit_kw: Array
    lowest_kwh: Array
    """The least stored energy at the end of each step."""
    highest_kwh: Array
    numbers: Array
    """Of each site, by the places that `kernel` names, shape (sites, `kernel.NUMBERS`)."""

    @property
    def sites(self) -> int:
        return len(self.load_kw)

    @property
    def steps(self) -> int:
        return int(self.load_kw.shape[1])

    @classmethod
    def of(cls, problems: Sequence[Problem]) -> Self:
        """Problems of one battery each with equally many steps."""
        steering = [problem.steering for problem in problems]
        bands = [band(problem) for problem in problems]
        columns = {
            name: [getattr(problem, name) for problem in problems] for name in ("load_kw", "solar_kw", "import_limit_kw", "export_limit_kw")
        } | {
            "import_price": [steer.import_per_kwh for steer in steering],
            "export_price": [steer.export_per_kwh for steer in steering],
            "lowest_kwh": [low for low, _ in bands],
            "highest_kwh": [high for _, high in bands],
        }
        return cls(
            numbers=np.array([_numbers(problem) for problem in problems]),
            **{name: np.ascontiguousarray(rows, dtype=np.float64) for name, rows in columns.items()},
        )

    def part(self, sites: slice) -> "Batch":
        """Some of the sites, without a copy."""
        return Batch(numbers=self.numbers[sites], **{name: getattr(self, name)[sites] for name in _SERIES})


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Plans of a batch. Shape (sites, steps) but for the last two, which are (sites,)."""

    charge_kw: Array
    discharge_kw: Array
    import_kw: Array
    export_kw: Array
    curtail_kw: Array
    energy_kwh: Array
    """Stored at the end of each step."""
    value_up_per_kwh: Array
    """What one more stored kWh at the end of each step would save; at the upper bound what the last one saves."""
    value_down_per_kwh: Array
    """What one kWh less would cost; at the lower bound what the next one would save."""
    cost: Array
    """Steering money, with what is left at the end deducted at the terminal value of all of it."""
    refused: NDArray[np.int64]
    """1 where a step's cost is not convex: there the other columns hold nothing."""

    @classmethod
    def empty(cls, sites: int, steps: int) -> Self:
        """Room for so many plans, to be filled again and again."""
        return cls(cost=np.empty(sites), refused=np.zeros(sites, dtype=np.int64), **{name: np.empty((sites, steps)) for name in _FLOWS})

    def part(self, sites: slice) -> "Columns":
        """Some of the sites, without a copy."""
        return Columns(cost=self.cost[sites], refused=self.refused[sites], **{name: getattr(self, name)[sites] for name in _FLOWS})


def plan_columns(batch: Batch, *, into: Columns | None = None, threads: int = 1) -> Columns:
    """The optimal plan of every site, bit for bit the same however many threads share the sites."""
    columns = into if into is not None else Columns.empty(batch.sites, batch.steps)
    shares = max(1, min(threads, batch.sites))
    parts = [slice(batch.sites * share // shares, batch.sites * (share + 1) // shares) for share in range(shares)]
    if len(parts) == 1:
        _plan(batch, columns)
    else:
        with ThreadPoolExecutor(len(parts)) as pool:
            list(pool.map(lambda part: _plan(batch.part(part), columns.part(part)), parts))
    return columns


def choices(batch: Batch, site: int) -> list[Choice]:
    """What each step of one site of a convex batch may take from the store."""
    numbers, room = batch.numbers[site].tolist(), (np.empty(4), np.empty(5))
    slopes, lengths = np.empty(kernel.PIECES), np.empty(kernel.PIECES)
    low, high = (
        np.concatenate(([numbers[kernel.START_KWH]], bound[site, :-1])).tolist() for bound in (batch.lowest_kwh, batch.highest_kwh)
    )
    rows = zip(*(getattr(batch, name)[site].tolist() for name in _SERIES[:6]), low, high, strict=True)
    found = []
    for load, solar, buy, sell, most_bought, most_sold, lowest, highest in rows:
        charge, discharge = kernel.powers(numbers, 0, load, solar, lowest, highest)
        count = kernel.pieces_of(
            numbers, 0, load, solar, buy, sell, most_bought, most_sold, charge, discharge, *room, slopes, lengths, 0
        )  # fmt: skip
        least = -charge * numbers[kernel.HOURS] * numbers[kernel.CHARGE_EFFICIENCY]
        found.append(Choice(least_kwh=least, slopes=slopes[:count].tolist(), lengths=lengths[:count].tolist()))
    return found


def flows(batch: Batch, site: int, energy_kwh: Array) -> tuple[Array, Array, Array, Array, Array]:
    """Charge, discharge, import, export and curtailed kW of one site that follow from what it stores at the end of each step."""
    load, solar, buy, sell, most_bought, most_sold = (getattr(batch, name)[site] for name in _SERIES[:6])
    charge, discharge, bought, sold, curtailed = (np.empty(batch.steps) for _ in range(5))
    kernel.flows(
        batch.numbers[site], 0, 0, batch.steps, load, solar, buy, sell, most_bought, most_sold, energy_kwh,
        charge, discharge, bought, sold, curtailed,
    )  # fmt: skip
    return charge, discharge, bought, sold, curtailed


def _plan(batch: Batch, columns: Columns) -> None:
    sites, steps = batch.sites, batch.steps
    room = steps * kernel.PIECES
    most = room + 1
    load, solar, buy, sell, most_bought, most_sold, lowest, highest = (getattr(batch, name).reshape(-1) for name in _SERIES)
    charge, discharge, bought, sold, curtailed, energy, value_up, value_down = (getattr(columns, name).reshape(-1) for name in _FLOWS)
    kernel.solve(
        sites, steps, batch.numbers.reshape(-1), load, solar, buy, sell, most_bought, most_sold, lowest, highest,
        np.empty(room), np.empty(room), np.empty(room), np.empty(steps, dtype=np.int64), np.empty(steps),
        np.empty(most), np.empty(most), np.empty(most), np.empty(most), np.empty(4), np.empty(5),
        charge, discharge, bought, sold, curtailed, energy, value_up, value_down, columns.cost, columns.refused,
        steps=sites * steps * kernel.PIECES,
    )  # fmt: skip


def _numbers(problem: Problem) -> Array:
    battery, steer = problem.battery, problem.steering
    numbers = np.empty(kernel.NUMBERS)
    numbers[kernel.CHARGE_KW] = battery.max_charge_rate_kw
    numbers[kernel.DISCHARGE_KW] = battery.max_discharge_rate_kw
    numbers[kernel.CHARGE_EFFICIENCY] = battery.charge_efficiency
    numbers[kernel.DISCHARGE_EFFICIENCY] = battery.discharge_efficiency
    numbers[kernel.WEAR] = steer.wear_per_kwh
    numbers[kernel.TERMINAL] = steer.terminal_per_kwh
    numbers[kernel.BREACH] = steer.breach_per_kwh
    numbers[kernel.CURTAILABLE] = float(problem.solar_curtailable)
    numbers[kernel.CHARGE_FROM_GRID] = float(problem.grid_charging)
    numbers[kernel.SELL_STORED] = float(problem.battery_export)
    numbers[kernel.START_KWH] = problem.initial_energy_kwh
    numbers[kernel.LOW_KWH], numbers[kernel.HIGH_KWH] = battery.min_energy_kwh, battery.max_energy_kwh
    numbers[kernel.HOURS] = problem.grid.step_hours
    return numbers
