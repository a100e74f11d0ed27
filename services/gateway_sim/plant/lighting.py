"""Light while someone is awake in the dark, room by room."""

import numpy as np

from services.gateway_sim.plant.lattice import CELL_US
from services.gateway_sim.plant.living import Living
from services.gateway_sim.plant.noise import Floats, Stream

ENOUGH_W_M2 = 90.0
"""Of daylight on the ground, about 10,000 lux, for most rooms; a room's windows give it one or two per cent of that."""


def lighting_cells_kw(living: Living) -> Floats:
    """Mean power in each cell of the lattice, shape (cells,)."""
    home, lattice = living.home, living.lattice
    u = Stream.of(home.seed, home.site_id, "lamps").uniform(np.zeros(1, dtype=np.int64), 2)[0]
    dark = 1.0 / (1.0 + (living.sunshine_w_m2 / ENOUGH_W_M2) ** 2)
    rooms = Stream.of(home.seed, home.site_id, "rooms").uniform(lattice.middles_us // CELL_US)[:, 0]
    # LED or older lamps, few or many
    lamps_kw = (0.025 + 0.07 * u[0]) * (1.6 if u[1] < 0.25 else 1.0) * living.habits.gusto**0.5 * living.habits.room
    light: Floats = lamps_kw * dark * np.sqrt(living.occupancy.awake) * (0.3 + 1.4 * rooms)
    return light
