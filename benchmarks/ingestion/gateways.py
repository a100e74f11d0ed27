"""Many homes in one process: each message holds 200 readings of one of them, the newest measured just now."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle

import numpy as np
import pandas as pd

from services.gateway_sim.handlers import recorded_events
from shared.contracts.envelope import wrap
from shared.domain.balance import net_grid_flow_kw
from shared.domain.reading import READING_COLUMNS
from shared.domain.time import instant64
from shared.ports.bus import MessageBus

MESSAGE_ROWS = 200
PUBLISHERS = 16
"""Messages on their way to the broker at once, as of that many gateways."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """So many messages of so many homes, at a rate (None: as fast as it goes)."""

    messages: int
    sites: int
    readings_per_second: float | None = None

    @property
    def readings(self) -> int:
        return self.messages * MESSAGE_ROWS

    def due(self, message: int) -> float:
        """Seconds after the start."""
        return 0.0 if self.readings_per_second is None else message * MESSAGE_ROWS / self.readings_per_second


def site_ids(load: Load) -> list[str]:
    return [f"home-{number:04}" for number in range(load.sites)]


def measured(values: pd.DataFrame, *, now: datetime) -> pd.DataFrame:
    """The readings of one message: 0.1 ms apart, the last one now, so that no two messages of a home hold one key."""
    ages = np.arange(len(values) - 1, -1, -1) * np.timedelta64(100, "us")
    return values.assign(timestamp=pd.DatetimeIndex(instant64(now) - ages).tz_localize("UTC"))


def some_values(site_id: str, rows: int = MESSAGE_ROWS) -> pd.DataFrame:
    """Believable readings of a home, in balance; `measured` gives them their time."""
    rng = np.random.default_rng(0)

    def between(low: float, high: float) -> np.ndarray:
        return np.round(rng.uniform(low, high, rows), 3)

    solar, battery, load = between(0, 8), between(-4, 4), between(0.2, 6)
    columns = {
        "site_id": site_id,
        "timestamp": pd.NaT,
        "device_id": "edge-gateway-001",
        "solar_generation_kw": solar,
        "solar_irradiance_w_m2": between(0, 900),
        "solar_panel_temp_celsius": between(5, 60),
        "solar_efficiency_percent": between(15, 20),
        "battery_soc_percent": between(10, 90),
        "battery_capacity_kwh": 13.5,
        "battery_power_kw": battery,
        "battery_voltage_v": between(48, 54),
        "battery_temperature_celsius": between(10, 35),
        "battery_cycles": 200.0,
        "battery_health_percent": 97.0,
        "total_load_kw": load,
        "hvac_kw": np.round(load * 0.4, 3),
        "appliances_kw": np.round(load * 0.3, 3),
        "lighting_kw": np.round(load * 0.1, 3),
        "ev_charging_kw": 0.0,
        "other_kw": np.round(load * 0.2, 3),
        "price_per_kwh": between(0.05, 0.4),
        "feed_in_tariff": 0.08,
        "demand_charge": 10.0,
        "carbon_intensity_g_kwh": between(100, 500),
        "net_grid_flow_kw": np.round(net_grid_flow_kw(load_kw=load, battery_kw=battery, solar_kw=solar), 3),
        "time_of_use_period": "peak",
        "quality": 0,
    }
    return pd.DataFrame(columns)[list(READING_COLUMNS)]


async def publish(load: Load, bus: MessageBus) -> None:
    """Publish the load as gateways do; returns when the bus has confirmed the last message."""
    homes = {site_id: some_values(site_id) for site_id in site_ids(load)}
    turns = zip(range(load.messages), cycle(homes.items()), strict=False)
    started = time.perf_counter()

    async def gateway() -> None:
        for number, (site_id, values) in turns:
            await asyncio.sleep(max(0.0, started + load.due(number) - time.perf_counter()))
            now = datetime.now(UTC)
            for event in recorded_events(site_id, measured(values, now=now)):
                await bus.publish(wrap(event, source="gateway_sim", time=now))

    await asyncio.gather(*(gateway() for _ in range(PUBLISHERS)))
