"""The battery: energy by the domain's storage step; voltage, temperature, cycles and health that follow from it.

All state is what a reading shows, in the reading's units, so a run that continues from its last reading is the same run.
"""

from bisect import bisect_left
from dataclasses import dataclass

from shared.domain.site import BatterySpec
from shared.domain.storage import advance
from shared.domain.units import kwh_from_soc_percent, soc_percent_from_kwh

CELLS = 16
"""Lithium iron phosphate cells in series: a 51.2 V battery."""
CELL_VOLTS = ((0.0, 2.80), (5.0, 3.10), (10.0, 3.20), (20.0, 3.25), (40.0, 3.29), (60.0, 3.30), (80.0, 3.33), (95.0, 3.35), (100.0, 3.45))
"""Open-circuit voltage by state of charge at rest, read from the flat curve common to data sheets of such cells."""
RESISTANCE_OHM_KWH = 0.20
"""Internal resistance times capacity: about 15 milliohm for 13.5 kWh."""
THERMAL_HOURS = 5.0
WARMING_CELSIUS_PER_C_RATE = 12.0
"""Final rise above the surroundings at one hour's rate."""
LIFE_CYCLES = 6000.0
"""Full cycles to 80 percent of health; ten years of calendar ageing at 25 Celsius take the same."""
CALENDAR_YEARS = 10.0
END_OF_LIFE_LOSS_PERCENT = 20.0
HOURS_PER_YEAR = 8765.82
_CELL_SOC = [soc for soc, _ in CELL_VOLTS]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryState:
    """At one moment."""

    soc_percent: float
    temperature_celsius: float
    cycles: float = 0.0
    """Equivalent full cycles: energy moved over twice the capacity."""
    health_percent: float = 100.0


def step(spec: BatterySpec, state: BatteryState, *, power_kw: float, step_hours: float, room_celsius: float) -> tuple[float, BatteryState]:
    """Hold a wished power (> 0 charging): the power that was possible, and the state at the end."""
    before = kwh_from_soc_percent(state.soc_percent, spec.capacity_kwh)
    done = advance(spec, energy_kwh=before, power_kw=power_kw, step_hours=step_hours)
    turned = abs(done.energy_kwh - before) / (2.0 * spec.capacity_kwh)
    warm = room_celsius + WARMING_CELSIUS_PER_C_RATE * (done.power_kw / spec.capacity_kwh) ** 2
    # exact answer of the first-order equation over the step, so its length does not matter
    kept = 2.718281828459045 ** (-step_hours / THERMAL_HOURS)
    years: float = step_hours / HOURS_PER_YEAR * 2.0 ** ((state.temperature_celsius - 25.0) / 10.0)
    loss = END_OF_LIFE_LOSS_PERCENT * (turned / LIFE_CYCLES + years / CALENDAR_YEARS)
    return done.power_kw, BatteryState(
        soc_percent=min(100.0, max(0.0, soc_percent_from_kwh(done.energy_kwh, spec.capacity_kwh))),
        temperature_celsius=warm + (state.temperature_celsius - warm) * kept,
        cycles=state.cycles + turned,
        health_percent=max(0.0, state.health_percent - loss),
    )


def room_celsius(outdoor_celsius: float) -> float:
    """A garage: between the weather and a mild 16 Celsius."""
    return 16.0 + 0.5 * (outdoor_celsius - 16.0)


def voltage_v(spec: BatterySpec, soc_percent: float, power_kw: float) -> float:
    """At the terminals under load, > 0 charging."""
    segment = bisect_left(_CELL_SOC, soc_percent, lo=1, hi=len(_CELL_SOC) - 1)
    (low, below), (high, above) = CELL_VOLTS[segment - 1], CELL_VOLTS[segment]
    rest = CELLS * (below + (above - below) * (soc_percent - low) / (high - low))
    return rest + 1000.0 * power_kw / rest * RESISTANCE_OHM_KWH / spec.capacity_kwh
