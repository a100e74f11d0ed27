"""Outdoor temperature and clouds: season, day and persistent weather from the latitude and a seed."""

from dataclasses import dataclass

import numpy as np

from services.gateway_sim.plant.equipment import Home
from services.gateway_sim.plant.noise import DAY_US, HOUR_US, Floats, Integers, Stream

YEAR_US = 365.2425 * DAY_US
WARMEST_DAY = 200.0
"""Day of the year when the north is warmest, about four weeks after the solstice."""
DIURNAL_CELSIUS = 5.0
SYNOPTIC_CELSIUS = 3.5
"""Standard deviation of the difference between a day and its season, typical of the middle latitudes."""


@dataclass(frozen=True, slots=True)
class Weather:
    """At each instant, shape (n,)."""

    temperature_celsius: Floats
    clear_sky_index: Floats
    """Global irradiance as a share of the clear sky's; above 1 at the edge of clouds."""


def weather_at(home: Home, instants_us: Integers) -> Weather:
    """The weather of a home's place at sorted instants."""
    cover = _regime(home, instants_us)
    return Weather(temperature_celsius=_temperature(home, instants_us, cover), clear_sky_index=_clear_sky_index(home, instants_us, cover))


def temperature_celsius(home: Home, instants_us: Integers) -> Floats:
    """Outdoor temperature alone, shape (n,)."""
    return _temperature(home, instants_us, _regime(home, instants_us))


def season(home: Home, instants_us: Integers) -> Floats:
    """1 at the height of the local summer, -1 in the depth of winter."""
    phase = 2.0 * np.pi * (instants_us / YEAR_US - WARMEST_DAY / 365.2425)
    summer: Floats = np.cos(phase) * (1.0 if home.latitude >= 0.0 else -1.0)
    return summer


def _regime(home: Home, instants_us: Integers) -> Floats:
    """Slow cloud cover, 0 clear to 1 overcast: fronts of days, more of them in winter away from the equator."""
    fronts = Stream.of(home.seed, home.place, "fronts").persistent(instants_us, spacing_us=6 * HOUR_US, memory_us=36 * HOUR_US)
    bias = -0.5 - 0.9 * season(home, instants_us) * min(1.0, abs(home.latitude) / 50.0)
    return _share(2.2 * fronts + bias)


def _clear_sky_index(home: Home, instants_us: Integers, cover: Floats) -> Floats:
    """Kasten & Czeplak (1980), 1 - 0.75 N^3.4, of a cover that flickers where the sky is broken."""
    bands = Stream.of(home.seed, home.place, "cloud bands").persistent(instants_us, spacing_us=HOUR_US // 2, memory_us=2 * HOUR_US)
    puffs = Stream.of(home.seed, home.place, "cloud puffs").persistent(instants_us, spacing_us=HOUR_US // 12, memory_us=HOUR_US // 6)
    broken = 4.0 * cover * (1.0 - cover)
    momentary = np.clip(cover + broken * (0.20 * bands + 0.22 * puffs), 0.0, 1.0)
    enhancement = 1.0 + 0.05 * broken * np.clip(puffs, -1.0, 1.5)
    index: Floats = (1.0 - 0.75 * momentary**3.4) * enhancement
    return index


def _temperature(home: Home, instants_us: Integers, cover: Floats) -> Floats:
    """Annual mean by latitude (North et al. 1981), season, a day that clouds flatten, and air masses of days."""
    sine = np.sin(np.radians(home.latitude))
    annual_mean = 14.97 - 28.0 * (3.0 * sine**2 - 1.0) / 2.0
    solar_hour = (instants_us / HOUR_US + home.longitude / 15.0) % 24.0
    day: Floats = DIURNAL_CELSIUS * np.cos(2.0 * np.pi * (solar_hour - 15.0) / 24.0) * (1.0 - 0.6 * cover)
    air_mass = Stream.of(home.seed, home.place, "air mass").persistent(instants_us, spacing_us=6 * HOUR_US, memory_us=72 * HOUR_US)
    temperature: Floats = annual_mean + 0.22 * abs(home.latitude) * season(home, instants_us) + day + SYNOPTIC_CELSIUS * air_mass
    return temperature


def _share(value: Floats) -> Floats:
    share: Floats = 1.0 / (1.0 + np.exp(-value))
    return share
