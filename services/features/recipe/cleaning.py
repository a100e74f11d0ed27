"""What was measured on the grid without its defects, and what the defects were."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from services.features.recipe import quality
from services.features.recipe.grid import Gridded
from services.features.recipe.quality import Flags
from shared.domain.reading import Quality
from shared.domain.site import Site

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """Each of shape (sites, steps)."""

    values: Mapping[str, Values]
    """By feature, NaN where a step is not over, not measured or defect."""
    share: Values
    """Of each step, with good samples of load (and of solar where there is an array)."""
    flags: Flags
    """Every `Quality` of the step: what its readings told, and what is wrong with the load or with a device that is there."""


def cleaned(
    measured: Mapping[str, Gridded], told: Flags, sites: Sequence[Site], *, ended: NDArray[np.bool_], elevation_deg: Values, step: timedelta
) -> Cleaned:
    """Leave the defects out of `load_kw`, `solar_kw`, `battery_power_kw` and `ev_kw`. `told` are the readings' own flags."""
    raw = {name: np.where(ended, gridded.values, np.nan) for name, gridded in measured.items()}
    charge, discharge, ev, array = (_rated(sites, *path) for path in _RATINGS)
    flags = {
        "load_kw": quality.load_flags(raw["load_kw"], step=step),
        "solar_kw": quality.solar_flags(raw["solar_kw"], step=step, rated_kw=array, elevation_deg=elevation_deg),
        "battery_power_kw": quality.power_flags(raw["battery_power_kw"], lowest_kw=-discharge, highest_kw=charge),
        "ev_kw": quality.power_flags(raw["ev_kw"], lowest_kw=np.zeros_like(ev), highest_kw=ev),
    }
    has_array = np.array([[site.solar is not None] for site in sites])
    # a battery that was assumed for imported history measures nothing
    has_battery = np.array([[site.battery is not None and site.live] for site in sites])
    share = np.where(flags["load_kw"] == 0, measured["load_kw"].share, 0.0)
    share = np.where(has_array, np.minimum(share, np.where(flags["solar_kw"] == 0, measured["solar_kw"].share, 0.0)), share)
    of_device = np.where(has_array, flags["solar_kw"], 0) | np.where(has_battery, flags["battery_power_kw"], 0)
    return Cleaned(
        values={name: quality.clean(raw[name], flags[name]) for name in raw},
        share=share,
        flags=told | flags["load_kw"] | of_device | (flags["ev_kw"] & ~int(Quality.MISSING)),
    )


_RATINGS = (
    ("battery", "max_charge_rate_kw"),
    ("battery", "max_discharge_rate_kw"),
    ("ev", "max_charge_rate_kw"),
    ("solar", "capacity_kw"),
)


def _rated(sites: Sequence[Site], device: str, name: str) -> Values:
    """Shape (sites, 1); NaN for a device that is not there or that nobody rated."""
    specs = [getattr(site, device) for site in sites]
    return np.array([[(getattr(spec, name) if spec else 0.0) or np.nan] for spec in specs], dtype=np.float64)
