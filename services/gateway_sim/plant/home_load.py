"""What the household draws: appliances with starts and durations, light by the sun, heat and cold by the weather, the rest."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.gateway_sim.plant.equipment import Home
from services.gateway_sim.plant.noise import HOUR_US, Floats, Integers, Stream
from services.gateway_sim.plant.people import Days, Habits, Occupancy
from services.gateway_sim.plant.steps import Steps
from services.gateway_sim.plant.sun import Sun
from services.gateway_sim.plant.weather import temperature_celsius

HEATING_BELOW_CELSIUS = 15.0
HEATING_DESIGN_CELSIUS = -10.0
COOLING_ABOVE_CELSIUS = 23.0
COOLING_DESIGN_CELSIUS = 38.0
"""Heat pumps are sized to run flat out at the design temperatures and rest between the balance points."""


@dataclass(frozen=True, slots=True)
class HomeLoad:
    """Mean power in each step, shape (steps,), without the car."""

    hvac_kw: Floats
    appliances_kw: Floats
    lighting_kw: Floats
    other_kw: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Appliance:
    """A thing that runs for a while: how often a day in a home of average gusto, and around which hour."""

    name: str
    power_kw: float
    hours: float
    weekday_share: float
    weekend_share: float
    weekday_hour: float
    weekend_hour: float
    spread_hours: float
    needs: str = ""
    """`cooking` or `water`: only where that is electric."""


APPLIANCES: tuple[Appliance, ...] = (
    Appliance(name="breakfast", power_kw=1.3, hours=0.25, weekday_share=0.8, weekend_share=0.85,
              weekday_hour=7.0, weekend_hour=8.8, spread_hours=0.5),
    Appliance(name="lunch", power_kw=1.5, hours=0.45, weekday_share=0.25, weekend_share=0.6,
              weekday_hour=12.3, weekend_hour=12.8, spread_hours=0.6, needs="cooking"),
    Appliance(name="dinner", power_kw=2.1, hours=0.8, weekday_share=0.85, weekend_share=0.8,
              weekday_hour=18.4, weekend_hour=18.2, spread_hours=0.9, needs="cooking"),
    Appliance(name="dishwasher", power_kw=1.1, hours=1.2, weekday_share=0.5, weekend_share=0.6,
              weekday_hour=20.2, weekend_hour=15.0, spread_hours=1.6),
    Appliance(name="washing machine", power_kw=0.7, hours=1.3, weekday_share=0.3, weekend_share=0.6,
              weekday_hour=17.5, weekend_hour=10.5, spread_hours=2.2),
    Appliance(name="dryer", power_kw=2.2, hours=0.9, weekday_share=0.15, weekend_share=0.35,
              weekday_hour=19.3, weekend_hour=12.5, spread_hours=2.0),
    Appliance(name="kettle and microwave", power_kw=1.4, hours=0.12, weekday_share=0.9, weekend_share=0.9,
              weekday_hour=16.5, weekend_hour=14.0, spread_hours=3.0),
    Appliance(name="vacuum cleaner and iron", power_kw=1.1, hours=0.5, weekday_share=0.12, weekend_share=0.35,
              weekday_hour=17.0, weekend_hour=11.0, spread_hours=2.0),
    Appliance(name="morning water", power_kw=2.6, hours=0.6, weekday_share=0.95, weekend_share=0.95,
              weekday_hour=6.8, weekend_hour=8.6, spread_hours=0.5, needs="water"),
    Appliance(name="evening water", power_kw=2.6, hours=0.4, weekday_share=0.7, weekend_share=0.7,
              weekday_hour=20.8, weekend_hour=20.5, spread_hours=1.0, needs="water"),
)  # fmt: skip


def home_load_at(home: Home, steps: Steps, *, habits: Habits, days: Days, occupancy: Occupancy, sun: Sun) -> HomeLoad:
    """The parts of the load; their sum is at most `peak_load_kw`, for which the appliances give way."""
    hvac = steps.mean(_hvac_kw(home, habits, steps.instants_us, occupancy))
    lighting = steps.mean(_lighting_kw(home, habits, steps.instants_us, occupancy, sun))
    other = steps.mean(_other_kw(home, habits, steps, occupancy))
    room = np.maximum(home.household.peak_load_kw - hvac - lighting - other, 0.0)
    appliances = np.minimum(_appliances_kw(home, steps, habits, days), room)
    return HomeLoad(hvac_kw=hvac, appliances_kw=appliances, lighting_kw=lighting, other_kw=other)


def _hvac_kw(home: Home, habits: Habits, instants_us: Integers, occupancy: Occupancy) -> Floats:
    """Heating and cooling by the outdoor temperature of the last hours, which is what the walls remember."""
    felt = np.zeros(len(instants_us))
    for lag_hours, weight in ((0, 0.4), (3, 0.35), (7, 0.25)):
        felt += weight * temperature_celsius(home, instants_us - lag_hours * HOUR_US)
    heat = np.clip((HEATING_BELOW_CELSIUS - felt) / (HEATING_BELOW_CELSIUS - HEATING_DESIGN_CELSIUS), 0.0, 1.0)
    cold = np.clip((felt - COOLING_ABOVE_CELSIUS) / (COOLING_DESIGN_CELSIUS - COOLING_ABOVE_CELSIUS), 0.0, 1.0)
    setback = 0.45 + 0.20 * occupancy.present + 0.35 * occupancy.awake
    cycling = Stream.of(home.seed, home.site_id, "compressor").persistent(instants_us, spacing_us=HOUR_US // 12, memory_us=HOUR_US // 4)
    return home.household.hvac_capacity_kw * np.clip(
        habits.draughts * (heat + cold) * setback * np.clip(1.0 + 0.45 * cycling, 0.1, 2.0), 0.0, 1.0
    )


def _lighting_kw(home: Home, habits: Habits, instants_us: Integers, occupancy: Occupancy, sun: Sun) -> Floats:
    """LED light while someone is awake in the dark: from 8 degrees of sun down to civil dusk."""
    dark = np.clip((np.radians(8.0) - sun.elevation) / np.radians(14.0), 0.0, 1.0)
    rooms = Stream.of(home.seed, home.site_id, "rooms").persistent(instants_us, spacing_us=HOUR_US // 6, memory_us=HOUR_US)
    light: Floats = (0.05 + 0.06 * habits.occupants) * dark * occupancy.awake * np.exp(0.3 * rooms)
    return light


def _other_kw(home: Home, habits: Habits, steps: Steps, occupancy: Occupancy) -> Floats:
    """What never rests (with the refrigerator's cycle) and the electronics of those who are awake, most in the evening."""
    fridge = Stream.of(home.seed, home.site_id, "refrigerator").persistent(
        steps.instants_us, spacing_us=HOUR_US // 6, memory_us=HOUR_US // 4
    )
    screens = Stream.of(home.seed, home.site_id, "screens").persistent(steps.instants_us, spacing_us=HOUR_US // 12, memory_us=HOUR_US // 2)
    evening = np.exp(-(((steps.clock.hour - 20.5) / 2.5) ** 2))
    used = occupancy.awake * (0.04 + 0.035 * habits.occupants) * (1.0 + 1.5 * evening) * np.exp(0.55 * screens)
    return habits.standby * home.household.base_load_kw * np.clip(1.0 + 0.12 * fridge, 0.7, 1.3) + used


def _appliances_kw(home: Home, steps: Steps, habits: Habits, days: Days) -> Floats:
    """Every run of every appliance, one at most of each a day."""
    total = np.zeros(steps.grid.count)
    weekend = days.calendar.weekend
    household = (0.65 + 0.15 * habits.occupants) * habits.gusto
    for appliance in APPLIANCES:
        if (appliance.needs == "cooking" and not habits.electric_cooking) or (appliance.needs == "water" and not habits.electric_water):
            continue
        stream = Stream.of(home.seed, home.site_id, appliance.name)
        chance, vary = stream.uniform(days.calendar.index)[:, 0], stream.normal(days.calendar.index + 1_000_000, 3)
        share = 1.0 - (1.0 - np.where(weekend, appliance.weekend_share, appliance.weekday_share)) ** household
        runs: NDArray[np.int64] = np.flatnonzero((chance < share) & ~days.away)
        hour = np.where(weekend, appliance.weekend_hour, appliance.weekday_hour)[runs] + appliance.spread_hours * vary[runs, 0]
        start = days.calendar.utc_us(runs, np.clip(hour, 5.0, 23.5))
        length = np.round(appliance.hours * HOUR_US * np.exp(0.3 * np.clip(vary[runs, 1], -2.5, 2.5))).astype(np.int64)
        power = appliance.power_kw * np.clip(1.0 + 0.15 * vary[runs, 2], 0.6, 1.4)
        total += steps.mean_of_runs(start, start + length, power)
    return total
