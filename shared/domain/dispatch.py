"""How a gateway, a replay and a test act on what they measure: by the value of a stored kWh, or by simple rules.

Power is at the battery's terminals, > 0 charging; the caller cuts it to physics with `storage.advance`.
"""

from shared.domain.schedule import ValueCurve
from shared.domain.site import BatterySpec
from shared.domain.storage import charge_headroom_kw, discharge_headroom_kw, wear_cost_per_kwh

TIE_PER_KWH = 1e-6
"""Values closer than this are equal: a plan's own marginal hours sit exactly at break-even, and there it acts."""


def self_consumption_kw(*, net_load_kw: float) -> float:
    """Store every surplus, cover every deficit. `net_load_kw` is load - solar as measured."""
    return -net_load_kw


def by_value_kw(
    spec: BatterySpec,
    *,
    energy_kwh: float,
    step_hours: float,
    net_load_kw: float,
    import_price_per_kwh: float,
    export_price_per_kwh: float,
    value_curve: ValueCurve,
    grid_charge_limit_kw: float,
    grid_discharge_limit_kw: float,
) -> float:
    """Power that the value curve asks for, given the measured net load (load - solar).

    A surplus is stored while value x charge efficiency exceeds the export price; load is covered while the import price
    exceeds value / discharge efficiency; the grid gives or takes only as planned and only while it pays.
    The curve is walked segment by segment, so a large step stops where the next kWh is not worth it.
    """
    surplus = max(0.0, -net_load_kw)
    deficit = max(0.0, net_load_kw)
    wear = wear_cost_per_kwh(spec)
    charge = _charge_while(
        spec, energy_kwh, step_hours, value_curve,
        surplus_kw=surplus, grid_kw=grid_charge_limit_kw,
        surplus_cost=export_price_per_kwh / spec.charge_efficiency + wear,
        grid_cost=import_price_per_kwh / spec.charge_efficiency + wear,
    )  # fmt: skip
    if charge > 0.0:
        return charge
    return -_discharge_while(
        spec, energy_kwh, step_hours, value_curve,
        deficit_kw=deficit, grid_kw=grid_discharge_limit_kw,
        deficit_gain=import_price_per_kwh * spec.discharge_efficiency - wear,
        grid_gain=export_price_per_kwh * spec.discharge_efficiency - wear,
    )  # fmt: skip


def _charge_while(
    spec: BatterySpec, energy_kwh: float, step_hours: float, curve: ValueCurve,
    *, surplus_kw: float, grid_kw: float, surplus_cost: float, grid_cost: float,
) -> float:  # fmt: skip
    """Charging power: surplus first, then grid, while a stored kWh is worth more than it costs to store it."""
    limit = charge_headroom_kw(spec, energy_kwh, step_hours)
    wish = 0.0
    for source_kw, cost in ((surplus_kw, surplus_cost), (grid_kw, grid_cost)):
        room = _energy_worth_at_least(spec, curve, cost) - energy_kwh
        wish += min(source_kw, max(0.0, room / (spec.charge_efficiency * step_hours) - wish))
    return min(wish, limit)


def _discharge_while(
    spec: BatterySpec, energy_kwh: float, step_hours: float, curve: ValueCurve,
    *, deficit_kw: float, grid_kw: float, deficit_gain: float, grid_gain: float,
) -> float:  # fmt: skip
    """Discharging power (>= 0): load first, then grid, while a stored kWh brings more than it is worth kept."""
    limit = discharge_headroom_kw(spec, energy_kwh, step_hours)
    wish = 0.0
    for sink_kw, gain in ((deficit_kw, deficit_gain), (grid_kw, grid_gain)):
        stock = energy_kwh - _energy_worth_above(spec, curve, gain)
        wish += min(sink_kw, max(0.0, stock * spec.discharge_efficiency / step_hours - wish))
    return min(wish, limit)


def _energy_worth_at_least(spec: BatterySpec, curve: ValueCurve, cost: float) -> float:
    """The stored energy up to which one more kWh is worth at least `cost`: a tie is stored."""
    return _first_energy_below(spec, curve, cost - TIE_PER_KWH)


def _energy_worth_above(spec: BatterySpec, curve: ValueCurve, gain: float) -> float:
    """The stored energy above which a kWh is worth at most `gain`: a tie is used."""
    return _first_energy_below(spec, curve, gain + TIE_PER_KWH)


def _first_energy_below(spec: BatterySpec, curve: ValueCurve, value_per_kwh: float) -> float:
    """The stored energy at which the curve first falls below a value; the capacity where it never does."""
    for index, (soc, value) in enumerate(zip(curve.soc_percent, curve.value_per_kwh, strict=True)):
        if value < value_per_kwh:
            return spec.capacity_kwh * soc / 100.0 if index else 0.0
    return spec.capacity_kwh
