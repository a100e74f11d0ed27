"""What stands at a simulated home: the numbers of its plant, with the customer's defaults."""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from math import sqrt

from services.gateway_sim.plant.noise import Floats, Integers
from shared.domain.site import BatterySpec, SolarSpec
from shared.domain.time import zone


class Chemistry(StrEnum):
    """Of the battery's cells."""

    LFP = "lfp"
    """Lithium iron phosphate."""
    NMC = "nmc"
    """Lithium nickel manganese cobalt oxide."""


class Control(StrEnum):
    """What the battery does by itself, when no schedule is in force."""

    SELF_CONSUMPTION = "self_consumption"
    """Store every surplus, cover every deficit."""
    TIME_OF_USE = "time_of_use"
    """Fill from the grid off-peak, cover the peak, store surplus between."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ObservedWeather:
    """Weather that was measured or forecast at the home's place, at sorted instants, shape (n,); NaN where it was not."""

    instants_us: Integers
    """Microseconds since the epoch; each value holds around its instant and lies on the line between two of them."""
    temperature_celsius: Floats
    ghi_w_m2: Floats
    """Global horizontal irradiance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SolarArray:
    """An array and its inverter. `temp_coefficient` is the change of power per degree above 25 Celsius."""

    spec: SolarSpec = field(default_factory=lambda: SolarSpec(capacity_kw=10.0))
    panel_efficiency: float = 0.20
    temp_coefficient: float = -0.004
    inverter_kw: float | None = None
    """What the inverter gives at most; None: as much as the array's rating."""
    soiling: bool = False
    """Whether dust gathers between rains."""
    snow: bool = False
    """Whether snow covers the panels in frost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeBattery:
    """A battery as the planner knows it, and how full it was when it was put to work."""

    spec: BatterySpec
    initial_soc_percent: float = 50.0
    chemistry: Chemistry = Chemistry.LFP
    control: Control = Control.SELF_CONSUMPTION
    standby_w: float = 10.0
    """What the electronics draw without rest: from the cells while these are above their minimum, else from the home."""

    @classmethod
    def default(cls) -> "HomeBattery":
        leg = sqrt(0.90)
        return cls(
            spec=BatterySpec(
                capacity_kwh=13.5, max_charge_rate_kw=5.0, max_discharge_rate_kw=5.0, charge_efficiency=leg, discharge_efficiency=leg
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Household:
    """What can draw power. `base_load_kw` never rests; all but the car stays below `peak_load_kw`."""

    base_load_kw: float = 0.5
    peak_load_kw: float = 8.0
    has_ev: bool = True
    ev_charging_kw: float = 7.2
    hvac_capacity_kw: float = 3.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplier:
    """Prices per kWh by period of use; `volatility` 0 is the plain time-of-use price, 0.15 a lively market."""

    off_peak_price: float = 0.08
    shoulder_price: float = 0.15
    peak_price: float = 0.30
    base_feed_in_tariff: float = 0.05
    demand_charge: float = 10.0
    """Per kW of the month's peak, as readings show it."""
    volatility: float = 0.15
    currency: str = "USD"
    """ISO 4217."""
    bills_demand: bool = False
    """Whether the demand charge is part of the tariff."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """A simulated home: where it is, what it has, and the seed of everything that chance decides."""

    site_id: str = "home"
    device_id: str = "edge-gateway-001"
    region: str | None = None
    """Homes of one region share weather and market; None: this home has its own."""
    timezone: str = "America/Los_Angeles"
    latitude: float = 37.7749
    longitude: float = -122.4194
    region_centre: tuple[float, float] | None = None
    """Latitude and longitude at which the region's market sees the sun, the same for all its homes; None: this home's own."""
    seed: int = 0
    holidays: frozenset[date] = frozenset()
    """Public holidays, on which people live as on a Sunday and the supplier asks weekend prices."""
    weather: ObservedWeather | None = None
    """Real weather; where it is missing, the simulated one stands in."""
    solar: SolarArray = field(default_factory=SolarArray)
    battery: HomeBattery | None = field(default_factory=HomeBattery.default)
    household: Household = field(default_factory=Household)
    supplier: Supplier = field(default_factory=Supplier)

    def __post_init__(self) -> None:
        zone(self.timezone)

    @property
    def place(self) -> str:
        """The name of the weather and the market that this home lives in."""
        return self.region or self.site_id

    @property
    def market_coordinates(self) -> tuple[float, float]:
        """Latitude and longitude of the market."""
        return self.region_centre or (self.latitude, self.longitude)
