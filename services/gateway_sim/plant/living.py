"""All that the parts of a household's load depend on: its people's plans and whereabouts, sun and air, over the steps asked for."""

from dataclasses import dataclass

from services.gateway_sim.plant.equipment import Home
from services.gateway_sim.plant.lattice import Lattice, Occupancy, occupancy_on
from services.gateway_sim.plant.noise import Floats
from services.gateway_sim.plant.people import Days, Habits, days_of, habits_of
from services.gateway_sim.plant.steps import Steps
from services.gateway_sim.plant.sun import clear_sky_ghi_w_m2, sun_at
from services.gateway_sim.plant.weather import weather_at


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
    weather = weather_at(home, lattice.middles_us)
    clear = clear_sky_ghi_w_m2(sun_at(home.latitude, home.longitude, lattice.middles_us).up)
    return Living(
        home=home,
        habits=habits,
        days=days,
        lattice=lattice,
        occupancy=occupancy_on(lattice, days),
        sunshine_w_m2=clear * weather.clear_sky_index,
        outdoor_celsius=weather.temperature_celsius,
    )
