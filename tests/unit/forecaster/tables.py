"""Feature tables made for these tests: a home whose habits and sky are known, so what a model should learn is known too."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from services.forecaster.model.series import Series, series_from_table
from shared.domain.feature import Availability, FeatureCatalog, FeatureSpec
from shared.domain.forecast import Target
from shared.domain.time import instant64, local_clock, zone

START = datetime(2024, 5, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
AHEAD_HOURS = 49

_AVAILABILITY = {
    "load_kw": Availability.AFTER_STEP,
    "solar_kw": Availability.AFTER_STEP,
    "quality": Availability.AFTER_STEP,
    "price_per_kwh": Availability.ANNOUNCED,
    "price_known_ahead_hours": Availability.ANNOUNCED,
}


def a_table(*, days: float = 40, step: timedelta = HOUR, seed: int = 0, start: datetime = START) -> pd.DataFrame:
    """Measured columns for `days`, then `AHEAD_HOURS` of what is known ahead; prices are published at 13:00 for tomorrow."""
    rng = np.random.default_rng(seed)
    stamps = pd.date_range(start, periods=int((timedelta(days=days) + AHEAD_HOURS * HOUR) / step), freq=step, unit="us")
    clock = local_clock(stamps.tz_localize(None).to_numpy(), zone("Europe/Berlin"))
    utc_hour = stamps.hour.to_numpy() + stamps.minute.to_numpy() / 60
    elevation = 60 * np.sin((utc_hour - 4) / 14 * np.pi)
    elevation = np.where((utc_hour >= 4) & (utc_hour < 18), elevation, -10.0)
    clear = np.clip(8 * np.sin((utc_hour - 4) / 14 * np.pi), 0, None) * (elevation > 0)
    day = np.arange(len(stamps)) // (timedelta(days=1) // step)
    cloud = rng.uniform(0.4, 1.0, int(day.max()) + 1)[day]
    evening = np.exp(-((clock.hour - 19) ** 2) / 4) * np.where(clock.weekday >= 5, 1.0, 2.0)
    load = 0.3 + evening + 0.15 * rng.gamma(2.0, 0.5, len(stamps))
    price = 0.1 + 0.05 * np.sin((clock.hour - 15) / 12 * np.pi) + 0.01 * rng.normal(size=len(stamps))
    frame = pd.DataFrame(
        {
            "timestamp": stamps,
            "load_kw": load,
            "solar_kw": clear * cloud,
            "quality": 1.0,
            "hour_local": clock.hour,
            "hour_sin": np.sin(clock.hour / 12 * np.pi),
            "hour_cos": np.cos(clock.hour / 12 * np.pi),
            "weekday": clock.weekday.astype(float),
            "is_weekend": (clock.weekday >= 5).astype(float),
            "sun_elevation_deg": elevation,
            "clear_sky_kw": clear,
            "price_per_kwh": price,
            "price_known_ahead_hours": clock.hour + 11.0,
        }
    )
    future = stamps >= pd.Timestamp(start) + pd.Timedelta(days=days)
    frame.loc[future, ["load_kw", "solar_kw", "quality"]] = np.nan
    unpublished = stamps >= pd.Timestamp(start) + pd.Timedelta(days=days) + pd.Timedelta(hours=12)
    frame.loc[unpublished, ["price_per_kwh", "price_known_ahead_hours"]] = np.nan
    return frame


def a_catalog(version: str = "one") -> FeatureCatalog:
    names = [name for name in a_table(days=1).columns if name != "timestamp"]
    return FeatureCatalog(
        version=version,
        features=tuple(
            FeatureSpec(name=name, unit="1", availability=_AVAILABILITY.get(name, Availability.AHEAD), description=name) for name in names
        ),
    )


def now_of(table: pd.DataFrame) -> datetime:
    """The end of what is measured."""
    step = table["timestamp"].iloc[1] - table["timestamp"].iloc[0]
    moment: datetime = (table.loc[table["quality"].notna(), "timestamp"].max() + step).to_pydatetime()
    return moment


def a_series(target: Target = Target.LOAD, *, table: pd.DataFrame | None = None, step: timedelta = HOUR) -> Series:
    frame = a_table(step=step) if table is None else table
    first, last = frame["timestamp"].iloc[0].to_pydatetime(), frame["timestamp"].iloc[-1].to_pydatetime()
    return series_from_table(frame, a_catalog(), target, step=step, start=instant64(first), end=instant64(last + step))
