"""The identity every part leans on: grid = load + battery - solar."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Power = TypeVar("Power", float, NDArray[np.float64])


def net_grid_flow_kw(*, load_kw: Power, battery_kw: Power, solar_kw: Power) -> Power:
    """Power at the meter: > 0 importing, < 0 exporting. Battery power is > 0 charging."""
    return load_kw + battery_kw - solar_kw
