"""A schedule whose every slot values stored energy alike."""

from datetime import datetime, timedelta

from shared.domain.schedule import Action, PlanCost, PlanStatus, Reason, Schedule, Slot, ValueCurve
from shared.domain.time import TimeGrid


def a_schedule(
    start: datetime,
    *,
    value: float = 0.2,
    curve: ValueCurve | None = None,
    hours: int = 48,
    grid_charge_limit_kw: float = 0.0,
    not_before: datetime | None = None,
    expires_at: datetime | None = None,
    site_id: str = "home",
    issued_at: datetime | None = None,
) -> Schedule:
    grid = TimeGrid(start=start, step=timedelta(hours=1), count=hours)
    zeros = dict.fromkeys(
        ("charge_kw", "discharge_kw", "grid_import_kw", "grid_export_kw", "curtail_kw", "load_kw", "solar_kw", "cost"), 0.0
    )
    slots = tuple(
        Slot(
            start=grid[index],
            action=Action.HOLD,
            soc_percent=50.0,
            import_price_per_kwh=0.1,
            export_price_per_kwh=0.05,
            value_curve=curve or ValueCurve.flat(value),
            grid_charge_limit_kw=grid_charge_limit_kw,
            grid_discharge_limit_kw=0.0,
            reason=Reason(text="a test"),
            **zeros,
        )
        for index in range(hours)
    )
    return Schedule(
        site_id=site_id,
        issued_at=issued_at or start,
        status=PlanStatus.OPTIMAL,
        engine="test",
        objective="cost",
        currency="USD",
        grid=grid,
        slots=slots,
        cost=PlanCost(energy=0.0, demand=0.0, wear=0.0, terminal=0.0),
        initial_soc_percent=50.0,
        not_before=not_before or start,
        expires_at=expires_at or grid.end,
    )
