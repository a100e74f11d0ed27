"""What a plan is asked: one battery behind one meter, with everything that is expected, on a grid of equal steps.

Steering prices are what an objective makes the engines minimise; money is always accounted in the real prices.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

import numpy as np
from numpy.typing import NDArray

from services.optimizer.planning.devices import Devices, HybridInverter, Taper
from shared.domain.errors import InvalidValueError, require_at_least, require_between
from shared.domain.site import BatterySpec, GridConnection
from shared.domain.storage import wear_cost_per_kwh
from shared.domain.time import TimeGrid

Array = NDArray[np.float64]

MAX_STEPS = 20_000
NO_BATTERY = BatterySpec(
    capacity_kwh=1.0, max_charge_rate_kw=0.0, max_discharge_rate_kw=0.0, min_soc_percent=0.0, max_soc_percent=0.0, wear_cost_per_kwh=0.0
)
"""Stands for a site without storage: it can do nothing, and its state of charge is 0."""


class Objective(StrEnum):
    """What is minimised."""

    COST = "cost"
    """Money, with wear and the value of what is left."""
    SELF_CONSUMPTION = "self_consumption"
    """Energy bought, whatever it costs."""
    CARBON = "carbon"
    """Emissions of the energy bought."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandTerms:
    """A demand charge: every billing month's highest clocked mean import is paid per kW, above what was reached already."""

    price_per_kw: float
    clocked_interval: NDArray[np.int64]
    """Which clocked averaging interval a step lies in, shape (steps,), non-decreasing."""
    month: NDArray[np.int64]
    """Which billing month a step lies in, an index into `incumbent_kw`, shape (steps,)."""
    incumbent_kw: tuple[float, ...]
    """The peak that each month has reached already."""

    def __post_init__(self) -> None:
        require_at_least("demand price_per_kw", self.price_per_kw, 0.0)
        for peak in self.incumbent_kw:
            require_at_least("incumbent_kw", peak, 0.0)

    def part(self, steps: NDArray[np.int64], incumbent_kw: tuple[float, ...]) -> "DemandTerms":
        """The terms of some of the steps, with what has been reached by then."""
        return DemandTerms(
            price_per_kw=self.price_per_kw,
            clocked_interval=self.clocked_interval[steps],
            month=self.month[steps],
            incumbent_kw=incumbent_kw,
        )

    def peaks_kw(self, import_kw: Array, *, first: int | None = None) -> tuple[float, ...]:
        """Each month's highest clocked mean import of the first steps (None: all), at least its incumbent."""
        peaks = np.array(self.incumbent_kw)
        clocked, month = self.clocked_interval[:first], self.month[:first]
        if len(clocked):
            _, begins, index, counts = np.unique(clocked, return_index=True, return_inverse=True, return_counts=True)
            np.maximum.at(peaks, month[begins], np.bincount(index, weights=import_kw[:first]) / counts)
        return tuple(peaks.tolist())

    def cost(self, import_kw: Array) -> float:
        """What the peaks of a course cost above what the months had reached already."""
        return sum(new - old for new, old in zip(self.peaks_kw(import_kw), self.incumbent_kw, strict=True)) * self.price_per_kw


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One planning problem. Arrays have shape (steps,) and are finite; raises `InvalidValueError` otherwise."""

    grid: TimeGrid
    currency: str = "EUR"
    load_kw: Array
    solar_kw: Array
    import_price_per_kwh: Array
    export_price_per_kwh: Array
    battery: BatterySpec
    initial_soc_percent: float
    """May lie outside the battery's band: then the plan leads back into it."""
    wear_cost_per_kwh: float
    """Per kWh of change of stored energy, either way."""
    terminal_value_per_kwh: float
    """Of each kWh stored above the minimum at the end."""
    import_limit_kw: Array
    """What the connection or an order allows to import, shape (steps,); inf where there is no limit."""
    export_limit_kw: Array
    objective: Objective = Objective.COST
    solar_curtailable: bool = True
    demand: DemandTerms | None = None
    carbon_intensity_g_kwh: Array | None = None
    carbon_price_per_kg: float = 0.0
    grid_charging: bool = True
    """False: the battery may charge no more than the sun gives at the time."""
    battery_export: bool = True
    """False: no more may be exported than the sun gives at the time."""
    taper: Taper = field(default_factory=Taper)
    inverter: HybridInverter | None = None
    devices: Devices = field(default_factory=Devices)

    def __post_init__(self) -> None:
        if not 0 < self.grid.count <= MAX_STEPS:
            raise InvalidValueError("steps", self.grid.count, f"must be between 1 and {MAX_STEPS}")
        self._require_series("load_kw", low=0.0)
        self._require_series("solar_kw", low=0.0)
        self._require_series("import_price_per_kwh")
        self._require_series("export_price_per_kwh")
        for name in ("import_limit_kw", "export_limit_kw"):
            limit = getattr(self, name)
            if limit.shape != (self.grid.count,) or np.isnan(limit).any() or (limit < 0).any():
                raise InvalidValueError(name, "limits", f"must have one number, not negative, for each of the {self.grid.count} steps")
        require_between("initial_soc_percent", self.initial_soc_percent, 0.0, 100.0)
        require_at_least("wear_cost_per_kwh", self.wear_cost_per_kwh, 0.0)
        if not np.isfinite(self.terminal_value_per_kwh):
            raise InvalidValueError("terminal_value_per_kwh", self.terminal_value_per_kwh, "must be a finite number")
        require_at_least("carbon_price_per_kg", self.carbon_price_per_kg, 0.0)
        if self.carbon_intensity_g_kwh is not None:
            self._require_series("carbon_intensity_g_kwh", low=0.0)
        elif self.objective is Objective.CARBON or self.carbon_price_per_kg:
            raise InvalidValueError("carbon_intensity_g_kwh", None, "must be given, one value for each step, when carbon counts")
        self._require_taper()
        for store in self.devices.thermal:
            if not len(store.demand_kw) == len(store.cop) == self.grid.count:
                raise InvalidValueError(f"demand_kw and cop of {store.name}", len(store.demand_kw), f"must have {self.grid.count} values")
        if self.demand is not None and not len(self.demand.clocked_interval) == len(self.demand.month) == self.grid.count:
            raise InvalidValueError("demand terms", len(self.demand.month), f"must have one value for each of the {self.grid.count} steps")

    def _require_taper(self) -> None:
        """A curve says what holds at every state of charge that can occur."""
        low = min(self.initial_soc_percent, self.battery.min_soc_percent)
        high = max(self.initial_soc_percent, self.battery.max_soc_percent)
        for name, points in (("charge taper", self.taper.charge), ("discharge taper", self.taper.discharge)):
            if points and not points[0][0] <= low <= high <= points[-1][0]:
                raise InvalidValueError(name, points, f"must reach from {low:g} to {high:g} percent")

    def _require_series(self, name: str, *, low: float | None = None) -> None:
        values = getattr(self, name)
        if values.shape != (self.grid.count,):
            raise InvalidValueError(name, values.shape, f"must have one value for each of the {self.grid.count} steps")
        if not np.isfinite(values).all():
            raise InvalidValueError(name, "NaN or infinite", "must hold finite numbers only")
        if low is not None and (values < low).any():
            raise InvalidValueError(name, float(values.min()), f"must not be below {low:g}")

    @classmethod
    def with_defaults(
        cls,
        *,
        battery: BatterySpec,
        import_price_per_kwh: Array,
        export_price_per_kwh: Array,
        terminal_value_per_kwh: float | None = None,
        limits: GridConnection | None = None,
        **terms: object,
    ) -> Self:
        """A problem whose wear and terminal value are the given ones, or the defaults where they are None.

        `limits` hold in all steps; `import_limit_kw` and `export_limit_kw` can be given step by step instead.
        """
        unlimited = np.full(len(import_price_per_kwh), np.inf)
        for name, limit in (("import_limit_kw", limits and limits.max_import_kw), ("export_limit_kw", limits and limits.max_export_kw)):
            terms.setdefault(name, unlimited if limit is None else np.full(len(unlimited), limit))
        if terminal_value_per_kwh is None:
            terminal_value_per_kwh = default_terminal_value_per_kwh(battery, import_price_per_kwh, export_price_per_kwh)
        return cls(
            battery=battery,
            import_price_per_kwh=import_price_per_kwh,
            export_price_per_kwh=export_price_per_kwh,
            wear_cost_per_kwh=wear_cost_per_kwh(battery),
            terminal_value_per_kwh=terminal_value_per_kwh,
            **terms,  # type: ignore[arg-type]
        )

    @property
    def initial_energy_kwh(self) -> float:
        return self.battery.capacity_kwh * self.initial_soc_percent / 100.0

    @property
    def out_of_band(self) -> bool:
        """The battery starts below its minimum or above its maximum."""
        low, high = self.battery.min_energy_kwh, self.battery.max_energy_kwh
        return not low - 1e-9 <= self.initial_energy_kwh <= high + 1e-9

    @property
    def steering(self) -> "Steering":
        """What the engines minimise."""
        match self.objective:
            case Objective.COST:
                return Steering(
                    import_per_kwh=self.import_price_per_kwh + self.carbon_price_per_kg * self._carbon_kg_per_kwh,
                    export_per_kwh=self.export_price_per_kwh,
                    wear_per_kwh=self.wear_cost_per_kwh,
                    terminal_per_kwh=self.terminal_value_per_kwh,
                )
            case Objective.SELF_CONSUMPTION:
                return _physical(self.battery, np.ones(self.grid.count))
            case Objective.CARBON:
                return _physical(self.battery, self._carbon_kg_per_kwh)

    @property
    def _carbon_kg_per_kwh(self) -> Array:
        return np.zeros(self.grid.count) if self.carbon_intensity_g_kwh is None else self.carbon_intensity_g_kwh / 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Steering:
    """Prices as an engine sees them."""

    import_per_kwh: Array
    export_per_kwh: Array
    wear_per_kwh: float
    terminal_per_kwh: float

    @property
    def scale(self) -> float:
        """The largest price that plays a part, at least a small one: the measure of what is dear."""
        largest = max(np.abs(self.import_per_kwh).max(), np.abs(self.export_per_kwh).max(), abs(self.terminal_per_kwh))
        return float(max(largest, self.wear_per_kwh, 0.01))

    @property
    def breach_per_kwh(self) -> float:
        """What it costs to go past a wish: far more than any trade can bring."""
        return 100.0 * self.scale

    @property
    def out_of_band_per_kwh(self) -> float:
        """What a kWh is worth that leads back into the state-of-charge band: more than any price."""
        return 10.0 * self.scale


def _physical(battery: BatterySpec, per_kwh_imported: Array) -> Steering:
    """An objective in kWh or kg: export earns nothing, and what is left is worth half of what it can replace."""
    return Steering(
        import_per_kwh=per_kwh_imported,
        export_per_kwh=np.zeros(len(per_kwh_imported)),
        wear_per_kwh=0.0,
        terminal_per_kwh=0.5 * battery.discharge_efficiency * float(per_kwh_imported.min()),
    )


def default_terminal_value_per_kwh(battery: BatterySpec, import_price_per_kwh: Array, export_price_per_kwh: Array) -> float:
    """discharge efficiency x the middle of the least import price ahead and of what a sale recovers, never below 0.

    A sale recovers the best export price ahead, and no more than the least import price counts. The least import price alone is
    what refilling costs at most: on a flat tariff it is exactly what the load pays, and the plan would hoard. What a sale
    recovers alone is less than storing costs, and the plan would export the surplus that the day after tomorrow needs.
    """
    refill = float(import_price_per_kwh.min())
    sale = min(refill, float(export_price_per_kwh.max()))
    return max(0.0, battery.discharge_efficiency * (refill + max(0.0, sale)) / 2.0)
