"""What the household draws without the car: its parts put together under the limit of its connection."""

from dataclasses import dataclass

import numpy as np

from services.gateway_sim.plant.appliances import cold_runs_of, runs_of
from services.gateway_sim.plant.house import hvac_kw
from services.gateway_sim.plant.lattice import CELL_US
from services.gateway_sim.plant.lighting import lighting_cells_kw
from services.gateway_sim.plant.living import Living
from services.gateway_sim.plant.noise import HOUR_US, Floats, Integers, Stream
from services.gateway_sim.plant.steps import Steps

_HOURS = 24
LEFT_ON_KW = 0.06
"""Per person who is up and about: chargers, routers, pumps, towels, a radio in the kitchen."""


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
    cells = _cells_now(living, steps)
    room = living.home.household.peak_load_kw
    other = np.minimum(steps.mean(_other_cells_kw(living)[cells]) + electronics.mean_kw(steps), room)
    light = np.minimum(steps.mean(lighting_cells_kw(living)[cells]), room - other)
    hvac = np.minimum(hvac_kw(living, steps), room - other - light)
    wished = appliances.mean_kw(steps) + cold_runs_of(living, steps).mean_kw(steps)
    return HomeLoad(
        hvac_kw=np.maximum(hvac, 0.0),
        appliances_kw=np.clip(wished, 0.0, np.maximum(room - other - light - hvac, 0.0)),
        lighting_kw=np.maximum(light, 0.0),
        other_kw=other,
    )


def _cells_now(living: Living, steps: Steps) -> Integers:
    """The cell whose habits hold at each instant: each home's clock goes a little early, so that a street does not act at once."""
    u = Stream.of(living.home.seed, living.home.site_id, "clock").uniform(np.zeros(1, dtype=np.int64))[0, 0]
    return living.lattice.cells_of(steps.instants_us + int(u * CELL_US))


def _other_cells_kw(living: Living) -> Floats:
    """The home's share of the configured base load without rest, and what people have on and leave on; shape (cells,)."""
    home, habits, days = living.home, living.habits, living.days
    noise = Stream.of(home.seed, home.site_id, "left on").persistent(living.lattice.middles_us, spacing_us=HOUR_US, memory_us=2 * HOUR_US)
    rows = living.lattice.day_rows(days.calendar)
    busy = days.activity[rows]
    # a little of it at night, and in empty rooms; five share what two have
    on = 0.15 * habits.occupants + 0.25 * living.occupancy.present + 0.6 * living.occupancy.awake
    on *= busy * np.exp(0.4 * noise + 0.6 * _rhythm(living, rows))
    on *= LEFT_ON_KW * habits.gusto * habits.room * (2.0 / habits.occupants) ** 0.35
    cells: Floats = habits.standby * home.household.base_load_kw + on * (1.0 - 0.85 * living.occupancy.away)
    return cells


def _rhythm(living: Living, rows: Integers) -> Floats:
    """What is on more or less at that hour of working days and of rest days, year in, year out; normal, shape (cells,)."""
    home, days = living.home, living.days
    bells = Stream.of(home.seed, home.site_id, "rhythm").normal(np.arange(2), _HOURS)
    smooth = (bells + np.roll(bells, 1, axis=1) + np.roll(bells, 2, axis=1)) / np.sqrt(3.0)
    midnights = days.calendar.utc_us(np.arange(len(days.rest)), np.zeros(len(days.rest)))
    hour = (living.lattice.middles_us - midnights[rows]) // HOUR_US % _HOURS
    rhythm: Floats = smooth[days.rest[rows].astype(np.int64), hour]
    return rhythm
