"""The physics of one battery step, the same for gateway, replay and validator: bounds are hard, losses on both legs."""

from dataclasses import dataclass

from shared.domain.site import BatterySpec

BATTERY_PRICE_PER_KWH = 150.0
"""Replacement of the cells for each kWh of capacity, in the site's currency: the order of published 2024 turnkey stationary
packs (BloombergNEF battery price survey, December 2024: 125 US dollars per kWh)."""
BATTERY_CYCLES = 6000.0
"""Full cycles that a lithium iron phosphate home battery is warranted for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageStep:
    """What really happened in a step."""

    power_kw: float
    """Mean power at the battery's terminals, > 0 charging."""
    energy_kwh: float
    """Stored energy at the end of the step."""


def wear_cost_per_kwh(spec: BatterySpec) -> float:
    """Wear per kWh of change of stored energy, either way: the battery's own figure, else price / (2 x cycles x usable capacity).

    Half on each leg; a usable share of 80 % gives 0.0156.
    """
    if spec.wear_cost_per_kwh is not None:
        return spec.wear_cost_per_kwh
    if spec.usable_kwh <= 0.0:
        return 0.0
    return BATTERY_PRICE_PER_KWH * spec.capacity_kwh / (2.0 * BATTERY_CYCLES * spec.usable_kwh)


def charge_headroom_kw(spec: BatterySpec, energy_kwh: float, step_hours: float) -> float:
    """The largest mean charging power that stays within rate and maximum state of charge."""
    room = max(0.0, spec.max_energy_kwh - energy_kwh)
    return min(spec.max_charge_rate_kw, room / (spec.charge_efficiency * step_hours))


def discharge_headroom_kw(spec: BatterySpec, energy_kwh: float, step_hours: float) -> float:
    """The largest mean discharging power (>= 0) that stays within rate and minimum state of charge."""
    stock = max(0.0, energy_kwh - spec.min_energy_kwh)
    return min(spec.max_discharge_rate_kw, stock * spec.discharge_efficiency / step_hours)


def advance(spec: BatterySpec, *, energy_kwh: float, power_kw: float, step_hours: float) -> StorageStep:
    """Hold a wished power (> 0 charging) over a step, cut to what the battery can do.

    Energy outside the state-of-charge bounds at the start is kept: such a battery only moves back towards them.
    """
    if power_kw >= 0.0:
        power = min(power_kw, charge_headroom_kw(spec, energy_kwh, step_hours))
        return StorageStep(power_kw=power, energy_kwh=energy_kwh + power * spec.charge_efficiency * step_hours)
    power = min(-power_kw, discharge_headroom_kw(spec, energy_kwh, step_hours))
    return StorageStep(power_kw=-power, energy_kwh=energy_kwh - power * step_hours / spec.discharge_efficiency)
