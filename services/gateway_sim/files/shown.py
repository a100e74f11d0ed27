"""Numbers as people read them: four decimals, and sums made of what is shown."""

from typing import TYPE_CHECKING

import numpy as np

from services.gateway_sim.plant.columns import ReadingArrays
from services.gateway_sim.plant.noise import Floats
from shared.domain.balance import net_grid_flow_kw
from shared.domain.reading import TIME_OF_USE_PERIODS, VALUE_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

DECIMALS = 4
"""A tenth of a watt."""

_LOAD_PARTS = ("hvac_kw", "appliances_kw", "lighting_kw", "ev_charging_kw", "other_kw")


def shown(arrays: ReadingArrays) -> ReadingArrays:
    """The readings rounded, sums made again from their rounded parts, so what is read balances as what was computed does."""
    values = {name: _rounded(column) for name, column in arrays.values.items()}
    total = np.zeros(len(arrays))
    for part in _LOAD_PARTS:
        total += values[part]
    values["total_load_kw"] = total = _rounded(total)
    flow = net_grid_flow_kw(load_kw=total, battery_kw=np.nan_to_num(values["battery_power_kw"]), solar_kw=values["solar_generation_kw"])
    values["net_grid_flow_kw"] = _rounded(flow)
    return ReadingArrays(
        site_id=arrays.site_id, device_id=arrays.device_id, timestamp=arrays.timestamp, values=values, period=arrays.period
    )


def arrays_of(frame: "pd.DataFrame") -> ReadingArrays:
    """Readings of one device in the form of stores (`READING_COLUMNS`, one row or more) as arrays."""
    periods = {name: index for index, name in enumerate(TIME_OF_USE_PERIODS)}
    return ReadingArrays(
        site_id=str(frame["site_id"].iloc[0]),
        device_id=str(frame["device_id"].iloc[0]),
        timestamp=frame["timestamp"].to_numpy(dtype="datetime64[us]"),
        values={name: frame[name].to_numpy(dtype=np.float64) for name in VALUE_COLUMNS},
        period=np.array([periods.get(name, -1) for name in frame["time_of_use_period"].tolist()], dtype=np.int64),
    )


def _rounded(column: Floats) -> Floats:
    rounded: Floats = np.round(column, DECIMALS) + 0.0  # no negative zero
    return rounded
