"""All that the parts of a household's load depend on: its people's plans and whereabouts, sun and air, over the steps asked for."""

from dataclasses import dataclass

import numpy as np

from services.gateway_sim.plant import climate
from services.gateway_sim.plant.equipment import Home
from services.gateway_sim.plant.knots import Knots
from services.gateway_sim.plant.lattice import Lattice, Occupancy, occupancy_on
from services.gateway_sim.plant.noise import HOUR_US, Floats
from services.gateway_sim.plant.people import Days, Habits, days_of, habits_of
from services.gateway_sim.plant.steps import Steps
from services.gateway_sim.plant.sun import clear_sky_ghi_w_m2, sun_at
from services.gateway_sim.plant.weather import fronts_at, temperature_celsius, weather_at

_COVERED = 0.32
"""What clouds leave of a clear sky's light, on average over their depths."""
_EDGE = 2.0
"""How sharply the clouds of a front end when bands and puffs of cloud are averaged out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Living:
    """A home's days and the cells of its lattice; no value depends on which steps were asked for."""

    home: Home
    habits: Habits
    days: Days
    lattice: Lattice
    occupancy: Occupancy
    sunshine_w_m2: Floats
    """Global irradiance on the ground in the middle of each cell."""
    outdoor_celsius: Floats
    """In the middle of each cell."""


def living_in(home: Home, steps: Steps) -> Living:
    """The life around some steps, at least one."""
    habits = habits_of(home)
    lattice = Lattice.over(steps)
    days = days_of(home, habits, lattice.calendar(steps))
    return Living(
        home=home,
        habits=habits,
        days=days,
        lattice=lattice,
        occupancy=occupancy_on(lattice, days),
        sunshine_w_m2=_sunshine_w_m2(home, lattice),
        outdoor_celsius=temperature_celsius(home, lattice.middles_us),
    )


def _sunshine_w_m2(home: Home, lattice: Lattice) -> Floats:
    """Of the hour, which rooms need no finer: observed, or under the clouds of the fronts alone."""
    hours = Knots.around(lattice.middles_us, HOUR_US)
    clear = clear_sky_ghi_w_m2(sun_at(home.latitude, home.longitude, hours.instants_us).up)
    if home.weather is not None:
        return hours.between(clear * weather_at(home, hours.instants_us).clear_sky_index)
    cloud = fronts_at(home, hours.instants_us) + climate.cloudiness(home.latitude, climate.season(home.latitude, hours.instants_us))
    return hours.between(clear * (_COVERED + (1.0 - _COVERED) / (1.0 + np.exp(_EDGE * cloud))))
