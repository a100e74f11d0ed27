"""Real homes at the resolution at which they were measured, on grids that begin at a UTC midnight."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from likeness.homes import FILES, PLACES
from likeness.measures import Values
from services.features.recipe.sun import elevation_over
from shared.domain.site import Site
from shared.domain.time import TimeGrid


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A home's steps, NaN where nothing was measured; no generation where there is no array."""

    name: str
    step: timedelta
    load_kw: Values
    solar_kw: Values | None
    elevation_deg: Values
    """Of the sun in the middle of each step."""

    @property
    def rated_kw(self) -> float:
        """The data name no rating that fits all arrays: the most that was ever seen stands for it."""
        return 0.0 if self.solar_kw is None else float(np.nanmax(self.solar_kw))


def measured_homes(data: Path) -> Iterator[Measured]:
    """Every home of every place."""
    for place in PLACES:
        frame = pd.read_parquet(data / FILES[place])
        for name, rows in frame.groupby("site_id", observed=True):
            series = rows.set_index("timestamp").sort_index()
            index = pd.DatetimeIndex(series.index)
            index = index.tz_localize(UTC) if index.tz is None else index.tz_convert(UTC)
            step = pd.Timedelta(np.median(np.diff(index.to_numpy()))).to_pytimedelta()
            begin = index[0].floor("D")
            grid = TimeGrid(start=begin.to_pydatetime(), step=step, count=(index[-1] - begin) // pd.Timedelta(step) + 1)
            on_grid = series.set_axis(index)[[name for name in ("load_kw", "solar_kw") if name in series]].reindex(
                pd.date_range(grid.start, periods=grid.count, freq=step)
            )
            site = Site(site_id="home", timezone=place.timezone, latitude=place.latitude, longitude=place.longitude)
            yield Measured(
                name=str(name),
                step=step,
                load_kw=on_grid["load_kw"].to_numpy(dtype=np.float64),
                solar_kw=on_grid["solar_kw"].to_numpy(dtype=np.float64) if "solar_kw" in on_grid else None,
                elevation_deg=elevation_over(grid, [site])[0],
            )
