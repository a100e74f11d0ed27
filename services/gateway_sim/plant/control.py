"""What the battery's controller asks for: by its own rule, or by the values of a schedule. Power at the terminals, > 0 charging."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from services.gateway_sim.plant.equipment import Control, HomeBattery
from services.gateway_sim.plant.noise import Floats, Integers
from shared.domain.dispatch import by_value_kw
from shared.domain.reading import TIME_OF_USE_PERIODS
from shared.domain.schedule import Schedule, Slot
from shared.domain.time import TimeGrid

_OFF_PEAK, _SHOULDER = TIME_OF_USE_PERIODS.index("off_peak"), TIME_OF_USE_PERIODS.index("shoulder")


def own_wish_kw(battery: HomeBattery, *, net_load_kw: Floats, period: Integers) -> Floats:
    """The wish of the battery's own rule, shape (n,). `net_load_kw` is load - solar; `period` an index in `TIME_OF_USE_PERIODS`.

    Self-consumption stores every surplus and covers every deficit. Time of use fills from the grid at the full rate off-peak,
    covers the peak and stores its surplus, and between the two stores surplus and keeps what it has for the peak.
    """
    wish = 0.0 - net_load_kw
    if battery.control is Control.SELF_CONSUMPTION:
        return wish
    between = np.where(period == _SHOULDER, np.maximum(wish, 0.0), wish)
    return np.where(period == _OFF_PEAK, battery.spec.max_charge_rate_kw, between)


@dataclass(frozen=True, slots=True)
class PlannedWish:
    """The wish of each part under a schedule: by its values where it has a slot, else by the battery's own rule."""

    battery: HomeBattery
    part_hours: float
    slots: Sequence[Slot | None]
    own_kw: Sequence[float]
    net_load_kw: Sequence[float]
    import_price_per_kwh: Sequence[float]
    export_price_per_kwh: float

    def __call__(self, part: int, soc_percent: float, health_percent: float) -> float:
        slot = self.slots[part]
        if slot is None:
            return self.own_kw[part]
        usable = replace(self.battery.spec, capacity_kwh=self.battery.spec.capacity_kwh * max(health_percent, 0.01) / 100.0)
        return by_value_kw(
            usable,
            energy_kwh=soc_percent * usable.capacity_kwh / 100.0,
            step_hours=self.part_hours,
            net_load_kw=self.net_load_kw[part],
            import_price_per_kwh=self.import_price_per_kwh[part],
            export_price_per_kwh=self.export_price_per_kwh,
            value_curve=slot.value_curve,
            grid_charge_limit_kw=slot.grid_charge_limit_kw,
            grid_discharge_limit_kw=slot.grid_discharge_limit_kw,
        )


def slots_in_force(schedule: Schedule | None, grid: TimeGrid) -> list[Slot | None] | None:
    """The slot that rules at the start of each step of a grid; None when the schedule says nothing in all of it."""
    if schedule is None or schedule.not_before >= grid.end or schedule.expires_at <= grid.start:
        return None
    moments = (grid.start + index * grid.step for index in range(grid.count))
    return [schedule.slot_at(moment) if moment >= schedule.not_before else None for moment in moments]
