"""A reading: what a gateway measured at one moment, and its form as columns.

The nested names are the gateway's JSON; `FIELDS` is the one map between them and the flat columns of stores and frames.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntFlag
from typing import NamedTuple


class Quality(IntFlag):
    """Why a row deserves less trust; 0 is good. Raw values are kept whatever the flag."""

    GOOD = 0
    MISSING = 1
    """A value that this gateway normally sends is absent (stored as missing, never as 0)."""
    OUT_OF_RANGE = 2
    """A value beyond what its device can do."""
    FROZEN = 4
    """The same value for too long."""
    SPIKE = 8
    """Far outside the recent spread."""
    IMBALANCE = 16
    """Grid flow differs from load + battery - solar."""
    CLOCK_AHEAD = 32
    """Stamped in the near future."""
    INTERPOLATED = 64
    """Filled by whoever delivered the data."""
    SIMULATED = 128
    """Made by the gateway simulator."""


class Field(NamedTuple):
    """One value of a reading: where it stands in the JSON, its column, and the widest believable bounds."""

    section: str
    name: str
    column: str
    low: float
    high: float


FIELDS: tuple[Field, ...] = (
    Field("solar", "generation_kw", "solar_generation_kw", 0.0, 1e5),
    Field("solar", "irradiance_w_m2", "solar_irradiance_w_m2", 0.0, 2000.0),
    Field("solar", "panel_temp_celsius", "solar_panel_temp_celsius", -90.0, 150.0),
    Field("solar", "efficiency_percent", "solar_efficiency_percent", 0.0, 100.0),
    Field("battery", "soc_percent", "battery_soc_percent", 0.0, 100.0),
    Field("battery", "capacity_kwh", "battery_capacity_kwh", 0.0, 1e6),
    Field("battery", "power_kw", "battery_power_kw", -1e5, 1e5),
    Field("battery", "voltage_v", "battery_voltage_v", 0.0, 2000.0),
    Field("battery", "temperature_celsius", "battery_temperature_celsius", -90.0, 150.0),
    Field("battery", "cycles", "battery_cycles", 0.0, 1e6),
    Field("battery", "health_percent", "battery_health_percent", 0.0, 100.0),
    Field("home_load", "total_load_kw", "total_load_kw", 0.0, 1e5),
    Field("home_load", "hvac_kw", "hvac_kw", 0.0, 1e5),
    Field("home_load", "appliances_kw", "appliances_kw", 0.0, 1e5),
    Field("home_load", "lighting_kw", "lighting_kw", 0.0, 1e5),
    Field("home_load", "ev_charging_kw", "ev_charging_kw", 0.0, 1e5),
    Field("home_load", "other_kw", "other_kw", 0.0, 1e5),
    Field("grid_price", "price_per_kwh", "price_per_kwh", -1e3, 1e3),
    Field("grid_price", "feed_in_tariff", "feed_in_tariff", -1e3, 1e3),
    Field("grid_price", "demand_charge", "demand_charge", 0.0, 1e5),
    Field("grid_price", "carbon_intensity_g_kwh", "carbon_intensity_g_kwh", 0.0, 5000.0),
    Field("", "net_grid_flow_kw", "net_grid_flow_kw", -1e5, 1e5),
)
"""Every number of a reading. `feed_in_tariff` is per kWh exported, `demand_charge` per kW of the month's peak."""

KEY_COLUMNS = ("site_id", "device_id", "timestamp")
VALUE_COLUMNS: tuple[str, ...] = tuple(field.column for field in FIELDS)
TEXT_COLUMNS = ("time_of_use_period",)
READING_COLUMNS: tuple[str, ...] = (*KEY_COLUMNS, *VALUE_COLUMNS, *TEXT_COLUMNS, "quality")
"""Columns of every readings frame: key (text, text, UTC time), float64 with NaN for missing, text or None, integer flags."""

TIME_OF_USE_PERIODS = ("off_peak", "shoulder", "peak")
READING_SECTIONS = ("solar", "battery", "home_load", "grid_price")

Flat = Mapping[str, object]


def nested_from_flat(row: Flat) -> dict[str, object]:
    """The gateway's JSON shape of one row. Missing columns become None."""
    moment = row["timestamp"]
    document: dict[str, object] = {
        "timestamp": moment.isoformat() if isinstance(moment, datetime) else moment,
        "device_id": row["device_id"],
    }
    sections: dict[str, dict[str, object]] = {name: {} for name in READING_SECTIONS}
    for field in FIELDS:
        value = row.get(field.column)
        number = None if value is None or (isinstance(value, float) and math.isnan(value)) else value
        (sections[field.section] if field.section else document)[field.name] = number
    period = row.get("time_of_use_period")
    prices = sections["grid_price"]
    carbon = prices.pop("carbon_intensity_g_kwh")  # the customer writes the period before the carbon
    prices |= {"time_of_use_period": period if isinstance(period, str) else None, "carbon_intensity_g_kwh": carbon}
    flow = document.pop("net_grid_flow_kw")
    return {**document, **sections, "net_grid_flow_kw": flow}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingKey:
    """The natural key: one reading of a device at a moment, however often it is delivered."""

    site_id: str
    device_id: str
    timestamp: datetime
