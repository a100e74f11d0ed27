"""What a site can steer besides its battery: vehicles, loads that can wait, heat that can be made ahead, a shared inverter.

Steps are indices into the problem's grid. A wish that cannot be met (a target, a run, a comfort) is missed at a price and reported.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.domain.errors import InvalidValueError, require_above, require_at_least, require_between, require_identifier

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvSession:
    """A vehicle that is plugged in over the steps `arrival <= step < departure` and wishes a state of charge when it leaves."""

    name: str
    arrival: int
    """First step at the charge point; 0 or before: there already."""
    departure: int
    """First step it is gone; may lie beyond the horizon: then the share of the way that lies within it is wished for."""
    capacity_kwh: float
    initial_soc_percent: float
    target_soc_percent: float
    max_charge_rate_kw: float
    min_charge_rate_kw: float = 0.0
    """It charges with at least this, or not at all."""
    charge_efficiency: float = 0.9
    max_discharge_rate_kw: float = 0.0
    """Above 0 it may give energy back."""
    discharge_efficiency: float = 0.9
    min_soc_percent: float = 0.0
    """It is not discharged below this."""
    wear_cost_per_kwh: float = 0.0
    """Per kWh taken from the vehicle's battery."""

    def __post_init__(self) -> None:
        require_identifier("ev name", self.name)
        require_above("capacity_kwh", self.capacity_kwh, 0.0)
        require_between("initial_soc_percent", self.initial_soc_percent, 0.0, 100.0)
        require_between("target_soc_percent", self.target_soc_percent, 0.0, 100.0)
        require_between("min_soc_percent", self.min_soc_percent, 0.0, 100.0)
        require_at_least("max_charge_rate_kw", self.max_charge_rate_kw, 0.0)
        require_between("min_charge_rate_kw", self.min_charge_rate_kw, 0.0, self.max_charge_rate_kw)
        require_at_least("max_discharge_rate_kw", self.max_discharge_rate_kw, 0.0)
        require_between("charge_efficiency", self.charge_efficiency, 1e-3, 1.0)
        require_between("discharge_efficiency", self.discharge_efficiency, 1e-3, 1.0)
        require_at_least("wear_cost_per_kwh", self.wear_cost_per_kwh, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeferrableLoad:
    """A load that runs once within the steps `earliest <= step < latest`, as one run or in parts."""

    name: str
    earliest: int
    latest: int
    """The run has ended before this step."""
    power_kw: Array
    """Of each step of the run, shape (run steps,); equal throughout where the run may be interrupted."""
    interruptible: bool = False
    min_run_steps: int = 1
    """The least length of a part of an interruptible run."""

    def __post_init__(self) -> None:
        require_identifier("load name", self.name)
        if self.power_kw.ndim != 1 or not len(self.power_kw) or not np.isfinite(self.power_kw).all() or (self.power_kw < 0).any():
            raise InvalidValueError("power_kw", self.power_kw.tolist(), "must hold at least one number, none of them negative")
        if self.interruptible and float(np.ptp(self.power_kw)) > 0:
            raise InvalidValueError("power_kw", self.power_kw.tolist(), "must be one power where the run may be interrupted")
        require_between("min_run_steps", self.min_run_steps, 1, len(self.power_kw))


@dataclass(frozen=True, slots=True, kw_only=True)
class ThermalStore:
    """Heat that is made by electricity ahead of its use: a hot-water tank, or a house that a heat pump keeps warm.

    stored[t + 1] = stored[t] x exp(-loss_per_hour x hours) + (cop[t] x power[t] - demand_kw[t]) x hours, in kWh of heat.
    """

    name: str
    max_power_kw: float
    """Electrical."""
    capacity_kwh: float
    """Heat between the lowest and the highest temperature; above it the heater is off, below 0 comfort is missed at a price."""
    initial_percent: float
    demand_kw: Array
    """Heat that is used in each step, shape (steps,)."""
    cop: Array
    """Heat per electricity in each step, shape (steps,): 1 for a heating element."""
    min_power_kw: float = 0.0
    """It runs with at least this, or not at all."""
    loss_per_hour: float = 0.0
    """Share of the stored heat that is lost in an hour."""
    terminal_value_per_kwh: float = 0.0
    """Of heat left at the end."""

    def __post_init__(self) -> None:
        require_identifier("thermal store name", self.name)
        require_at_least("max_power_kw", self.max_power_kw, 0.0)
        require_between("min_power_kw", self.min_power_kw, 0.0, self.max_power_kw)
        require_above("capacity_kwh", self.capacity_kwh, 0.0)
        require_between("initial_percent", self.initial_percent, 0.0, 100.0)
        require_at_least("loss_per_hour", self.loss_per_hour, 0.0)
        for name, values, low in (("demand_kw", self.demand_kw, 0.0), ("cop", self.cop, 0.1)):
            if values.ndim != 1 or not np.isfinite(values).all() or (values < low).any():
                raise InvalidValueError(name, "a value", f"must hold one finite number for each step, none below {low:g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class HybridInverter:
    """Solar and battery share one inverter: what passes between them stays direct current and loses nothing here.

    `solar_kw` and the battery's powers are then on the direct-current side. It inverts or rectifies, never both at once.
    """

    max_output_kw: float
    """To the alternating-current side, at that side."""
    max_input_kw: float = 0.0
    """From the alternating-current side, at that side; 0: the grid cannot charge the battery."""
    inverting_efficiency: float = 0.97
    rectifying_efficiency: float = 0.97

    def __post_init__(self) -> None:
        require_at_least("max_output_kw", self.max_output_kw, 0.0)
        require_at_least("max_input_kw", self.max_input_kw, 0.0)
        require_between("inverting_efficiency", self.inverting_efficiency, 1e-3, 1.0)
        require_between("rectifying_efficiency", self.rectifying_efficiency, 1e-3, 1.0)

    def to_house_kw(self, direct_kw: Array) -> Array:
        """What a surplus (> 0) or deficit of direct current is on the other side, shape as given."""
        return np.where(direct_kw > 0, direct_kw * self.inverting_efficiency, direct_kw / self.rectifying_efficiency)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taper:
    """Charging slows as the battery fills, discharging as it empties: power limits on lines between points of charge.

    Each curve is concave, so that it cuts off no plan between its points; the lower of curve and rate holds.
    """

    charge: tuple[tuple[float, float], ...] = ()
    """(soc_percent, kW) by rising state of charge at the step's start."""
    discharge: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        for name in ("charge", "discharge"):
            points = getattr(self, name)
            if not points:
                continue
            soc, power = np.array(points, dtype=np.float64).T
            if len(points) < 2 or (np.diff(soc) <= 0).any() or soc[0] < 0 or soc[-1] > 100 or (power < 0).any():
                raise InvalidValueError(
                    f"{name} taper", points, "needs two points or more by rising percent (0-100), with no negative power"
                )
            if (np.diff(np.diff(power) / np.diff(soc)) > 1e-9).any():
                raise InvalidValueError(f"{name} taper", points, "must be concave: its slope must not rise with the state of charge")


@dataclass(frozen=True, slots=True, kw_only=True)
class Devices:
    """Everything a site can steer besides its battery."""

    evs: tuple[EvSession, ...] = ()
    deferrable: tuple[DeferrableLoad, ...] = ()
    thermal: tuple[ThermalStore, ...] = ()

    def __post_init__(self) -> None:
        names = [device.name for group in (self.evs, self.deferrable, self.thermal) for device in group]
        if len(set(names)) < len(names):
            raise InvalidValueError("device names", names, "must differ from each other")

    def __bool__(self) -> bool:
        return bool(self.evs or self.deferrable or self.thermal)
