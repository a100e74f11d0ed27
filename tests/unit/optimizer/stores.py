"""A planner on real embedded stores, and forecasts to feed it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from services.optimizer.service import PlannerService
from shared.adapters.embedded.cloud_store import SqliteCloudStore
from shared.adapters.holiday_calendar import HolidayLibrary
from shared.domain.forecast import QUANTILE_LEVELS, Forecast, Target
from shared.domain.site import Site
from shared.domain.tariff import Tariff
from shared.domain.time import TimeGrid, floor_to
from tests.factories import a_site, a_tariff, readings


@contextmanager
def a_planner(folder: Path, site: Site | None = None, tariff: Tariff | None = None) -> Iterator[tuple[PlannerService, SqliteCloudStore]]:
    """A planner with one site and its tariff."""
    cloud = SqliteCloudStore(folder / "cloud.sqlite")
    site = site or a_site()
    cloud.sites.put(site)
    cloud.tariffs.put(site.site_id, tariff or a_tariff())
    planner = PlannerService(
        sites=cloud.sites, tariffs=cloud.tariffs, prices=cloud.prices, readings=cloud.readings, forecasts=cloud.forecasts,
        schedules=cloud.schedules, savings=cloud.savings, holidays=HolidayLibrary(), progress=cloud.progress,
    )  # fmt: skip
    try:
        yield planner, cloud
    finally:
        cloud.close()


def a_forecast(target: Target, *, issued_at: datetime, level: float | None = None, hours: int = 48, site_id: str = "home") -> Forecast:
    """A forecast of the course that `tests.factories.readings` has, or of a constant level, with a little spread."""
    step = timedelta(minutes=15)
    grid = TimeGrid(start=floor_to(issued_at, step), step=step, count=hours * 4)
    if level is None:
        rows = readings(start=grid.start, hours=hours, step=step)
        centre = rows["total_load_kw" if target is Target.LOAD else "solar_generation_kw"].to_numpy()
    else:
        centre = np.full(grid.count, level)
    spread = np.array(QUANTILE_LEVELS)[:, None] - 0.5
    values = np.maximum(0.0, centre[None, :] * (1.0 + 0.4 * spread))
    return Forecast(
        site_id=site_id, target=target, issued_at=issued_at, data_as_of=issued_at, model_name="test", model_version="1", grid=grid,
        levels=QUANTILE_LEVELS, values=values,
    )  # fmt: skip


def store_readings(cloud: SqliteCloudStore, *, until: datetime, days: float, **changes: object) -> pd.DataFrame:
    """Readings of the last days up to a moment, stored."""
    rows = readings(start=until - timedelta(days=days), hours=24 * days)
    for name, value in changes.items():
        rows[name] = value
    cloud.readings.upsert(rows, stored_at=until)
    return rows
