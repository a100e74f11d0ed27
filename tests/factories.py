"""The only test helpers: a site, its tariff, a day of readings; and a moment without the rights of the superuser."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta

import numpy as np
import pandas as pd

from shared.domain.reading import READING_COLUMNS, TEXT_COLUMNS
from shared.domain.site import BatterySpec, Site, SolarSpec
from shared.domain.tariff import FlatPrice, Tariff, TimeOfUsePrice, TouPeriod

NOON = datetime(2024, 6, 15, 12, tzinfo=UTC)


def a_battery(**changes: object) -> BatterySpec:
    values = {"capacity_kwh": 13.5, "max_charge_rate_kw": 5.0, "max_discharge_rate_kw": 5.0}
    return BatterySpec(**(values | changes))  # type: ignore[arg-type]


def a_site(site_id: str = "home", **changes: object) -> Site:
    values = {
        "site_id": site_id,
        "name": "A home",
        "timezone": "Europe/Berlin",
        "latitude": 47.66,
        "longitude": 9.17,
        "battery": a_battery(),
        "solar": SolarSpec(capacity_kw=10.0),
    }
    return Site(**(values | changes))  # type: ignore[arg-type]


def a_tariff(**changes: object) -> Tariff:
    evening = TouPeriod(name="peak", price_per_kwh=0.40, start=time(17), end=time(21))
    values = {
        "timezone": "Europe/Berlin",
        "import_price": TimeOfUsePrice(periods=(evening,), default_price_per_kwh=0.20),
        "export_price": FlatPrice(price_per_kwh=0.08),
    }
    return Tariff(**(values | changes))  # type: ignore[arg-type]


def readings(
    *,
    start: datetime = datetime(2024, 6, 15, tzinfo=UTC),
    hours: float = 24,
    step: timedelta = timedelta(minutes=15),
    site_id: str = "home",
    device_id: str = "edge-gateway-001",
    seed: int = 0,
) -> pd.DataFrame:
    """A sunny stretch of a home with solar and an idle half-full battery, `READING_COLUMNS`, balanced."""
    count = int(timedelta(hours=hours) / step)
    rng = np.random.default_rng(seed)
    stamps = pd.date_range(start, periods=count, freq=step, unit="us")
    hour = stamps.hour.to_numpy() + stamps.minute.to_numpy() / 60
    solar = np.round(np.clip(8 * np.sin((hour - 5) / 14 * np.pi), 0, None) * ((hour > 5) & (hour < 19)), 3)
    load = np.round(0.4 + 1.5 * np.exp(-((hour - 19) ** 2) / 6) + 0.2 * rng.random(count), 3)
    frame = pd.DataFrame({column: np.full(count, np.nan) for column in READING_COLUMNS})
    frame = frame.astype(dict.fromkeys(TEXT_COLUMNS, object))
    frame["site_id"], frame["device_id"], frame["timestamp"] = site_id, device_id, stamps
    frame["solar_generation_kw"], frame["total_load_kw"], frame["other_kw"] = solar, load, load
    frame["battery_soc_percent"], frame["battery_capacity_kwh"], frame["battery_power_kw"] = 50.0, 13.5, 0.0
    frame["price_per_kwh"], frame["feed_in_tariff"], frame["demand_charge"] = 0.28, 0.08, 10.0
    frame["time_of_use_period"] = None
    frame["net_grid_flow_kw"] = load - solar
    frame["quality"] = 0
    return frame


@contextmanager
def as_nobody() -> Iterator[None]:
    """Without the rights of the superuser, for whom nothing is unreadable and no folder read-only."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
