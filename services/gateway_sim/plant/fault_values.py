"""Wrong values in readings: missing, in a wrong unit, stuck, far from the truth. Each value by at most one fault, in that order."""

from collections.abc import Callable

import numpy as np

from services.gateway_sim.plant.columns import ReadingArrays
from services.gateway_sim.plant.equipment import Home
from services.gateway_sim.plant.fault_labels import Found
from services.gateway_sim.plant.faults import Event, Faults, Kind, events_of
from services.gateway_sim.plant.noise import Floats, Integers
from shared.domain.reading import FIELDS, VALUE_COLUMNS

DECIMALS = 4
"""What a gateway writes, of wrong values too: nobody should find them by their digits."""
_LOADS = ("total_load_kw", "hvac_kw", "appliances_kw", "lighting_kw", "ev_charging_kw", "other_kw")
UNIT_SLIPS: tuple[tuple[tuple[str, ...], float], ...] = (
    (("solar_generation_kw",), 1000.0),
    (("battery_power_kw",), 1000.0),
    (_LOADS, 1000.0),
    (("net_grid_flow_kw",), 1000.0),
    (("battery_capacity_kwh",), 1000.0),
    (("battery_power_kw",), -1.0),
    (("net_grid_flow_kw",), -1.0),
    (("battery_soc_percent",), 0.01),
    (("battery_health_percent",), 0.01),
    (("solar_efficiency_percent",), 0.01),
    (("price_per_kwh",), 100.0),
)
"""Columns that slip together, and the factor."""
_USUAL = {"kw": 2.0, "percent": 30.0, "celsius": 40.0, "v": 20.0, "m2": 500.0}
"""By unit: what a spike is measured by where the true value is small."""
_TOLD = ("battery_capacity_kwh", "battery_cycles")
_MEASURED = tuple(field.column for field in FIELDS if field.section != "grid_price" and field.column not in _TOLD)
"""What sensors tell; the rest is told by the supplier or a data sheet."""

COLUMN = {name: index for index, name in enumerate(VALUE_COLUMNS)}

_Wrong = Callable[[Floats], Floats]


def measured_columns(home: Home) -> tuple[str, ...]:
    """What sensors of this home tell."""
    return tuple(name for name in _MEASURED if _has(home, name))


class Values:
    """The values of some readings, as they are damaged; what is gone altogether is left as it was."""

    def __init__(self, arrays: ReadingArrays, *, delivered_us: Integers, gone: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> None:
        self.stamps_us: Integers = arrays.timestamp.astype(np.int64)
        self.delivered: Floats = np.empty((len(arrays), len(VALUE_COLUMNS)))
        for name, column in COLUMN.items():
            self.delivered[:, column] = arrays.values[name]
        self.touched = np.zeros(self.delivered.shape, dtype=np.bool_)
        self.found: list[Found] = []
        self._delivered_us = delivered_us
        self._gone = gone

    def put(self, kind: Kind, name: str, event: Event, wrong: _Wrong) -> None:
        """Damage a column for the time of an event, where it is right until now and the damage shows."""
        rows, column = event.rows(self.stamps_us), COLUMN[name]
        true = self.delivered[rows, column]
        given = wrong(true)
        shows = ~self.touched[rows, column] & ~self._gone[rows] & ~np.isnan(true) & (given != true)
        where = np.flatnonzero(shows) + rows.start
        self.found.append(Found(kind, name, self.stamps_us[where], self._delivered_us[where], true[shows], given[shows]))
        self.delivered[where, column] = given[shows]
        self.touched[where, column] = True


class ValueFaults:
    """What is wrong with the values of one home; it remembers what stuck in earlier pieces."""

    def __init__(self, home: Home, faults: Faults, *, step_us: int) -> None:
        self._home = home
        self._faults = faults
        self._step_us = step_us
        self._held: dict[tuple[int, str], float] = {}
        self._measured = measured_columns(home)
        self._slips = [(names, factor) for names, factor in UNIT_SLIPS if _has(home, names[0])]

    def damage(self, values: Values, arrays: ReadingArrays) -> None:
        """Damage the values of readings that follow those of the call before."""
        for event in self._events(Kind.MISSING_VALUE, values):
            values.put(Kind.MISSING_VALUE, self._chosen(event), event, _missing)
        for event in self._events(Kind.UNIT_SLIP, values):
            names, factor = self._slips[int(event.which * len(self._slips))]
            for name in names:
                values.put(Kind.UNIT_SLIP, name, event, _scaled(factor))
        for event in self._events(Kind.STUCK, values):
            name = self._chosen(event)
            held = self._holds(event, name, values, arrays)
            if not np.isnan(held):
                values.put(Kind.STUCK, name, event, _constant(held))
        for event in self._events(Kind.SPIKE, values):
            name = self._chosen(event)
            values.put(Kind.SPIKE, name, event, _thrown(event, usual=_USUAL[name.rsplit("_", 1)[-1]]))

    def _events(self, kind: Kind, values: Values) -> list[Event]:
        return events_of(self._home, self._faults, kind, values.stamps_us, step_us=self._step_us)

    def _chosen(self, event: Event) -> str:
        return self._measured[int(event.which * len(self._measured))]

    def _holds(self, event: Event, name: str, values: Values, arrays: ReadingArrays) -> float:
        """The true value at the first reading of the event, which may lie in an earlier piece."""
        key = (event.start_us, name)
        held = self._held.setdefault(key, float(arrays.values[name][event.rows(values.stamps_us).start]))
        if event.end_us <= int(values.stamps_us[-1]):
            del self._held[key]
        return held


def _missing(true: Floats) -> Floats:
    return np.full(len(true), np.nan)


def _scaled(factor: float) -> _Wrong:
    return lambda true: np.round(true * factor, DECIMALS)


def _constant(held: float) -> _Wrong:
    return lambda true: np.full(len(true), held)


def _thrown(event: Event, *, usual: float) -> _Wrong:
    """Three to twelve times as far away as the value is large, mostly upwards."""
    size = (3.0 + 9.0 * event.size) * (1.0 if event.side < 0.7 else -1.0)
    return lambda true: np.round(true + size * np.maximum(np.abs(true), usual), DECIMALS)


def _has(home: Home, name: str) -> bool:
    return home.battery is not None or not name.startswith("battery_")
