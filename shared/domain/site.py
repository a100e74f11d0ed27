"""A site and its devices."""

from dataclasses import dataclass, field
from datetime import timedelta

from shared.domain.errors import (
    InvalidValueError,
    require_above,
    require_at_least,
    require_between,
    require_identifier,
)
from shared.domain.time import zone

RESOLUTIONS = tuple(timedelta(minutes=minutes) for minutes in (5, 15, 30, 60))


@dataclass(frozen=True, slots=True, kw_only=True)
class BatterySpec:
    """A battery as a plan sees it. State of charge in percent of capacity (0-100), efficiencies as fractions (0-1]."""

    capacity_kwh: float
    max_charge_rate_kw: float
    max_discharge_rate_kw: float
    charge_efficiency: float = 0.95
    discharge_efficiency: float = 0.95
    min_soc_percent: float = 10.0
    max_soc_percent: float = 90.0
    wear_cost_per_kwh: float | None = None
    """Per kWh of change of stored energy, either way; None means the planner's default, 0 means none."""

    def __post_init__(self) -> None:
        require_above("capacity_kwh", self.capacity_kwh, 0.0)
        require_at_least("max_charge_rate_kw", self.max_charge_rate_kw, 0.0)
        require_at_least("max_discharge_rate_kw", self.max_discharge_rate_kw, 0.0)
        require_between("charge_efficiency", self.charge_efficiency, 1e-3, 1.0)
        require_between("discharge_efficiency", self.discharge_efficiency, 1e-3, 1.0)
        require_between("min_soc_percent", self.min_soc_percent, 0.0, 100.0)
        require_between("max_soc_percent", self.max_soc_percent, 0.0, 100.0)
        if self.min_soc_percent > self.max_soc_percent:
            raise InvalidValueError("min_soc_percent", self.min_soc_percent, f"must not be above max_soc_percent {self.max_soc_percent:g}")
        if self.wear_cost_per_kwh is not None:
            require_at_least("wear_cost_per_kwh", self.wear_cost_per_kwh, 0.0)

    @property
    def min_energy_kwh(self) -> float:
        return self.capacity_kwh * self.min_soc_percent / 100.0

    @property
    def max_energy_kwh(self) -> float:
        return self.capacity_kwh * self.max_soc_percent / 100.0

    @property
    def usable_kwh(self) -> float:
        return self.max_energy_kwh - self.min_energy_kwh


@dataclass(frozen=True, slots=True, kw_only=True)
class SolarSpec:
    """A solar array. Tilt 0 is flat; azimuth 180 is south (None: towards the equator)."""

    capacity_kw: float
    tilt_degrees: float = 30.0
    azimuth_degrees: float | None = None

    def __post_init__(self) -> None:
        require_at_least("solar capacity_kw", self.capacity_kw, 0.0)
        require_between("tilt_degrees", self.tilt_degrees, 0.0, 90.0)
        if self.azimuth_degrees is not None:
            require_between("azimuth_degrees", self.azimuth_degrees, 0.0, 360.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvSpec:
    """An electric vehicle's charge point."""

    max_charge_rate_kw: float

    def __post_init__(self) -> None:
        require_above("EV max_charge_rate_kw", self.max_charge_rate_kw, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class GridConnection:
    """What the connection allows; None means no limit."""

    max_import_kw: float | None = None
    max_export_kw: float | None = None

    def __post_init__(self) -> None:
        for name in ("max_import_kw", "max_export_kw"):
            value = getattr(self, name)
            if value is not None:
                require_at_least(name, value, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One metered place. `resolution` is the step of its forecasts and schedules."""

    site_id: str
    name: str = ""
    timezone: str = "UTC"
    latitude: float | None = None
    longitude: float | None = None
    resolution: timedelta = timedelta(minutes=15)
    battery: BatterySpec | None = None
    solar: SolarSpec | None = None
    ev: EvSpec | None = None
    grid: GridConnection = field(default_factory=GridConnection)
    simulated: bool = False
    """True when its readings come from the gateway simulator."""
    live: bool = True
    """False for imported history: then "now" at this site is the end of its newest reading."""

    def __post_init__(self) -> None:
        require_identifier("site_id", self.site_id)
        zone(self.timezone)
        if (self.latitude is None) != (self.longitude is None):
            raise InvalidValueError("latitude, longitude", (self.latitude, self.longitude), "give both or neither")
        if self.latitude is not None and self.longitude is not None:
            require_between("latitude", self.latitude, -90.0, 90.0)
            require_between("longitude", self.longitude, -180.0, 180.0)
        if self.resolution not in RESOLUTIONS:
            raise InvalidValueError("resolution", str(self.resolution), "must be 5, 15, 30 or 60 minutes")
