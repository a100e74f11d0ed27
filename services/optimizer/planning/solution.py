"""What every engine answers: flows for each step, what a stored kWh is worth at the margin, and how sure the answer is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from services.optimizer.planning.devices import Array, DeferrableLoad, EvSession, ThermalStore
from shared.domain.schedule import PlanStatus

MISSED_KWH = 1e-3
"""A wish that is missed by less is met."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """A wish that a device could not be granted."""

    name: str
    """`target` of a vehicle, `run` of a load, `minimum` of a store of heat."""
    amount: float
    unit: str
    step: int
    """When it is missed, or missed worst."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceCourse:
    """What a device does, arrays of shape (steps,)."""

    power_kw: Array
    """Drawn from the house, < 0 where a vehicle gives."""
    percent: Array | None = None
    """State of charge of a vehicle, or stored heat as a share of the capacity, at the end of each step; None for a load."""
    missed: Missed | None = None

    @classmethod
    def of_vehicle(cls, session: EvSession, power_kw: Array, hours: float) -> Self:
        """The course of a vehicle's power; before it comes and after it left its charge stands still."""
        moved = np.where(power_kw > 0, power_kw * session.charge_efficiency, power_kw / session.discharge_efficiency) * hours
        percent = session.initial_soc_percent + np.cumsum(moved) * 100.0 / session.capacity_kwh
        count = len(power_kw)
        wish = session.target_soc_percent
        if session.departure > count:
            # who stays beyond the horizon has come its share of the way by then
            first = min(max(session.arrival, 0), count)
            way = (count - first) / (session.departure - first)
            wish = session.initial_soc_percent + (wish - session.initial_soc_percent) * way
        short = (wish - float(percent[-1])) * session.capacity_kwh / 100.0
        step = min(max(session.departure - 1, 0), count - 1)
        return cls(power_kw=power_kw, percent=percent, missed=_missed("target", short, "kWh", step))

    @classmethod
    def of_load(cls, load: DeferrableLoad, power_kw: Array, hours: float) -> Self:
        """The course of a load's power."""
        short = float(load.power_kw.sum() - power_kw.sum()) * hours
        step = min(max(load.latest - 1, 0), len(power_kw) - 1)
        return cls(power_kw=power_kw, missed=_missed("run", short, "kWh", step))

    @classmethod
    def of_heat(cls, store: ThermalStore, power_kw: Array, hours: float) -> Self:
        """The course of a heater's power: heat that is asked for and not there is missed, and not made up for later."""
        kept, heat = float(np.exp(-store.loss_per_hour * hours)), store.capacity_kwh * store.initial_percent / 100.0
        stored, missed = np.empty(len(power_kw)), np.zeros(len(power_kw))
        for step, change in enumerate(((store.cop * power_kw - store.demand_kw) * hours).tolist()):
            heat = heat * kept + change
            missed[step] = max(0.0, -heat)
            heat = max(0.0, heat)
            stored[step] = heat
        worst = int(np.argmax(missed))
        return cls(
            power_kw=power_kw,
            percent=stored * 100.0 / store.capacity_kwh,
            missed=_missed("minimum", float(missed.sum()), "kWh", worst),
        )


def _missed(name: str, amount: float, unit: str, step: int) -> Missed | None:
    return Missed(name=name, amount=round(amount, 6), unit=unit, step=step) if amount > MISSED_KWH else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """Flows of every step, shape (steps,), and what they are worth at the margin."""

    status: PlanStatus
    engine: str
    charge_kw: Array
    discharge_kw: Array
    import_kw: Array
    export_kw: Array
    curtail_kw: Array
    energy_kwh: Array
    """Stored energy at the end of each step."""
    value_per_kwh: Array
    """What one more stored kWh at the end of each step would save, in steering money."""
    peak_adder_per_kwh: Array
    """What a kWh imported in each step adds to demand charges at the margin."""
    devices: Mapping[str, DeviceCourse] = field(default_factory=dict)
    """By the device's name."""
    gap: float = 0.0
    seconds: float = 0.0

    @property
    def devices_kw(self) -> Array:
        """What all devices draw, < 0 where they give, shape (steps,)."""
        return sum((course.power_kw for course in self.devices.values()), np.zeros(len(self.charge_kw)))


class SolverError(Exception):
    """An engine ended without a usable answer; the text says how."""
