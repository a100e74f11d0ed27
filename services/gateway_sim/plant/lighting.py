"""Light while someone is awake in the dark, room by room."""

import numpy as np

from services.gateway_sim.plant.living import Living
from services.gateway_sim.plant.noise import HOUR_US, Floats, Stream
from services.gateway_sim.plant.steps import Steps

ENOUGH_W_M2 = 90.0
"""Of daylight on the ground, about 10,000 lux, for most rooms; a room's windows give it one or two per cent of that."""
_ROOM_US = HOUR_US // 4
"""For as long somebody stays in the same rooms."""


def lighting_kw(living: Living, steps: Steps) -> Floats:
    """Means over the steps, shape (steps,)."""
    home = living.home
    u = Stream.of(home.seed, home.site_id, "lamps").uniform(np.zeros(1, dtype=np.int64), 2)[0]
    dark = 1.0 / (1.0 + (living.sunshine_w_m2 / ENOUGH_W_M2) ** 2)
    need = dark * np.sqrt(living.occupancy.awake)
    stays = steps.instants_us // _ROOM_US
    first = int(stays[0])
    rooms = Stream.of(home.seed, home.site_id, "rooms").uniform(np.arange(first, int(stays[-1]) + 1))[:, 0]
    # LED or older lamps, few or many
    lamps_kw = (0.03 + 0.09 * u[0]) * (1.6 if u[1] < 0.25 else 1.0) * living.habits.gusto**0.5
    light: Floats = steps.mean(lamps_kw * living.lattice.at(need, steps.instants_us) * (0.4 + 1.2 * rooms)[stays - first])
    return light
