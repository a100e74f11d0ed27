"""The gateway's configuration file: the customer's names and defaults, a few optional fields of ours, every problem at once."""

import json
from math import sqrt
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationError, model_validator

from services.gateway_sim.plant.equipment import Chemistry, Control, Home, HomeBattery, Household, SolarArray, Supplier
from shared.contracts.base import Wire
from shared.domain.errors import InvalidValueError
from shared.domain.site import BatterySpec, SolarSpec
from shared.domain.time import zone
from shared.runtime.cli import UsageError

DEFAULT_SEED = 6
"""What `"seed": null` means: chance still depends on the site, so two sites differ; a run is always repeatable."""

_OURS: dict[str, Any] = {
    **dict.fromkeys(("site_id", "region", "timezone", "holiday_calendar", "weather_file", "sites"), True),
    "solar": {"longitude", "tilt_degrees", "azimuth_degrees", "inverter_kw", "soiling", "snow"},
    "battery": {"chemistry", "control", "standby_w"},
    "grid_price": {"currency"},
}
"""Fields that a generated configuration leaves to their defaults: it has the customer's shape exactly."""


def _known_zone(name: str) -> str:
    zone(name)
    return name


Identifier = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class SolarConfiguration(Wire):
    """The array. 0 kW is none."""

    capacity_kw: float = Field(default=10.0, ge=0, le=100_000)
    latitude: float = Field(default=37.7749, ge=-90, le=90)
    longitude: float = Field(default=-122.4194, ge=-180, le=180)
    tilt_degrees: float = Field(default=30.0, ge=0, le=90)
    azimuth_degrees: float | None = Field(default=None, ge=0, le=360)
    panel_efficiency: float = Field(default=0.20, gt=0, le=1)
    temp_coefficient: float = Field(default=-0.004, ge=-0.02, le=0.02)
    inverter_kw: float | None = Field(default=None, gt=0, le=100_000)
    soiling: bool = False
    snow: bool = False


class BatteryConfiguration(Wire):
    """The battery; states of charge in percent."""

    capacity_kwh: float = Field(default=13.5, gt=0, le=1_000_000)
    max_charge_rate_kw: float = Field(default=5.0, ge=0, le=100_000)
    max_discharge_rate_kw: float = Field(default=5.0, ge=0, le=100_000)
    round_trip_efficiency: float = Field(default=0.90, ge=0.01, le=1)
    initial_soc: float = Field(default=50.0, ge=0, le=100)
    min_soc: float = Field(default=10.0, ge=0, le=100)
    max_soc: float = Field(default=90.0, ge=0, le=100)
    chemistry: Chemistry = Chemistry.LFP
    control: Control = Control.SELF_CONSUMPTION
    standby_w: float = Field(default=10.0, ge=0, le=100_000)

    @model_validator(mode="after")
    def _ordered(self) -> "BatteryConfiguration":
        if self.min_soc > self.max_soc:
            raise ValueError(f"min_soc {self.min_soc:g} must not be above max_soc {self.max_soc:g}")
        if "initial_soc" in self.model_fields_set and not self.min_soc <= self.initial_soc <= self.max_soc:
            raise ValueError(f"initial_soc {self.initial_soc:g} must be between min_soc {self.min_soc:g} and max_soc {self.max_soc:g}")
        return self


class HomeLoadConfiguration(Wire):
    """What draws power; all but the car stays below `peak_load_kw`."""

    base_load_kw: float = Field(default=0.5, ge=0, le=100_000)
    peak_load_kw: float = Field(default=8.0, ge=0, le=100_000)
    has_ev: bool = True
    ev_charging_kw: float = Field(default=7.2, gt=0, le=1000)
    hvac_capacity_kw: float = Field(default=3.5, ge=0, le=100_000)


class GridPriceConfiguration(Wire):
    """Prices per kWh. `demand_charge` is per kW of the month's peak; it becomes part of the tariff only when it is written here."""

    off_peak_price: float = Field(default=0.08, ge=-100, le=100)
    shoulder_price: float = Field(default=0.15, ge=-100, le=100)
    peak_price: float = Field(default=0.30, ge=-100, le=100)
    base_feed_in_tariff: float = Field(default=0.05, ge=-100, le=100)
    demand_charge: float = Field(default=10.0, ge=0, le=10_000)
    volatility: float = Field(default=0.15, ge=0, le=1)
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")


class GatewayConfiguration(Wire):
    """One simulated gateway. Every field is optional; `"battery": null` is a home without one."""

    device_id: Identifier = "edge-gateway-001"
    site_id: Identifier | None = None
    """None: the device's."""
    region: Identifier | None = None
    """Sites of one region share weather and market; None: a weather and market of its own."""
    timezone: Annotated[str, AfterValidator(_known_zone)] = "America/Los_Angeles"
    holiday_calendar: str | None = None
    """ISO 3166 country, or country and subdivision, such as DE-BW; None: that of the time zone."""
    weather_file: str | None = None
    """Real weather as CSV or Parquet instead of the simulated one."""
    sites: int = Field(default=1, ge=1, le=100_000)
    """How many homes `--historical` makes: each another home, of one region."""
    interval_seconds: int = Field(default=300, ge=1, le=86_400)
    output_file: str | None = None
    seed: int | None = None
    solar: SolarConfiguration = SolarConfiguration()
    battery: BatteryConfiguration | None = BatteryConfiguration()
    home_load: HomeLoadConfiguration = HomeLoadConfiguration()
    grid_price: GridPriceConfiguration = GridPriceConfiguration()

    def to_home(self) -> Home:
        """The home as its plant knows it."""
        return Home(
            site_id=self.site_id or self.device_id,
            device_id=self.device_id,
            region=self.region,
            timezone=self.timezone,
            latitude=self.solar.latitude,
            longitude=self.solar.longitude,
            seed=DEFAULT_SEED if self.seed is None else self.seed,
            solar=SolarArray(
                spec=SolarSpec(
                    capacity_kw=self.solar.capacity_kw,
                    tilt_degrees=self.solar.tilt_degrees,
                    azimuth_degrees=self.solar.azimuth_degrees,
                ),
                panel_efficiency=self.solar.panel_efficiency,
                temp_coefficient=self.solar.temp_coefficient,
                inverter_kw=self.solar.inverter_kw,
                soiling=self.solar.soiling,
                snow=self.solar.snow,
            ),
            battery=_battery(self.battery) if self.battery else None,
            household=Household(**dict(self.home_load)),
            supplier=Supplier(**dict(self.grid_price), bills_demand="demand_charge" in self.grid_price.model_fields_set),
        )


def read_configuration(path: Path) -> GatewayConfiguration:
    """The configuration in a file. Raises `UsageError` that lists every problem with its path and remedy."""
    try:
        document = json.loads(path.read_bytes())
    except (json.JSONDecodeError, UnicodeDecodeError) as problem:
        raise UsageError(f"{path} is not JSON ({problem}); write a valid example with --generate-config --config FILE") from None
    except OSError as problem:
        raise UsageError(f"{path} cannot be read ({problem.strerror}); give the path of a readable file") from None
    try:
        return GatewayConfiguration.model_validate(document)
    except ValidationError as failure:
        problems = [_problem(error) for error in failure.errors()]
    count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    raise UsageError("\n  ".join([f"{path} has {count}; correct and start again:", *problems]))


def write_configuration(path: Path) -> None:
    """A new file with every field of the customer's and its default. Raises `UsageError` when there is one already."""
    text = json.dumps(GatewayConfiguration().model_dump(mode="json", exclude=_OURS), indent=2)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text + "\n")
    except FileExistsError:
        raise UsageError(f"{path} exists already and is left as it is; name a new file with --config, or remove it") from None
    except OSError as problem:
        raise UsageError(f"{path} cannot be written ({problem.strerror}); name a file in a writable folder") from None


def _battery(battery: BatteryConfiguration) -> HomeBattery:
    leg = sqrt(battery.round_trip_efficiency)
    return HomeBattery(
        spec=BatterySpec(
            capacity_kwh=battery.capacity_kwh,
            max_charge_rate_kw=battery.max_charge_rate_kw,
            max_discharge_rate_kw=battery.max_discharge_rate_kw,
            charge_efficiency=leg,
            discharge_efficiency=leg,
            min_soc_percent=battery.min_soc,
            max_soc_percent=battery.max_soc,
        ),
        # an unwritten initial_soc gives way to written bounds
        initial_soc_percent=min(max(battery.initial_soc, battery.min_soc), battery.max_soc),
        chemistry=battery.chemistry,
        control=battery.control,
        standby_w=battery.standby_w,
    )


def _problem(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"]) or "the file"
    if error["type"] == "extra_forbidden":
        return f"{where}: is no known field; remove it or correct its name ({_fields_beside(error['loc'])})"
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, InvalidValueError):
        return f"{where} is {error['input']!r}: {cause.remedy}"
    text = str(error["msg"]).removeprefix("Value error, ").replace("Input should be", "must be").replace("Input should", "must")
    value = "" if isinstance(error["input"], dict) else f" is {error['input']!r}"
    return f"{where}{value}: {text}"


def _fields_beside(location: tuple[Any, ...]) -> str:
    sections: dict[str, type[Wire]] = {
        "solar": SolarConfiguration,
        "battery": BatteryConfiguration,
        "home_load": HomeLoadConfiguration,
        "grid_price": GridPriceConfiguration,
    }
    model = sections.get(str(location[0]), GatewayConfiguration) if len(location) > 1 else GatewayConfiguration
    return "known are " + ", ".join(model.model_fields)
