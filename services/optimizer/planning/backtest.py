"""The policies of a savings report, replayed on the same time."""

from datetime import timedelta

import numpy as np

from services.optimizer.planning.engine import flows_for
from services.optimizer.planning.problem import Array, Problem
from services.optimizer.planning.replay import Actuals, Planner, Rolling, bill, replay, self_consumption, set_points
from services.optimizer.planning.rules import time_of_use_timer_kw
from shared.domain.savings import PolicyBill
from shared.domain.time import TimeGrid

FORESIGHT = timedelta(hours=48)
FORESIGHT_EVERY = timedelta(hours=24)


def rule_bills(actuals: Actuals, *, timezone: str) -> list[PolicyBill]:
    """No battery, self-consumption, and a timer."""
    timer = time_of_use_timer_kw(
        actuals.battery,
        actuals.grid,
        timezone=timezone,
        load_kw=actuals.load_kw,
        solar_kw=actuals.solar_kw,
        import_price_per_kwh=actuals.import_price_per_kwh,
    )
    return [
        bill(actuals, replay(actuals, lambda _step, _energy: 0.0), policy="no_battery"),
        bill(actuals, replay(actuals, self_consumption(actuals)), policy="self_consumption"),
        bill(actuals, replay(actuals, set_points(timer)), policy="time_of_use_timer"),
    ]


def planned_bill(actuals: Actuals, planner: Planner, *, issue_steps: frozenset[int]) -> PolicyBill:
    """The plan, made anew at the given steps and executed by the value of a stored kWh."""
    return bill(actuals, replay(actuals, Rolling(actuals=actuals, planner=planner, issue_steps=issue_steps)), policy="planned")


def perfect_foresight_bill(actuals: Actuals) -> PolicyBill:
    """Planned each day with what really happened over the next 48 hours: the bound of any policy."""
    return bill(actuals, replay(actuals, set_points(_foresight_kw(actuals))), policy="perfect_foresight")


def _foresight_kw(actuals: Actuals) -> Array:
    """Battery power of perfect foresight, shape (steps,); steps without data are left out of its time."""
    known = np.flatnonzero(actuals.known)
    ahead, every = FORESIGHT // actuals.grid.step, FORESIGHT_EVERY // actuals.grid.step
    power = np.zeros(actuals.grid.count)
    stored = actuals.initial_energy_kwh
    reached_kw = actuals.demand.incumbent_kw if actuals.demand is not None else ()
    for first in range(0, len(known), every):
        window = known[first : first + ahead]
        final = first + ahead >= len(known)
        problem = Problem.with_defaults(
            grid=TimeGrid(start=actuals.grid[int(window[0])], step=actuals.grid.step, count=len(window)),
            load_kw=actuals.load_kw[window],
            solar_kw=actuals.solar_kw[window],
            import_price_per_kwh=actuals.import_price_per_kwh[window],
            export_price_per_kwh=actuals.export_price_per_kwh[window],
            battery=actuals.battery,
            initial_soc_percent=min(100.0, max(0.0, stored * 100.0 / actuals.battery.capacity_kwh)),
            terminal_value_per_kwh=actuals.stored_value_per_kwh if final else None,
            demand=None if actuals.demand is None else actuals.demand.part(window, reached_kw),
        )
        flows, _ = flows_for(problem)
        done = min(every, len(window))
        if problem.demand is not None:
            reached_kw = problem.demand.peaks_kw(flows.import_kw, first=done)
        power[window[:done]] = (flows.charge_kw - flows.discharge_kw)[:done]
        stored = float(flows.energy_kwh[done - 1])
    return power
