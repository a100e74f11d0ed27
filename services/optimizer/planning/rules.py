"""The rules that owners use today: the yardsticks of a plan, and its stand-in when an engine has no answer."""

import numpy as np

from services.optimizer.planning.problem import Array, Problem
from shared.domain.dispatch import self_consumption_kw
from shared.domain.site import BatterySpec
from shared.domain.storage import advance, wear_cost_per_kwh
from shared.domain.time import TimeGrid, local_clock, zone


def self_consumption_power_kw(problem: Problem) -> Array:
    """Battery power (> 0 charging) of the self-consumption rule on a problem's expectation, shape (steps,)."""
    power = np.zeros(problem.grid.count)
    stored, hours = problem.initial_energy_kwh, problem.grid.step_hours
    for step, net in enumerate((problem.load_kw - problem.solar_kw).tolist()):
        moved = advance(problem.battery, energy_kwh=stored, power_kw=self_consumption_kw(net_load_kw=net), step_hours=hours)
        stored, power[step] = moved.energy_kwh, moved.power_kw
    return power


def time_of_use_timer_kw(
    battery: BatterySpec, grid: TimeGrid, *, timezone: str, load_kw: Array, solar_kw: Array, import_price_per_kwh: Array
) -> Array:
    """Power that a timer wishes, shape (steps,): full charge in the cheapest local hours of the day, load covered in the dear ones.

    The timer is set once, by each local hour's mean price over the whole time, as an owner sets it from the tariff sheet:
    as many of the cheapest hours as it takes to fill the battery; dear is every hour that pays for losses and wear.
    A surplus is always stored. Where no hour is dear enough the timer is off and the rule is self-consumption.
    """
    hour = local_clock(grid.starts(), zone(timezone)).hour.astype(np.int64)
    follow = solar_kw - load_kw
    known = np.isfinite(import_price_per_kwh)
    counts = np.bincount(hour[known], minlength=24)
    sums = np.bincount(hour[known], weights=import_price_per_kwh[known], minlength=24)
    mean = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    by_price = [int(h) for h in np.argsort(mean, kind="stable") if np.isfinite(mean[h])]
    filling = battery.max_charge_rate_kw * battery.charge_efficiency
    needed = int(np.ceil(battery.usable_kwh / filling)) if filling > 0 else 0
    cheap = by_price[:needed]
    if not cheap:
        return follow
    wear = wear_cost_per_kwh(battery)
    worth = (mean[cheap].mean() / battery.charge_efficiency + 2.0 * wear) / battery.discharge_efficiency
    dear = [h for h in by_price if mean[h] > worth + 1e-9]
    if not dear:
        return follow
    waiting = np.where(np.isin(hour, dear), follow, np.maximum(follow, 0.0))
    return np.where(np.isin(hour, cheap), battery.max_charge_rate_kw, waiting)
