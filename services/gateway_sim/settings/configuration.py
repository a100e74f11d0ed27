"""The gateway's configuration: the customer's names and defaults, and a few optional fields of ours."""

from collections.abc import Iterator, Mapping
from math import sqrt
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from services.gateway_sim.plant.equipment import Chemistry, Control, Home, HomeBattery, Household, SolarArray, Supplier
from services.gateway_sim.plant.faults import LONGEST_MINUTES, MOST_PER_DAY, Faults
from shared.contracts.base import Wire
from shared.domain.country import country_of
from shared.domain.errors import require_identifier
from shared.domain.site import BatterySpec, SolarSpec
from shared.domain.time import zone

DEFAULT_SEED = 6
"""What `"seed": null` means: chance still depends on the site, so two sites differ; a run is always repeatable."""


def _known_zone(name: str) -> str:
    zone(name)
    return name


def _seen_path(path: str) -> str:
    if not path.strip() or "\0" in path:
        raise ValueError("must name a file; correct it, or write null for none")
    return path


def _identifier(name: str) -> str:
    require_identifier("identifier", name)
    return name


def _currency(code: str) -> str:
    if not (len(code) == 3 and code.isascii() and code.isalpha() and code.isupper()):
        raise ValueError("must be three capital letters of ISO 4217, such as EUR")
    return code


FileName = Annotated[str, Field(max_length=4096), AfterValidator(_seen_path)]
Identifier = Annotated[str, AfterValidator(_identifier)]
Currency = Annotated[str, AfterValidator(_currency)]
_LARGEST = 1e300
"""A whole number of a file can be longer than any float."""


NO_CALENDAR = "none"
MOST_SITES = 100_000
MOST_KW = 30_000.0
"""Of one device, so that all devices of a home together stay within what a reading can believably show."""


class Section(Wire):
    """A part of the configuration, whose fields may contradict each other."""

    @classmethod
    def contradictions(cls, written: Mapping[str, object]) -> Iterator[str]:
        """What written fields say against each other, or against the defaults of the others.

        What is no finite number is a problem of its own, and counts as unwritten here.
        """
        numbers = {name: value for name, value in written.items() if isinstance(value, int | float) and not isinstance(value, bool)}
        yield from cls._among({name: value for name, value in numbers.items() if -_LARGEST < value < _LARGEST})

    @classmethod
    def _among(cls, _numbers: Mapping[str, float]) -> Iterator[str]:
        yield from ()

    @classmethod
    def _completed(cls, numbers: Mapping[str, float]) -> dict[str, Any]:
        return {name: numbers.get(name, field.default) for name, field in cls.model_fields.items()}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for problem in self.contradictions(self.model_dump(exclude_unset=True)):
            raise ValueError(problem)
        return self


class SolarConfiguration(Section):
    """The array. 0 kW is none."""

    capacity_kw: float = Field(default=10.0, ge=0, le=MOST_KW)
    latitude: float = Field(default=37.7749, ge=-90, le=90)
    longitude: float = Field(default=-122.4194, ge=-180, le=180)
    tilt_degrees: float = Field(default=30.0, ge=0, le=90)
    azimuth_degrees: float | None = Field(default=None, ge=0, le=360)
    panel_efficiency: float = Field(default=0.20, gt=0, le=1)
    temp_coefficient: float = Field(default=-0.004, ge=-0.02, le=0.02)
    inverter_kw: float | None = Field(default=None, gt=0, le=MOST_KW)
    soiling: bool = False
    snow: bool = False


class BatteryConfiguration(Section):
    """The battery; states of charge in percent."""

    capacity_kwh: float = Field(default=13.5, ge=0.001, le=1_000_000)
    max_charge_rate_kw: float = Field(default=5.0, ge=0, le=MOST_KW)
    max_discharge_rate_kw: float = Field(default=5.0, ge=0, le=MOST_KW)
    round_trip_efficiency: float = Field(default=0.90, ge=0.01, le=1)
    initial_soc: float = Field(default=50.0, ge=0, le=100)
    min_soc: float = Field(default=10.0, ge=0, le=100)
    max_soc: float = Field(default=90.0, ge=0, le=100)
    chemistry: Chemistry = Chemistry.LFP
    control: Control = Control.SELF_CONSUMPTION
    standby_w: float = Field(default=10.0, ge=0, le=10_000)

    @classmethod
    def _among(cls, numbers: Mapping[str, float]) -> Iterator[str]:
        values = cls._completed(numbers)
        low, high, initial = values["min_soc"], values["max_soc"], values["initial_soc"]
        if low > high:
            yield f"min_soc {low:g} must not be above max_soc {high:g}; lower it, or raise the other"
        elif "initial_soc" in numbers and not low <= initial <= high:
            yield f"initial_soc {initial:g} must be between min_soc {low:g} and max_soc {high:g}; correct it, or leave it out"


class HomeLoadConfiguration(Section):
    """What draws power; all but the car stays below `peak_load_kw`."""

    base_load_kw: float = Field(default=0.5, ge=0, le=MOST_KW)
    peak_load_kw: float = Field(default=8.0, ge=0, le=MOST_KW)
    has_ev: bool = True
    ev_charging_kw: float = Field(default=7.2, gt=0, le=1000)
    hvac_capacity_kw: float = Field(default=3.5, ge=0, le=MOST_KW)

    @classmethod
    def _among(cls, numbers: Mapping[str, float]) -> Iterator[str]:
        values = cls._completed(numbers)
        base, peak = values["base_load_kw"], values["peak_load_kw"]
        if base > peak:
            yield f"base_load_kw {base:g} must not be above peak_load_kw {peak:g}; lower it, or raise the other"


class GridPriceConfiguration(Section):
    """Prices per kWh. `demand_charge` is per kW of the month's peak; it becomes part of the tariff only when it is written here."""

    off_peak_price: float = Field(default=0.08, ge=-100, le=100)
    shoulder_price: float = Field(default=0.15, ge=-100, le=100)
    peak_price: float = Field(default=0.30, ge=-100, le=100)
    base_feed_in_tariff: float = Field(default=0.05, ge=-100, le=100)
    demand_charge: float = Field(default=10.0, ge=0, le=10_000)
    volatility: float = Field(default=0.15, ge=0, le=1)
    currency: Currency = "USD"


_Rate = Annotated[float, Field(ge=0, le=MOST_PER_DAY)]
_Minutes = Annotated[float, Field(gt=0, le=LONGEST_MINUTES)]


class FaultsConfiguration(Section):
    """What goes wrong in `--historical`, how often a day each kind begins, and for how many minutes on average."""

    gaps_per_day: _Rate = 0.0
    gap_minutes: _Minutes = 45.0
    missing_values_per_day: _Rate = 0.0
    missing_value_minutes: _Minutes = 30.0
    stuck_per_day: _Rate = 0.0
    stuck_minutes: _Minutes = 120.0
    spikes_per_day: _Rate = 0.0
    clock_skews_per_day: _Rate = 0.0
    clock_skew_minutes: _Minutes = 720.0
    late_per_day: _Rate = 0.0
    late_minutes: _Minutes = 30.0
    duplicates_per_day: _Rate = 0.0
    unit_slips_per_day: _Rate = 0.0
    unit_slip_minutes: _Minutes = 360.0

    def to_faults(self) -> Faults:
        return Faults(**dict(self))


class GatewayConfiguration(Wire):
    """One simulated gateway. Every field is optional; `"battery": null` is a home without one."""

    device_id: Identifier = "edge-gateway-001"
    site_id: Identifier | None = None
    """None: the device's."""
    region: Identifier | None = None
    """Sites of one region share weather and market; None: a weather and market of its own."""
    timezone: Annotated[str, AfterValidator(_known_zone)] = "America/Los_Angeles"
    holiday_calendar: str | None = Field(default=None, max_length=64)
    """ISO 3166 country, or country and subdivision, such as DE-BW; `none` is no calendar; None: the country of the time zone."""
    weather_file: FileName | None = None
    """Real weather as CSV or Parquet (`timestamp`, `temperature_celsius`, `ghi_w_m2`, hourly means or finer), or a download of
    Open-Meteo; where it says nothing the simulated weather stands in. As `output_file`, relative to the current folder."""
    sites: int = Field(default=1, ge=1, le=MOST_SITES)
    """How many homes `--historical` makes: each another home, of one region."""
    interval_seconds: int = Field(default=300, ge=1, le=86_400)
    output_file: FileName | None = None
    seed: int | None = Field(default=None, ge=-(2**63), le=2**63 - 1)
    solar: SolarConfiguration = SolarConfiguration()
    battery: BatteryConfiguration | None = BatteryConfiguration()
    home_load: HomeLoadConfiguration = HomeLoadConfiguration()
    grid_price: GridPriceConfiguration = GridPriceConfiguration()
    faults: FaultsConfiguration = FaultsConfiguration()
    """None unless written."""

    @property
    def calendar(self) -> str | None:
        """Whose public holidays are kept; None: nobody's, as where the time zone is no country's."""
        if self.holiday_calendar is None:
            return country_of(self.timezone)
        return None if self.holiday_calendar == NO_CALENDAR else self.holiday_calendar

    def to_home(self) -> Home:
        """The home as its plant knows it, without what must be looked up: holidays and weather."""
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


SECTIONS: Mapping[str, type[Section]] = {
    "solar": SolarConfiguration,
    "battery": BatteryConfiguration,
    "home_load": HomeLoadConfiguration,
    "grid_price": GridPriceConfiguration,
    "faults": FaultsConfiguration,
}


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
