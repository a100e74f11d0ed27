"""What a policy would have cost on what really happened: the same plant, the same start, the end state valued.

A policy says what power it wishes, seeing the present step and the stored energy alone; `shared.domain.storage` decides what
becomes of it. Steps without data are skipped by every policy: nothing moves and nothing is billed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.optimizer.planning.problem import Array, DemandTerms
from shared.domain.dispatch import by_value_kw, self_consumption_kw
from shared.domain.savings import PolicyBill
from shared.domain.schedule import ValueCurve
from shared.domain.site import BatterySpec
from shared.domain.storage import advance, wear_cost_per_kwh
from shared.domain.time import TimeGrid


@dataclass(frozen=True, slots=True, kw_only=True)
class Actuals:
    """What really happened, arrays of shape (steps,); NaN load or solar means no data in that step."""

    grid: TimeGrid
    load_kw: Array
    solar_kw: Array
    import_price_per_kwh: Array
    export_price_per_kwh: Array
    battery: BatterySpec
    initial_soc_percent: float
    stored_value_per_kwh: float
    """What a kWh more at the end than at the start is worth."""
    demand: DemandTerms | None = None

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which steps have data and prices, shape (steps,)."""
        return np.isfinite(self.load_kw) & np.isfinite(self.solar_kw) & np.isfinite(self.import_price_per_kwh + self.export_price_per_kwh)

    @property
    def initial_energy_kwh(self) -> float:
        return self.battery.capacity_kwh * self.initial_soc_percent / 100.0


Policy = Callable[[int, float], float]
"""Step and stored energy (kWh) to the wished power at the battery's terminals (kW, > 0 charging)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A replayed policy, arrays of shape (steps,)."""

    power_kw: Array
    energy_kwh: Array
    import_kw: Array
    export_kw: Array
    curtail_kw: Array


def replay(actuals: Actuals, policy: Policy) -> Course:
    """Run a policy through the plant."""
    hours = actuals.grid.step_hours
    power, energy = np.zeros(actuals.grid.count), np.zeros(actuals.grid.count)
    stored = actuals.initial_energy_kwh
    for step, known in enumerate(actuals.known.tolist()):
        if known:
            moved = advance(actuals.battery, energy_kwh=stored, power_kw=policy(step, stored), step_hours=hours)
            stored, power[step] = moved.energy_kwh, moved.power_kw
        energy[step] = stored
    net = np.where(actuals.known, actuals.load_kw - actuals.solar_kw + power, 0.0)
    # whoever would pay for exported solar power switches it off, with or without a battery
    curtail = np.where((actuals.export_price_per_kwh < 0) & (net < 0), np.minimum(-net, np.nan_to_num(actuals.solar_kw)), 0.0)
    flow = net + curtail
    return Course(power_kw=power, energy_kwh=energy, import_kw=np.maximum(flow, 0.0), export_kw=np.maximum(-flow, 0.0), curtail_kw=curtail)


def bill(actuals: Actuals, course: Course, *, policy: str) -> PolicyBill:
    """The account of a course."""
    hours = actuals.grid.step_hours
    throughput = float(np.abs(np.diff(course.energy_kwh, prepend=actuals.initial_energy_kwh)).sum())
    gained = float(course.energy_kwh[-1]) - actuals.initial_energy_kwh if actuals.grid.count else 0.0
    return PolicyBill(
        policy=policy,
        energy_cost=float(_money(actuals, course).sum()),
        demand_cost=actuals.demand.cost(course.import_kw) if actuals.demand is not None else 0.0,
        wear_cost=throughput * wear_cost_per_kwh(actuals.battery),
        stored_value=gained * actuals.stored_value_per_kwh,
        import_kwh=float(course.import_kw.sum()) * hours,
        export_kwh=float(course.export_kw.sum()) * hours,
        throughput_kwh=throughput,
    )


def daily_costs(actuals: Actuals, course: Course) -> Array:
    """The total of `bill` by day from the first step on, shape (days,): a part of a day at the end counts to the last whole one.

    A demand charge falls on the days that raise a month's peak.
    """
    per_day = timedelta(days=1) // actuals.grid.step
    wear = wear_cost_per_kwh(actuals.battery)
    gained = np.diff(course.energy_kwh, prepend=actuals.initial_energy_kwh)
    costs = _money(actuals, course) + np.abs(gained) * wear - gained * actuals.stored_value_per_kwh
    begins = np.arange(0, max(1, actuals.grid.count // per_day)) * per_day
    days: Array = np.add.reduceat(costs, begins)
    if actuals.demand is not None:
        ends = [*begins[1:].tolist(), actuals.grid.count]
        peaks = [sum(actuals.demand.peaks_kw(course.import_kw, first=end)) for end in ends]
        days = days + np.diff(peaks, prepend=sum(actuals.demand.incumbent_kw)) * actuals.demand.price_per_kw
    return days


def _money(actuals: Actuals, course: Course) -> Array:
    """Paid for energy in each step."""
    money = actuals.import_price_per_kwh * course.import_kw - actuals.export_price_per_kwh * course.export_kw
    return np.where(actuals.known, money, 0.0) * actuals.grid.step_hours


def self_consumption(actuals: Actuals) -> Policy:
    """Store every surplus, cover every deficit."""
    net = (actuals.load_kw - actuals.solar_kw).tolist()
    return lambda step, _energy: self_consumption_kw(net_load_kw=net[step])


def set_points(power_kw: Array) -> Policy:
    """Given powers, whatever happens."""
    wished = power_kw.tolist()
    return lambda step, _energy: float(wished[step])


class Guide(Protocol):
    """What a gateway needs of a plan's step; every `Slot` of a schedule is one."""

    @property
    def value_curve(self) -> ValueCurve: ...
    @property
    def grid_charge_limit_kw(self) -> float: ...
    @property
    def grid_discharge_limit_kw(self) -> float: ...


Guides = Mapping[int, Guide] | Sequence[Guide]
Planner = Callable[[int, float], Sequence[Guide]]
"""Step of issue and stored energy (kWh) to the guides from that step on; empty when no plan could be made."""


@dataclass(slots=True, kw_only=True)
class Rolling:
    """The policy of a plan that is made anew at some steps and executed by the value of a stored kWh.

    Beyond the end of the newest plan, and before the first, the battery follows self-consumption, as a gateway does.
    """

    actuals: Actuals
    planner: Planner
    issue_steps: frozenset[int]
    issued: int = 0
    guides: Sequence[Guide] = field(default=())

    def __call__(self, step: int, energy_kwh: float) -> float:
        if step in self.issue_steps:
            guides = self.planner(step, energy_kwh)
            if guides:
                self.issued, self.guides = step, guides
        net = float(self.actuals.load_kw[step] - self.actuals.solar_kw[step])
        if step - self.issued >= len(self.guides):
            return self_consumption_kw(net_load_kw=net)
        guide = self.guides[step - self.issued]
        return by_value_kw(
            self.actuals.battery,
            energy_kwh=energy_kwh,
            step_hours=self.actuals.grid.step_hours,
            net_load_kw=net,
            import_price_per_kwh=float(self.actuals.import_price_per_kwh[step]),
            export_price_per_kwh=float(self.actuals.export_price_per_kwh[step]),
            value_curve=guide.value_curve,
            grid_charge_limit_kw=guide.grid_charge_limit_kw,
            grid_discharge_limit_kw=guide.grid_discharge_limit_kw,
        )
