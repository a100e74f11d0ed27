"""Simulated homes at the places of the real ones, over the same days, at five minutes averaged to hours."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, timedelta

from likeness.homes import AARGAU, FONTANA, FRANCE, HOUR, KONSTANZ, LONDON, HourlyHome, HourlyPrice, Place
from likeness.measures import Values
from services.gateway_sim.plant.equipment import Home, Household, SolarArray
from services.gateway_sim.plant.fleet import member
from services.gateway_sim.plant.home import simulate
from shared.domain.site import SolarSpec
from shared.domain.time import TimeGrid

STEP = timedelta(minutes=5)
SEED = 20_240_615

EQUIPMENT: Mapping[Place, tuple[Household, SolarArray]] = {
    # a heat pump and an electric car charging at 3.7 kW
    KONSTANZ: (Household(base_load_kw=0.2, has_ev=True, ev_charging_kw=3.7, hvac_capacity_kw=2.0), SolarArray()),
    # the recorded load leaves out what the owner shifts, the car among it
    FRANCE: (Household(base_load_kw=0.2, has_ev=False, hvac_capacity_kw=2.5), SolarArray(spec=SolarSpec(capacity_kw=5.0))),
    AARGAU: (Household(base_load_kw=0.3, has_ev=False, hvac_capacity_kw=3.0), SolarArray()),
    FONTANA: (Household(base_load_kw=0.23, has_ev=False), SolarArray(spec=SolarSpec(capacity_kw=4.5))),
    # heated by gas
    LONDON: (Household(base_load_kw=0.09, has_ev=False, hvac_capacity_kw=0.0), SolarArray(spec=SolarSpec(capacity_kw=0.0))),
}
AZIMUTHS = (180.0, 200.0, 160.0, 220.0)
"""Under a clear sky the real arrays give the middle of a day's energy from half an hour before the sun's noon to an hour after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedHome:
    """What a simulated home shows of itself and of its market."""

    home: HourlyHome
    price: HourlyPrice


def simulated_homes(real: HourlyHome, *, count: int) -> list[SimulatedHome]:
    """So many homes at the place of a real one, over its hours."""
    return [live(home_at(real.place, number), real) for number in range(count)]


def home_at(place: Place, number: int) -> Home:
    """A household of the fleet around what is usual at a place, in weather and market of its own.

    Its array is the usual one, turned as the real ones are: none faces east or west, and none lies flat.
    """
    household, solar = EQUIPMENT[place]
    usual = Home(
        site_id=f"{place.name.lower()}-{number + 1}", timezone=place.timezone, latitude=place.latitude, longitude=place.longitude,
        seed=SEED, household=household, solar=solar, battery=None,
    )  # fmt: skip
    facing = replace(solar.spec, azimuth_degrees=AZIMUTHS[number % len(AZIMUTHS)])
    return replace(usual, household=member(usual, number).household, solar=replace(solar, spec=facing))


def live(home: Home, real: HourlyHome) -> SimulatedHome:
    """Live through the hours of a real home."""
    hours = len(real.load_kw)
    start = real.start.astype("datetime64[us]").item().replace(tzinfo=UTC)
    values = simulate(replace(home, battery=None), TimeGrid(start=start, step=STEP, count=hours * (HOUR // STEP))).arrays.values

    def hourly(name: str) -> Values:
        means: Values = values[name].reshape(hours, -1).mean(axis=1)
        return means

    lived = HourlyHome(
        name=home.site_id, place=real.place, start=real.start, load_kw=hourly("total_load_kw"),
        solar_kw=hourly("solar_generation_kw") if home.solar.spec.capacity_kw > 0.0 else None,
    )  # fmt: skip
    return SimulatedHome(
        home=lived, price=HourlyPrice(name=home.site_id, market=home.site_id, price_per_kwh=hourly("price_per_kwh"), clock=lived.clock)
    )
