"""A reading as a gateway emits it. The field names are the customer's."""

from typing import Literal

from pydantic import Field

from shared.contracts.base import Instant, Wire

Number = float | None


class SolarReading(Wire):
    """The array now."""

    generation_kw: Number = Field(default=None, ge=0)
    irradiance_w_m2: Number = None
    panel_temp_celsius: Number = None
    efficiency_percent: Number = None


class BatteryReading(Wire):
    """The battery now; `power_kw` > 0 charging."""

    soc_percent: Number = None
    capacity_kwh: Number = None
    power_kw: Number = None
    voltage_v: Number = None
    temperature_celsius: Number = None
    cycles: Number = None
    health_percent: Number = None


class HomeLoadReading(Wire):
    """Consumption; `total_load_kw` holds the parts."""

    total_load_kw: Number = Field(default=None, ge=0)
    hvac_kw: Number = None
    appliances_kw: Number = None
    lighting_kw: Number = None
    ev_charging_kw: Number = None
    other_kw: Number = None


class GridPriceReading(Wire):
    """Prices in force; `feed_in_tariff` per kWh exported, `demand_charge` per kW of the month's peak."""

    price_per_kwh: Number = None
    feed_in_tariff: Number = None
    demand_charge: Number = None
    time_of_use_period: Literal["off_peak", "shoulder", "peak"] | None = None
    carbon_intensity_g_kwh: Number = None


class ReadingDocument(Wire):
    """One reading of one gateway. A value that was not measured is null or absent, never 0."""

    timestamp: Instant
    device_id: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    solar: SolarReading = SolarReading()
    battery: BatteryReading = BatteryReading()
    home_load: HomeLoadReading = HomeLoadReading()
    grid_price: GridPriceReading = GridPriceReading()
    net_grid_flow_kw: Number = None
