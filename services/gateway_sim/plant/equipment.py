"""What stands at a simulated home: the numbers of its plant, with the customer's defaults."""

from dataclasses import dataclass, field
from math import sqrt

from shared.domain.site import BatterySpec, SolarSpec
from shared.domain.time import zone


@dataclass(frozen=True, slots=True, kw_only=True)
class SolarArray:
    """An array with an inverter of the same rating. `temp_coefficient` is the change of power per degree above 25 Celsius."""

    spec: SolarSpec = field(default_factory=lambda: SolarSpec(capacity_kw=10.0))
    panel_efficiency: float = 0.20
    temp_coefficient: float = -0.004


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeBattery:
    """A battery as the planner knows it, and how full it was when it was put to work."""

    spec: BatterySpec
    initial_soc_percent: float = 50.0

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
    bills_demand: bool = False
    """Whether the demand charge is part of the tariff."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """A simulated home: where it is, what it has, and the seed of everything that chance decides."""

    site_id: str = "home"
    device_id: str = "edge-gateway-001"
    timezone: str = "America/Los_Angeles"
    latitude: float = 37.7749
    longitude: float = -122.4194
    seed: int = 0
    solar: SolarArray = field(default_factory=SolarArray)
    battery: HomeBattery | None = field(default_factory=HomeBattery.default)
    household: Household = field(default_factory=Household)
    supplier: Supplier = field(default_factory=Supplier)

    def __post_init__(self) -> None:
        zone(self.timezone)
