"""A schedule: what to do in every step, why, and what it is expected to cost."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from shared.domain.errors import InvalidValueError
from shared.domain.time import TimeGrid, as_utc, format_instant


class Action(StrEnum):
    """The word for what the battery does in a step."""

    BUY = "buy"
    """Charge from the grid."""
    SELL = "sell"
    """Battery to the grid."""
    STORE = "store"
    """Solar surplus into the battery."""
    USE = "use"
    """Battery to the load."""
    HOLD = "hold"


class PlanStatus(StrEnum):
    """How much an answer promises."""

    OPTIMAL = "optimal"
    FEASIBLE_GAP = "feasible_gap"
    DEGRADED = "degraded"
    INFEASIBLE = "infeasible"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueCurve:
    """Marginal value of a stored kWh over the state of charge: a step function that does not increase.

    `value_per_kwh[i]` holds from `soc_percent[i]` up to the next one (the last: up to full).
    """

    soc_percent: tuple[float, ...]
    value_per_kwh: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.soc_percent or len(self.soc_percent) != len(self.value_per_kwh):
            raise InvalidValueError("value curve", len(self.soc_percent), "needs as many values as states of charge, at least one")
        if any(b <= a for a, b in zip(self.soc_percent, self.soc_percent[1:], strict=False)):
            raise InvalidValueError("value curve soc_percent", self.soc_percent, "must increase")
        if any(b > a + 1e-9 for a, b in zip(self.value_per_kwh, self.value_per_kwh[1:], strict=False)):
            raise InvalidValueError("value curve value_per_kwh", self.value_per_kwh, "must not increase")

    @classmethod
    def flat(cls, value_per_kwh: float) -> "ValueCurve":
        """The same value at every state of charge."""
        return cls(soc_percent=(0.0,), value_per_kwh=(value_per_kwh,))

    def at(self, soc_percent: float) -> float:
        """The value of one more kWh at this state of charge."""
        index = int(np.searchsorted(self.soc_percent, soc_percent, side="right")) - 1
        return self.value_per_kwh[max(index, 0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a step is planned as it is."""

    text: str
    """One sentence for a person."""
    binding: str | None = None
    """The constraint that stops more of the same: `min_soc`, `max_soc`, `charge_rate`, `discharge_rate`, `max_import`, `max_export`."""
    marginal_value_per_kwh: float = 0.0
    """What one more stored kWh at the end of the step is worth."""
    runner_up: Action | None = None
    runner_up_extra_cost: float | None = None
    """What the second best action would have cost more over the step, in the schedule's currency."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One step of a schedule. Powers are means over the step, all >= 0; `soc_percent` is expected at its end."""

    start: datetime
    action: Action
    charge_kw: float
    discharge_kw: float
    grid_import_kw: float
    grid_export_kw: float
    curtail_kw: float
    soc_percent: float
    load_kw: float
    solar_kw: float
    import_price_per_kwh: float
    export_price_per_kwh: float
    cost: float
    """Expected energy cost of the step: import cost less export revenue."""
    value_curve: ValueCurve
    grid_charge_limit_kw: float
    """The most the gateway may charge from the grid in this step."""
    grid_discharge_limit_kw: float
    """The most the gateway may discharge to the grid in this step."""
    reason: Reason
    ev_kw: float = 0.0
    deferrable_kw: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanCost:
    """Real and virtual money apart: total = energy + demand + wear - terminal."""

    energy: float
    demand: float
    wear: float
    terminal: float

    @property
    def total(self) -> float:
        return self.energy + self.demand + self.wear - self.terminal


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaxedConstraint:
    """A wish that could not be met, and by how much at worst."""

    name: str
    amount: float
    unit: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A plan for one site. The key is the site and the moment of issue; `revision` counts the site's plans."""

    site_id: str
    issued_at: datetime
    status: PlanStatus
    engine: str
    objective: str
    currency: str
    grid: TimeGrid
    slots: tuple[Slot, ...]
    cost: PlanCost
    baseline_cost: float | None = None
    """Total by the same account when the battery follows the self-consumption rule on the same expectation."""
    initial_soc_percent: float
    degraded: tuple[str, ...] = ()
    relaxed_constraints: tuple[RelaxedConstraint, ...] = ()
    forecast_ids: tuple[str, ...] = ()
    revision: int = 1
    not_before: datetime
    expires_at: datetime
    solve_seconds: float = 0.0
    gap: float = 0.0
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        for name in ("issued_at", "not_before", "expires_at"):
            object.__setattr__(self, name, as_utc(getattr(self, name), name))
        if len(self.slots) != self.grid.count:
            raise InvalidValueError("slots", len(self.slots), f"must be one for each of the {self.grid.count} steps")

    @property
    def schedule_id(self) -> str:
        """Deterministic: the same run made twice is the same schedule. Safe in a URL path."""
        stamp = format_instant(self.issued_at).replace("+00:00", "Z").replace(":", "").replace("-", "")
        return f"{self.site_id}.{stamp}"

    def slot_at(self, moment: datetime) -> Slot | None:
        """The step that holds the moment, or None outside the plan or once it has expired."""
        if not self.grid.interval.contains(as_utc(moment)) or moment >= self.expires_at:
            return None
        return self.slots[self.grid.index_of(moment)]

    def column(self, name: str) -> NDArray[np.float64]:
        """One number of every slot, shape (steps,)."""
        return np.array([getattr(slot, name) for slot in self.slots], dtype=np.float64)
