"""Readings made up for the tests of files."""

from datetime import UTC, datetime, timedelta

import numpy as np

from services.gateway_sim.plant.columns import ReadingArrays
from shared.domain.reading import VALUE_COLUMNS
from shared.domain.time import TimeGrid

START = datetime(2024, 1, 1, tzinfo=UTC)
STEP = timedelta(minutes=5)


def some_arrays(count: int, *, first: int = 0, site_id: str = "home", device_id: str = "gw", seed: int = 0) -> ReadingArrays:
    """Numbers of any kind: near nothing, huge, missing, negative, and some columns that never change. Balanced as a plant's are."""
    rng = np.random.default_rng([seed, first])
    values = {name: rng.normal(size=count) * 10.0 ** rng.integers(-7, 5, size=count) for name in VALUE_COLUMNS}
    values["battery_soc_percent"][::7] = np.nan
    values["battery_power_kw"][3::5] = np.nan
    values["battery_voltage_v"][:] = np.nan
    values["demand_charge"][:] = 10.0
    values["hvac_kw"][::3] = -0.0
    parts = ("hvac_kw", "appliances_kw", "lighting_kw", "ev_charging_kw", "other_kw")
    values["total_load_kw"] = np.sum([values[part] for part in parts], axis=0)
    values["net_grid_flow_kw"] = values["total_load_kw"] + np.nan_to_num(values["battery_power_kw"]) - values["solar_generation_kw"]
    period = rng.integers(-1, 3, size=count)
    stamps = TimeGrid(start=START + first * STEP, step=STEP, count=count).starts()
    return ReadingArrays(site_id=site_id, device_id=device_id, timestamp=stamps, values=values, period=period)
