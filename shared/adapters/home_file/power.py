"""To our units: watts, energies of an interval and running meters to kW; prices to per kWh; charge to percent; carbon to grams."""

from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from shared.adapters.home_file.choice import Source
from shared.adapters.home_file.moments import Stamps
from shared.adapters.home_file.names import ENERGY_UNITS, Unit
from shared.adapters.home_file.roles import Kind
from shared.domain.units import carbon_intensity_g_kwh_from_kg_kwh, kw_from_kwh, kw_from_w, price_per_kwh_from_per_mwh

Numbers = NDArray[np.float64]
MOSTLY = 0.85
"""Share of rising steps from which an energy column is a running meter: one that starts anew each day still rises in 23 of 24."""
_TO_KILO = {Unit.KW: 1.0, Unit.KWH: 1.0, Unit.W: 0.001, Unit.WH: 0.001, Unit.MW: 1000.0, Unit.MWH: 1000.0}
LONG_ENOUGH = 48
"""Rows from which a column without unit that only rises is a meter, not a morning."""
CENTS = 100.0
IMPLAUSIBLE_PRICE = 5.0
"""A median above it is no price per kWh in any currency of the trade that we know; the unit must then be stated."""
IMPLAUSIBLE_LOAD_KW = 200.0


class Converted:
    """Values in our unit, the conversion in words, and what a person should know of it."""

    def __init__(self, values: Numbers, words: str, *notes: str) -> None:
        self.values = values
        self.words = words
        self.notes = notes


def convert(source: Source, values: Numbers, stamps: Stamps, resolution: timedelta) -> Converted | None:
    """One column's values in our unit; None (never a guess) when nothing says what they are. `stamps` are sorted."""
    match source.role.kind:
        case Kind.POWER:
            return _power(source, values, stamps, resolution)
        case Kind.PRICE:
            return _price(source, values)
        case Kind.PERCENT:
            return _percent(values)
        case Kind.CARBON:
            return _carbon(source, values)
        case Kind.PLAIN:
            return Converted(values, "")


def _power(source: Source, values: Numbers, stamps: Stamps, resolution: timedelta) -> Converted:
    stated = source.unit
    factor = _TO_KILO[stated or Unit.KW]
    name = source.role.name
    if stated in ENERGY_UNITS and runs_on(values, share=MOSTLY):
        power, resets = from_meter(values * factor, stamps, resolution)
        note = (f"{name}: the meter starts anew {resets} times; what is not known there is missing",) if resets else ()
        return Converted(power, f"{stated}, running meter, differences", *note)
    if stated in ENERGY_UNITS:
        return Converted(kw_from_kwh(values * factor, resolution), f"{stated} in each interval, divided by its hours")
    theirs = "+".join(source.columns)
    if stated is None and runs_on(values, share=0.999) and np.isfinite(values).sum() >= LONG_ENOUGH:
        power, _ = from_meter(values, stamps, resolution)
        hint = f"{name}: taken as a running meter in kWh; if it counts Wh say --map {name.removesuffix('_kw')}_wh={theirs}"
        return Converted(power, "no unit but always rising: running meter in kWh, differences", hint)
    power = kw_from_w(values) if stated is Unit.W else values * factor
    middle = float(np.nanmedian(np.abs(power)))
    note = ()
    if name == "load_kw" and middle > IMPLAUSIBLE_LOAD_KW:
        note = (f"warning: the median of load_kw is {middle:.0f} kW, more than a home draws; if it is in watts say --map load_w={theirs}",)
    words = {Unit.W: "W, divided by 1000", Unit.MW: "MW, multiplied by 1000", Unit.KW: "kW", None: "no unit in the name, taken as kW"}
    return Converted(power, words[stated], *note)


def runs_on(values: Numbers, *, share: float) -> bool:
    """Whether values run like a meter: nearly every change is a rise, and in all they rise."""
    known = values[np.isfinite(values)]
    steps = np.diff(known)
    changes = steps[steps != 0]
    return len(changes) >= 5 and float((changes > 0).mean()) >= share and bool(np.nanmax(known) > 0)


def from_meter(readings: Numbers, stamps: Stamps, resolution: timedelta) -> tuple[Numbers, int]:
    """Mean power from each reading of a meter (kWh) to the next, shape (rows,), and how often the meter started anew.

    NaN at the last row, across gaps, and where a new start hides more than one step.
    """
    steps = np.diff(readings, append=np.nan)
    hours = np.append(np.diff(stamps).astype("timedelta64[us]").astype(np.float64), np.nan) / 3.6e9
    anew = steps < 0
    if anew.any():
        usual = float(np.nanquantile(steps[~anew], 0.999)) if np.isfinite(steps[~anew]).any() else 0.0
        since = np.append(readings[1:], np.nan)
        steps = np.where(anew, np.where(since <= 1.5 * usual, since, np.nan), steps)
    steps[hours > 1.5 * resolution.total_seconds() / 3600] = np.nan
    return steps / hours, int(anew.sum())


def _price(source: Source, values: Numbers) -> Converted | None:
    match source.unit:
        case Unit.PER_MWH:
            return Converted(price_per_kwh_from_per_mwh(values), "per MWh, divided by 1000")
        case Unit.CENT_PER_KWH:
            return Converted(values / CENTS, "ct/kWh, divided by 100")
        case Unit.PER_KWH:
            return Converted(values, "per kWh")
    middle = float(np.nanmedian(np.abs(values)))
    if middle > IMPLAUSIBLE_PRICE and not source.asked:
        return None
    note = (f"warning: the median of {source.role.name} is {middle:g} per kWh; if it is per MWh say --map price_per_mwh=...",)
    return Converted(values, "no unit in the name, taken per kWh", *(note if middle > IMPLAUSIBLE_PRICE else ()))


def _percent(values: Numbers) -> Converted:
    top = float(np.nanmax(values))
    if 0 < top <= 1.0:
        return Converted(values * 100.0, "0 to 1, multiplied by 100")
    return Converted(values, "%")


def _carbon(source: Source, values: Numbers) -> Converted:
    if source.unit is Unit.KG_PER_KWH:
        return Converted(carbon_intensity_g_kwh_from_kg_kwh(values), "kg/kWh, multiplied by 1000")
    if source.unit is None and float(np.nanmax(np.abs(values))) < 3.0:
        return Converted(carbon_intensity_g_kwh_from_kg_kwh(values), "no unit, below 3: taken as kg/kWh, multiplied by 1000")
    return Converted(values, "g/kWh")
