"""Dust on the panels: it gathers day by day and rain washes it off. Kimber et al. (2006), doi:10.1109/WCPEC.2006.279690."""

import numpy as np

from services.gateway_sim.plant.equipment import Home
from services.gateway_sim.plant.knots import Knots
from services.gateway_sim.plant.noise import HOUR_US, Floats, Integers
from services.gateway_sim.plant.weather import rain_mm_h

LOSS_PER_DAY = 0.0015
MOST_LOSS = 0.3
CLEANING_RAIN_MM = 6.0
"""In 24 hours."""
GRACE_DAYS = 14
"""After a rain the ground is damp and no dust flies."""
_MEMORY_HOURS = round(24 * (MOST_LOSS / LOSS_PER_DAY + GRACE_DAYS)) + 24
"""Rain before that cannot be told from no rain: the loss is at its most."""


def soiling_at(home: Home, instants_us: Integers) -> Floats:
    """Share of the light that dust keeps from the cells at sorted instants, 0 to `MOST_LOSS`; by simulated rain."""
    knots = Knots.around(instants_us, HOUR_US)
    if not len(instants_us):
        return np.zeros(0)
    earlier = np.arange(-_MEMORY_HOURS, 0, dtype=np.int64) * HOUR_US + knots.instants_us[0]
    loss = soiling_of(rain_mm_h(home, np.concatenate([earlier, knots.instants_us])))
    return knots.between(loss[_MEMORY_HOURS:])


def soiling_of(rain_mm: Floats) -> Floats:
    """The loss in each hour by the rain of the hours, of which the first were preceded by long drought."""
    day = np.zeros(len(rain_mm))
    for lag in range(min(24, len(rain_mm))):  # in this order for every hour, so that the sum does not depend on where the range begins
        day[lag:] += rain_mm[: len(rain_mm) - lag]
    hour = np.arange(len(rain_mm))
    last = np.maximum.accumulate(np.where(day > CLEANING_RAIN_MM, hour, -_MEMORY_HOURS))
    dusty_hours = hour - last - (24 * GRACE_DAYS - 1)
    return np.clip(dusty_hours * (LOSS_PER_DAY / 24.0), 0.0, MOST_LOSS)
