"""A schedule on the wire."""

from pydantic import Field

from shared.contracts.base import Duration, Instant, Wire
from shared.domain import schedule as domain
from shared.domain.schedule import Action, PlanStatus
from shared.domain.time import TimeGrid


class ValueCurveDocument(Wire):
    """Marginal value of a stored kWh over the state of charge: `value_per_kwh[i]` holds from `soc_percent[i]` up."""

    soc_percent: list[float]
    value_per_kwh: list[float]


class ReasonDocument(Wire):
    """Why a step is planned as it is."""

    text: str
    binding: str | None = None
    marginal_value_per_kwh: float
    runner_up: Action | None = None
    runner_up_extra_cost: float | None = None


class SlotDocument(Wire):
    """One step. Powers are means, all >= 0; `soc_percent` is expected at the end of the step."""

    start: Instant
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
    value_curve: ValueCurveDocument
    grid_charge_limit_kw: float
    grid_discharge_limit_kw: float
    reason: ReasonDocument
    ev_kw: float = 0.0
    deferrable_kw: float = 0.0


class CostDocument(Wire):
    """total = energy + demand + wear - terminal."""

    energy: float
    demand: float
    wear: float
    terminal: float
    total: float


class RelaxedConstraintDocument(Wire):
    """A wish that could not be met, and by how much at worst."""

    name: str
    amount: float
    unit: str
    at: Instant


class ScheduleDocument(Wire):
    """A plan for one site: what to do in every step, why, and what it is expected to cost."""

    schedule_id: str
    site_id: str
    issued_at: Instant
    status: PlanStatus
    engine: str
    objective: str
    currency: str
    start: Instant
    resolution: Duration
    cost: CostDocument
    baseline_cost: float | None = Field(description="the same account for the self-consumption rule on the same expectation")
    initial_soc_percent: float
    degraded: list[str]
    relaxed_constraints: list[RelaxedConstraintDocument]
    forecast_ids: list[str]
    revision: int
    not_before: Instant
    expires_at: Instant
    solve_seconds: float
    gap: float
    notes: list[str] = Field(default_factory=list)
    slots: list[SlotDocument]

    @classmethod
    def from_domain(cls, schedule: domain.Schedule) -> "ScheduleDocument":
        return cls(
            schedule_id=schedule.schedule_id,
            site_id=schedule.site_id,
            issued_at=schedule.issued_at,
            status=schedule.status,
            engine=schedule.engine,
            objective=schedule.objective,
            currency=schedule.currency,
            start=schedule.grid.start,
            resolution=schedule.grid.step,
            cost=cost_document(schedule.cost),
            baseline_cost=schedule.baseline_cost,
            initial_soc_percent=schedule.initial_soc_percent,
            degraded=list(schedule.degraded),
            relaxed_constraints=[
                RelaxedConstraintDocument(name=item.name, amount=item.amount, unit=item.unit, at=item.at)
                for item in schedule.relaxed_constraints
            ],
            forecast_ids=list(schedule.forecast_ids),
            revision=schedule.revision,
            not_before=schedule.not_before,
            expires_at=schedule.expires_at,
            solve_seconds=schedule.solve_seconds,
            gap=schedule.gap,
            notes=list(schedule.notes),
            slots=[slot_document(slot) for slot in schedule.slots],
        )

    def to_domain(self) -> domain.Schedule:
        return domain.Schedule(
            site_id=self.site_id,
            issued_at=self.issued_at,
            status=self.status,
            engine=self.engine,
            objective=self.objective,
            currency=self.currency,
            grid=TimeGrid(start=self.start, step=self.resolution, count=len(self.slots)),
            slots=tuple(_slot(slot) for slot in self.slots),
            cost=domain.PlanCost(**self.cost.model_dump(exclude={"total"})),
            baseline_cost=self.baseline_cost,
            initial_soc_percent=self.initial_soc_percent,
            degraded=tuple(self.degraded),
            relaxed_constraints=tuple(domain.RelaxedConstraint(**dict(item)) for item in self.relaxed_constraints),
            forecast_ids=tuple(self.forecast_ids),
            revision=self.revision,
            not_before=self.not_before,
            expires_at=self.expires_at,
            solve_seconds=self.solve_seconds,
            gap=self.gap,
            notes=tuple(self.notes),
        )


def cost_document(cost: domain.PlanCost) -> CostDocument:
    """A plan's account with its total written out."""
    return CostDocument(energy=cost.energy, demand=cost.demand, wear=cost.wear, terminal=cost.terminal, total=cost.total)


_PLAIN = [name for name in SlotDocument.model_fields if name not in {"value_curve", "reason"}]


def slot_document(slot: domain.Slot) -> SlotDocument:
    """One step on the wire."""
    reason, curve = slot.reason, slot.value_curve
    return SlotDocument(
        **{name: getattr(slot, name) for name in _PLAIN},
        value_curve=ValueCurveDocument(soc_percent=list(curve.soc_percent), value_per_kwh=list(curve.value_per_kwh)),
        reason=ReasonDocument(**{name: getattr(reason, name) for name in ReasonDocument.model_fields}),
    )


def _slot(document: SlotDocument) -> domain.Slot:
    curve = document.value_curve
    return domain.Slot(
        **{name: getattr(document, name) for name in _PLAIN},
        value_curve=domain.ValueCurve(soc_percent=tuple(curve.soc_percent), value_per_kwh=tuple(curve.value_per_kwh)),
        reason=domain.Reason(**dict(document.reason)),
    )
