"""A home in stores, made through domain objects: what the other services would have left there."""

from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from shared.domain.forecast import QUANTILE_LEVELS, Forecast, Target
from shared.domain.savings import PolicyBill, SavingsReport
from shared.domain.schedule import Action, PlanCost, PlanStatus, Reason, Schedule, Slot, ValueCurve
from shared.domain.site import Site
from shared.domain.time import Interval, TimeGrid, local_clock, zone
from shared.ports.progress_store import Progress
from shared.runtime.resources import Resources
from tests.factories import a_site, a_tariff, readings

QUARTER = timedelta(minutes=15)
NEWEST = datetime.fromisoformat("2024-06-15T11:45:00+00:00")
"""The newest reading of the home."""


def a_home(resources: Resources, *, now: datetime = NEWEST + QUARTER, days: int = 3, **changes: object) -> Site:
    """A site with its tariff, some days of readings until `now`, forecasts, a schedule and savings."""
    site = a_site(**changes)
    resources.sites.put(site)
    resources.tariffs.put(site.site_id, a_tariff())
    frame = readings(start=now - timedelta(days=days), hours=24 * days, step=QUARTER, site_id=site.site_id)
    resources.readings.upsert(lived(frame), stored_at=now)
    for moment in (now - timedelta(days=1), now):
        resources.forecasts.put([a_forecast(site, Target.LOAD, moment), a_forecast(site, Target.SOLAR, moment)])
    resources.schedules.put(a_schedule(site, now))
    resources.savings.put(a_savings_report(site, now))
    resources.progress.put(Progress(step="sync", site_id=site.site_id, watermark=now, updated_at=now, rows=len(frame)))
    return site


def lived(frame: pd.DataFrame) -> pd.DataFrame:
    """The readings with a battery that stores the surplus of each day and covers the evening."""
    stored, levels, powers = 6.0, [], []
    for load, solar in zip(frame["total_load_kw"], frame["solar_generation_kw"], strict=True):
        wish = np.clip(solar - load, -5, 5)
        power = float(np.clip(wish, (1.35 - stored) * 4, (12.15 - stored) * 4))
        stored += power / 4
        levels.append(stored / 13.5 * 100)
        powers.append(power)
    flow = frame["total_load_kw"] + np.array(powers) - frame["solar_generation_kw"]
    return frame.assign(battery_soc_percent=levels, battery_power_kw=powers, net_grid_flow_kw=flow)


def a_forecast(site: Site, target: Target, issued_at: datetime, *, steps: int = 192) -> Forecast:
    """A daily shape with a band that widens."""
    grid = TimeGrid(start=issued_at, step=QUARTER, count=steps)
    hour = local_clock(grid.starts(), zone("UTC")).hour
    if target is Target.SOLAR:
        median = np.clip(7.2 * np.sin((hour - 5) / 14 * np.pi), 0, None) * ((hour > 5) & (hour < 19))
        spread = 0.3 * median
    else:
        median = 0.5 + 1.5 * np.exp(-((hour - 19) ** 2) / 6) + 0.3 * np.exp(-((hour - 6) ** 2) / 2)
        spread = 0.15 + 0.35 * median
    factors = np.array([-1.3, -1.0, -0.5, 0.0, 0.5, 1.0, 1.3])
    values = np.maximum(0.0, median + factors[:, None] * spread)
    return Forecast(
        site_id=site.site_id,
        target=target,
        issued_at=issued_at,
        data_as_of=issued_at,
        model_name="quantile_xgboost",
        model_version="0123abcd",
        grid=grid,
        levels=QUANTILE_LEVELS,
        values=values,
        skill=0.18,
    )


def a_schedule(site: Site, issued_at: datetime, *, steps: int = 144, degraded: tuple[str, ...] = ()) -> Schedule:
    """A plan that stores solar, sells a little at the evening peak, covers the rest, and buys before dawn."""
    load = a_forecast(site, Target.LOAD, issued_at, steps=steps).median
    solar = a_forecast(site, Target.SOLAR, issued_at, steps=steps).median
    grid = TimeGrid(start=issued_at, step=QUARTER, count=steps)
    hours = local_clock(grid.starts(), zone(site.timezone)).hour
    stored, slots = 5.0 if 5 <= hours[0] < 12 else 11.0, []
    for index in range(steps):
        slot = _slot(grid[index], float(hours[index]), float(load[index]), float(solar[index]), stored)
        stored = slot.soc_percent / 100 * 13.5
        slots.append(slot)
    return Schedule(
        site_id=site.site_id,
        issued_at=issued_at,
        status=PlanStatus.DEGRADED if degraded else PlanStatus.OPTIMAL,
        engine="highs",
        objective="cost",
        currency="EUR",
        grid=grid,
        slots=tuple(slots),
        cost=PlanCost(energy=sum(slot.cost for slot in slots), demand=0.0, wear=0.21, terminal=0.4),
        baseline_cost=sum(slot.cost for slot in slots) + 0.21 - 0.4 + 1.84,
        initial_soc_percent=slots[0].soc_percent,
        degraded=degraded,
        not_before=issued_at,
        expires_at=issued_at + timedelta(hours=6),
        solve_seconds=0.031,
    )


def _slot(start: datetime, hour: float, load: float, solar: float, stored: float) -> Slot:
    importing, exporting = (0.40 if 17 <= hour < 21 else 0.20), 0.08
    surplus = solar - load
    action, charge, discharge = Action.HOLD, 0.0, 0.0
    if surplus > 0.05 and stored < 12.1:
        action, charge = Action.STORE, min(surplus, 5.0, (12.15 - stored) / 0.95 * 4)
    elif 19 <= hour < 20 and stored > 5:
        action, discharge = Action.SELL, 4.0
    elif 17 <= hour < 24 and surplus < 0 and stored > 1.6:
        action, discharge = Action.USE, min(-surplus, (stored - 1.35) * 0.95 * 4)
    elif 3 <= hour < 4.5 and stored < 8:
        action, charge = Action.BUY, 3.0
    energy = stored + (charge * 0.95 - discharge / 0.95) / 4
    flow = load + charge - discharge - solar
    texts = {
        Action.STORE: f"Solar surplus is stored: each kWh saves 0.40 EUR this evening and would earn {exporting:.2f} EUR now.",
        Action.SELL: "The battery holds more than the evening needs, so some of it is sold at the peak.",
        Action.USE: f"The battery covers the home: a kWh from the grid costs {importing:.2f} EUR, a stored one is worth 0.31 EUR.",
        Action.BUY: "Buying at 0.20 EUR now is cheaper than 0.40 EUR at the morning peak, losses included.",
        Action.HOLD: "Waiting is best: what is stored is worth more this evening than now.",
    }
    return Slot(
        start=start,
        action=action,
        charge_kw=charge,
        discharge_kw=discharge,
        grid_import_kw=max(flow, 0.0),
        grid_export_kw=max(-flow, 0.0),
        curtail_kw=0.0,
        soc_percent=energy / 13.5 * 100,
        load_kw=load,
        solar_kw=solar,
        import_price_per_kwh=importing,
        export_price_per_kwh=exporting,
        cost=(max(flow, 0.0) * importing - max(-flow, 0.0) * exporting) / 4,
        value_curve=ValueCurve.flat(0.31),
        grid_charge_limit_kw=charge if action is Action.BUY else 0.0,
        grid_discharge_limit_kw=discharge if action is Action.SELL else 0.0,
        reason=Reason(
            text=texts[action],
            binding="max_soc" if stored > 12.0 else None,
            marginal_value_per_kwh=0.31,
            runner_up=Action.HOLD if action is not Action.HOLD else Action.USE,
            runner_up_extra_cost=0.04,
        ),
    )


def a_savings_report(site: Site, made_at: datetime) -> SavingsReport:
    """A fortnight under five policies."""
    bills = {"no_battery": 41.2, "self_consumption": 27.9, "time_of_use_timer": 26.3, "planned": 22.4, "perfect_foresight": 20.6}
    return SavingsReport(
        site_id=site.site_id,
        made_at=made_at,
        interval=Interval(start=made_at - timedelta(days=14), end=made_at),
        currency="EUR",
        coverage=0.994,
        bills=tuple(
            PolicyBill(
                policy=policy, energy_cost=cost + 0.3, demand_cost=0.0, wear_cost=0.0 if policy == "no_battery" else 1.1, stored_value=0.3,
                import_kwh=cost * 4, export_kwh=30.0, throughput_kwh=0.0 if policy == "no_battery" else 140.0,
            )
            for policy, cost in bills.items()
        ),
    )  # fmt: skip
