"""What the household draws without the car: its parts put together under the limit of its connection."""

from dataclasses import dataclass

import numpy as np

from services.gateway_sim.plant.appliances import cold_runs_of, runs_of
from services.gateway_sim.plant.house import hvac_kw
from services.gateway_sim.plant.lighting import lighting_kw
from services.gateway_sim.plant.living import Living
from services.gateway_sim.plant.noise import HOUR_US, Floats, Stream
from services.gateway_sim.plant.steps import Steps


@dataclass(frozen=True, slots=True)
class HomeLoad:
    """Mean power in each step, shape (steps,), without the car."""

    hvac_kw: Floats
    appliances_kw: Floats
    lighting_kw: Floats
    other_kw: Floats


def home_load_at(living: Living, steps: Steps) -> HomeLoad:
    """The parts of the load. Where they ask for more than `peak_load_kw`, appliances give way first, then heat, light, the rest."""
    appliances, electronics = runs_of(living)
    room = living.home.household.peak_load_kw
    other = np.minimum(_never_resting_kw(living, steps) + electronics.mean_kw(steps), room)
    light = np.minimum(lighting_kw(living, steps), room - other)
    hvac = np.minimum(hvac_kw(living, steps), room - other - light)
    wished = appliances.mean_kw(steps) + cold_runs_of(living, steps).mean_kw(steps)
    return HomeLoad(
        hvac_kw=np.maximum(hvac, 0.0),
        appliances_kw=np.clip(wished, 0.0, np.maximum(room - other - light - hvac, 0.0)),
        lighting_kw=np.maximum(light, 0.0),
        other_kw=other,
    )


def _never_resting_kw(living: Living, steps: Steps) -> Floats:
    """The home's share of the configured base load without rest, and what those who are awake leave on."""
    home, habits = living.home, living.habits
    always = habits.standby * home.household.base_load_kw
    idle = Stream.of(home.seed, home.site_id, "left on").persistent(steps.instants_us, spacing_us=HOUR_US, memory_us=3 * HOUR_US)
    left_on = (0.02 + 0.02 * habits.occupants) * habits.gusto * np.exp(0.6 * idle)
    base: Floats = always + steps.mean(left_on * living.lattice.at(living.occupancy.awake / habits.occupants, steps.instants_us))
    return base
