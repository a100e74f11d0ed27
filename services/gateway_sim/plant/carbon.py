"""What a kWh from the grid emits: the region's mean, lower while sun and wind feed the grid, higher when demand outruns them."""

import numpy as np

from services.gateway_sim.plant.noise import Floats

MEAN_CARBON_G_KWH = 380.0
"""Of grids between coal and nuclear: Germany emitted 380 g/kWh in 2023, the United States 390."""
CARBON_PER_SCARCITY = 0.26
"""Change, as a share of the mean, with a standard deviation of scarcity: the marginal plants are fossil."""
CLEANEST_G_KWH, DIRTIEST_G_KWH = 20.0, 900.0


def carbon_intensity_g_kwh(scarcity: Floats) -> Floats:
    """Of each hour; it does not know the price's volatility."""
    return np.clip(MEAN_CARBON_G_KWH * (1.0 + CARBON_PER_SCARCITY * scarcity), CLEANEST_G_KWH, DIRTIEST_G_KWH)
