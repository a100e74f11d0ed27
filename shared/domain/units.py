"""The only unit conversions. Each accepts a float or a numpy array and returns the same kind."""

from datetime import timedelta
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Quantity = TypeVar("Quantity", float, NDArray[np.float64])

WATTS_PER_KW = 1000.0
SECONDS_PER_HOUR = 3600.0


def hours(step: timedelta) -> float:
    """The length of a step in hours."""
    return step.total_seconds() / SECONDS_PER_HOUR


def kw_from_w(power_w: Quantity) -> Quantity:
    """Watts to kilowatts."""
    return power_w / WATTS_PER_KW


def kwh_from_kw(power_kw: Quantity, step: timedelta) -> Quantity:
    """The energy of a mean power held over one step."""
    return power_kw * hours(step)


def kw_from_kwh(energy_kwh: Quantity, step: timedelta) -> Quantity:
    """The mean power that moves this energy in one step."""
    return energy_kwh / hours(step)


def kwh_from_soc_percent(soc_percent: Quantity, capacity_kwh: float) -> Quantity:
    """State of charge (0-100) to stored energy."""
    return soc_percent * (capacity_kwh / 100.0)


def soc_percent_from_kwh(energy_kwh: Quantity, capacity_kwh: float) -> Quantity:
    """Stored energy to state of charge (0-100)."""
    return energy_kwh * (100.0 / capacity_kwh)


def price_per_kwh_from_per_mwh(price_per_mwh: Quantity) -> Quantity:
    """Wholesale quotation to the unit used everywhere inside."""
    return price_per_mwh / 1000.0


def carbon_intensity_g_kwh_from_kg_kwh(carbon_kg_per_kwh: Quantity) -> Quantity:
    """Kilograms to grams of CO2 equivalent per kWh."""
    return carbon_kg_per_kwh * 1000.0
