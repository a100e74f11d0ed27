"""The simulator's faults, which it labels: what sync's verdict and the feature table's flags find of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from services.features.recipe.table import build_table
from services.gateway_sim.plant.equipment import Home
from services.gateway_sim.plant.fault_injection import FaultInjector
from services.gateway_sim.plant.faults import Faults, Kind
from services.gateway_sim.plant.fleet import member
from services.gateway_sim.plant.home import simulate
from services.gateway_sim.service.gateway import site_of
from services.sync.replication.verdict import judge
from shared.domain.reading import Quality
from shared.domain.time import TimeGrid

STEP = timedelta(minutes=5)
START = datetime(2024, 5, 1, tzinfo=UTC)
DAYS, USUAL_KNOWN_AFTER = 30, 15
FAULTS = Faults(missing_values_per_day=1.0, stuck_per_day=1.0, spikes_per_day=4.0, unit_slips_per_day=0.5)
LEAST_KW = 0.25
"""A smaller error of a power can be life, or the tolerance of the balance."""
POWERS = ("total_load_kw", "solar_generation_kw", "battery_power_kw", "net_grid_flow_kw")
RIGHT: Mapping[str, Quality] = {
    Kind.MISSING_VALUE: Quality.MISSING,
    Kind.STUCK: Quality.FROZEN | Quality.IMBALANCE | Quality.OUT_OF_RANGE,
    Kind.SPIKE: Quality.SPIKE | Quality.IMBALANCE | Quality.OUT_OF_RANGE,
    Kind.UNIT_SLIP: Quality.SPIKE | Quality.IMBALANCE | Quality.OUT_OF_RANGE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Of the labels of one kind and quantity."""

    kind: str
    field: str
    found: int
    labels: int


def clean_share_and_told(number: int) -> tuple[float, list[Told]]:
    """Share of a faultless simulated home's steps that are flagged, and what is found of its faults."""
    home = member(Home(site_id=f"home-{number}", seed=5), number)
    grid = TimeGrid(start=START, step=STEP, count=DAYS * (timedelta(days=1) // STEP))
    arrays = simulate(home, grid).arrays
    false = float((_flags(home, arrays.frame(), grid) != 0).mean())
    damaged = FaultInjector(home, FAULTS, step_us=STEP // timedelta(microseconds=1)).damage(arrays, last=True)
    flags, labels = _flags(home, damaged.arrays.frame(), grid), damaged.labels.frame()
    labels["flags"] = flags[((labels["timestamp"] - pd.Timestamp(grid.start)) // pd.Timedelta(STEP)).to_numpy()]
    known = labels[labels["timestamp"] >= START + timedelta(days=USUAL_KNOWN_AFTER)]
    if site_of(home).solar is None:
        known = known[known["field"] != "solar_generation_kw"]
    return false, [told for (kind, field), rows in known.groupby(["kind", "field"]) if (told := _told(str(kind), str(field), rows))]


def _told(kind: str, field: str, rows: pd.DataFrame) -> Told | None:
    """None for what no reading's own values can tell."""
    if kind not in RIGHT:
        return None
    if field in POWERS:
        error = (rows["delivered_value"] - rows["true_value"]).abs()
        rows = rows[error.isna() | (error >= LEAST_KW)]
    elif field == "battery_soc_percent" and kind == Kind.SPIKE:
        rows = rows[~rows["delivered_value"].between(0.0, 100.0)]
    elif not (field == "battery_soc_percent" and kind == Kind.MISSING_VALUE):
        return None
    if kind == Kind.MISSING_VALUE and field == "net_grid_flow_kw":
        return None  # the flow follows from what else is measured
    return Told(kind=kind, field=field, found=int(((rows["flags"] & int(RIGHT[kind])) != 0).sum()), labels=len(rows))


def _flags(home: Home, readings: pd.DataFrame, grid: TimeGrid) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """`quality_flags` of each step; a reading in quarantine was beyond all range."""
    site = site_of(home)
    verdicts = judge(readings, sites={site.site_id: site}, now=grid.end)
    accepted = verdicts.accepted.sort_values("timestamp", ignore_index=True)
    table = build_table(
        readings=accepted, site=site, tariff=None, prices={}, holidays=frozenset(), interval=grid.interval, as_of=grid.end, window_days=7
    )
    flags = np.repeat(table["quality_flags"].to_numpy(dtype=np.int64), site.resolution // STEP)
    refused = (pd.DatetimeIndex(pd.to_datetime(verdicts.rejected["timestamp"], utc=True)) - pd.Timestamp(grid.start)) // pd.Timedelta(STEP)
    flags[refused.to_numpy(dtype=np.int64)] |= int(Quality.OUT_OF_RANGE)
    return flags
