"""Outdoor temperature, clouds and rain: fronts of days over a place, clouds of minutes over a home.

Clouds are a Gaussian field cut at a threshold: where fronts, bands and puffs add up to more than nothing, the sun is
covered. Far from the threshold the sky stays clear or overcast for hours, near it the sun comes and goes: hourly clearness
has two modes (Suehrcke & McCormick 1988, Solar Energy 40(5)) and ramps have heavy tails.
"""

from dataclasses import dataclass

import numpy as np

from services.gateway_sim.plant import climate
from services.gateway_sim.plant.equipment import Home
from services.gateway_sim.plant.knots import Knots
from services.gateway_sim.plant.noise import HOUR_US, Floats, Integers, Stream
from services.gateway_sim.plant.observed import Observation

KNOT_US = HOUR_US // 2
"""All but puffs changes more slowly than this."""
FRONTS_MEMORY_US = 33 * HOUR_US
AIR_MEMORY_US = 84 * HOUR_US
"""German daily means remember 0.83, 0.58 and 0.41 after one, two and three days."""
_SHARPNESS = 5.0
"""How abruptly a cloud covers the sun, per standard deviation of the fronts."""
_BANDS, _PUFFS = 0.55, 0.42
"""Standard deviations of the cloud field's bands (half an hour) and puffs (minutes), in those of the fronts."""
_RAINY, _RAIN_MM_H = 1.3, 0.8
"""Rain falls where the cloud field is above this, and how much at one standard deviation more."""


@dataclass(frozen=True, slots=True)
class Weather:
    """At each instant, shape (n,)."""

    temperature_celsius: Floats
    clear_sky_index: Floats
    """Global irradiance as a share of the clear sky's; above 1 at the edge of clouds."""


@dataclass(frozen=True, slots=True)
class _Regime:
    """The slow part of the sky over a place, at knots."""

    summer: Floats
    fronts: Floats
    """Above the place's mean, in standard deviations."""
    field: Floats
    """Of clouds, without puffs: the sun is covered where it is positive."""

    @property
    def cover(self) -> Floats:
        """Share of the sky, 0 clear to 1 overcast."""
        return 1.0 / (1.0 + np.exp(-3.0 * self.field))


def weather_at(home: Home, instants_us: Integers) -> Weather:
    """The weather at a home at sorted instants: observed where the home has observations, else simulated."""
    seen = Observation.of(home, instants_us)
    temperature = seen.temperature_celsius() if seen else np.full(len(instants_us), np.nan)
    index = seen.clear_sky_index(home) if seen else np.full(len(instants_us), np.nan)
    if np.isnan(temperature).any() or np.isnan(index).any():
        knots = Knots.around(instants_us, KNOT_US)
        regime = _regime(home, knots.instants_us)
        temperature = _filled(temperature, _simulated_celsius(home, knots, regime))
        index = _filled(index, _simulated_index(home, instants_us, knots, regime))
    return Weather(temperature_celsius=temperature, clear_sky_index=index)


def temperature_celsius(home: Home, instants_us: Integers) -> Floats:
    """Outdoor temperature alone, shape (n,): the same as `weather_at`'s."""
    seen = Observation.of(home, instants_us)
    temperature = seen.temperature_celsius() if seen else np.full(len(instants_us), np.nan)
    if np.isnan(temperature).any():
        knots = Knots.around(instants_us, KNOT_US)
        temperature = _filled(temperature, _simulated_celsius(home, knots, _regime(home, knots.instants_us)))
    return temperature


def rain_mm_h(home: Home, instants_us: Integers) -> Floats:
    """Simulated precipitation, as water, over a place at sorted instants; observations of sun and temperature do not change it."""
    regime = _regime(home, instants_us)
    showers = Stream.of(home.seed, home.place, "showers").persistent(instants_us, spacing_us=HOUR_US, memory_us=2 * HOUR_US)
    rain: Floats = _RAIN_MM_H * np.maximum(regime.field + 0.5 * showers - _RAINY, 0.0) ** 2
    return rain


def fronts_at(home: Home, instants_us: Integers) -> Floats:
    """How cloudy the fronts over a place are, in standard deviations above its mean; the whole region's, and so its market's."""
    return Stream.of(home.seed, home.place, "fronts").persistent(instants_us, spacing_us=3 * HOUR_US, memory_us=FRONTS_MEMORY_US)


def _filled(observed: Floats, simulated: Floats) -> Floats:
    return np.where(np.isnan(observed), simulated, observed)


def _regime(home: Home, instants_us: Integers) -> _Regime:
    summer = climate.season(home.latitude, instants_us)
    fronts = fronts_at(home, instants_us)
    bands = Stream.of(home.seed, home.place, "cloud bands").persistent(instants_us, spacing_us=HOUR_US // 2, memory_us=2 * HOUR_US)
    return _Regime(summer=summer, fronts=fronts, field=fronts + _BANDS * bands + climate.cloudiness(home.latitude, summer))


def _simulated_index(home: Home, instants_us: Integers, knots: Knots, regime: _Regime) -> Floats:
    """Between what haze leaves of the sun and what clouds do, by how much of the sun the cloud field covers."""
    depth = Stream.of(home.seed, home.place, "cloud depth").persistent(knots.instants_us, spacing_us=HOUR_US, memory_us=8 * HOUR_US)
    # fair-weather clouds let half of the light through, a front's a fifth, the deepest a twentieth
    covered = np.clip(np.exp(-0.85 - 0.40 * np.maximum(regime.field, 0.0) - 0.30 * depth), 0.05, 0.75)
    broken = 4.0 * regime.cover * (1.0 - regime.cover)
    # haze takes up to a tenth, and less in clean air; clouds beside the sun add some
    bare = (0.965 + 0.03 * np.clip(depth, -2.0, 1.5)) * (1.0 + 0.10 * broken)
    puffs = Stream.of(home.seed, home.site_id, "cloud puffs").persistent(instants_us, spacing_us=HOUR_US // 12, memory_us=HOUR_US // 6)
    puffs *= -_SHARPNESS * _PUFFS
    puffs -= knots.between(_SHARPNESS * regime.field)
    index = knots.between(covered - bare)
    index /= 1.0 + np.exp(puffs, out=puffs)
    index += knots.between(bare)
    return index


def _simulated_celsius(home: Home, knots: Knots, regime: _Regime) -> Floats:
    """Season, a day that clouds flatten, and air masses of days: clear skies are warm in summer and cold in winter."""
    moments, high = knots.instants_us, min(1.0, abs(home.latitude) / 45.0)
    air = Stream.of(home.seed, home.place, "air mass").persistent(moments, spacing_us=6 * HOUR_US, memory_us=AIR_MEMORY_US)
    clear_is_warm = (0.12 + 0.38 * regime.summer) * high
    mass = air * np.sqrt(1.0 - clear_is_warm**2) - clear_is_warm * regime.fronts
    day = climate.diurnal_celsius(home.latitude, home.longitude, moments) * (1.0 - 0.6 * regime.cover)
    mean, deviation = climate.mean_celsius(home.latitude, regime.summer), climate.synoptic_celsius(home.latitude, regime.summer)
    # what valley, height and street add to the place's temperature
    site = 0.7 * float(Stream.of(home.seed, home.site_id, "site temperature").normal(np.zeros(1, dtype=np.int64))[0, 0])
    return knots.between(mean + day + deviation * mass + site)
