"""Readings as a gateway with faults would deliver them, and the labels that tell what is wrong with them.

Values first, each by at most one fault: missing, else in a wrong unit, else stuck, else a spike. Then rows: those in a gap are
gone; a skewed clock moves their stamps; late ones come after later ones; some come twice. A row that comes twice has no other
wrong value, so the two differ by what the labels say.

Damage what the receiver would see: round first, and do not make sums again afterwards.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.gateway_sim.plant.columns import ReadingArrays
from services.gateway_sim.plant.equipment import Home
from services.gateway_sim.plant.fault_labels import DELAY, NEVER_US, ROW, STAMP, FaultLabels, Found, labels_of
from services.gateway_sim.plant.fault_values import COLUMN, DECIMALS, ValueFaults, Values, measured_columns
from services.gateway_sim.plant.faults import Event, Faults, Kind, events_of
from services.gateway_sim.plant.noise import Floats, Integers
from services.gateway_sim.plant.steps import instants64

LEAST_SKEW_SECONDS, MOST_SKEW_SECONDS = 5.0, 10_800.0
DUPLICATE_ERROR_SHARE = 0.01
"""How far a value of a second delivery may be from the first, of its size."""
_COPY_AFTER_STEPS = 6
"""A second delivery comes within so many steps of the first."""
_OTHER_VALUE_SHARE = 0.5
_DRIFTING_SHARE = 0.4
_SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Damaged:
    """Readings in the order of delivery, and the labels."""

    arrays: ReadingArrays
    """Stamps as delivered: neither sorted nor unique."""
    labels: FaultLabels


@dataclass(frozen=True, slots=True)
class _Deliveries:
    """Rows on their way, each array of shape (rows,) or (rows, values)."""

    number: Integers
    """Of the reading since the first."""
    copy: Integers
    """0: the first delivery of a reading; 1, 2 ...: again."""
    due_us: Integers
    """When it arrives."""
    timestamp_us: Integers
    """True."""
    delivered_us: Integers
    """The stamp it bears."""
    values: Floats
    period: Integers

    def rows(self, index: NDArray[np.int64] | NDArray[np.bool_]) -> "_Deliveries":
        return _Deliveries(*(getattr(self, name)[index] for name in _Deliveries.__slots__))

    def with_(self, other: "_Deliveries") -> "_Deliveries":
        return _Deliveries(*(np.concatenate([getattr(self, name), getattr(other, name)]) for name in _Deliveries.__slots__))


class FaultInjector:
    """The faults of one home, for its readings in consecutive pieces, in order.

    Pieces give together what the whole range gives at once. A part of a range meets the faults of the whole, but for what began
    before it: a value stuck earlier sticks at its first reading here, a row late from before does not come, and the last rows
    are not late where nothing follows them.
    """

    def __init__(self, home: Home, faults: Faults, *, step_us: int) -> None:
        self._home = home
        self._faults = faults
        self._step_us = step_us
        self._values = ValueFaults(home, faults, step_us=step_us)
        self._measured = measured_columns(home)
        self._count = 0
        self._newest = -1
        self._waiting: _Deliveries | None = None

    def damage(self, arrays: ReadingArrays, *, last: bool) -> Damaged:
        """What is delivered until the newest of these readings; after the last piece, all that is still on its way."""
        found: list[Found] = []
        on_way = self._on_way(arrays, found)
        if self._waiting is not None:
            on_way = self._waiting.with_(on_way)
        on_way = on_way.rows(np.lexsort((on_way.copy, on_way.number, on_way.due_us)))
        horizon_us = int(arrays.timestamp[-1].astype(np.int64)) if len(arrays) else NEVER_US
        arrived = np.full(len(on_way.due_us), last) | (on_way.due_us <= horizon_us)
        self._waiting = on_way.rows(~arrived)
        done = on_way.rows(arrived)
        self._find_late(done, found)
        return Damaged(
            arrays=ReadingArrays(
                site_id=arrays.site_id,
                device_id=arrays.device_id,
                timestamp=instants64(done.delivered_us),
                values={name: np.ascontiguousarray(done.values[:, index]) for name, index in COLUMN.items()},
                period=done.period,
            ),
            labels=labels_of(self._home.site_id, self._home.device_id, [one for one in found if len(one.timestamp_us)]),
        )

    def _on_way(self, arrays: ReadingArrays, found: list[Found]) -> _Deliveries:
        """Every row of a piece that is ever delivered, and its copies."""
        count, stamps_us = len(arrays), arrays.timestamp.astype(np.int64)
        gone = self._mask(Kind.GAP, stamps_us)
        offset_us = self._offset_us(stamps_us)
        delivered_us = stamps_us + offset_us
        found.append(Found.of_rows(Kind.GAP, ROW, stamps_us[gone], np.full(int(gone.sum()), NEVER_US)))
        moved = (offset_us != 0) & ~gone
        found.append(Found.of_rows(Kind.CLOCK_SKEW, STAMP, stamps_us[moved], delivered_us[moved]))
        values = Values(arrays, delivered_us=delivered_us, gone=gone)
        self._values.damage(values, arrays)
        found += values.found
        rows = _Deliveries(
            number=self._count + np.arange(count, dtype=np.int64),
            copy=np.zeros(count, dtype=np.int64),
            due_us=stamps_us + self._delay_us(stamps_us),
            timestamp_us=stamps_us,
            delivered_us=delivered_us,
            values=values.delivered,
            period=arrays.period,
        )
        copies = self._copies(rows, usable=~gone & ~values.touched.any(axis=1), found=found)
        self._count += count
        return rows.rows(~gone).with_(copies)

    def _offset_us(self, stamps_us: Integers) -> Integers:
        """How far the clock is ahead, in whole seconds; where two events overlap the earlier one has it."""
        offset = np.zeros(len(stamps_us), dtype=np.int64)
        for event in self._events(Kind.CLOCK_SKEW, stamps_us):
            seconds = LEAST_SKEW_SECONDS * (MOST_SKEW_SECONDS / LEAST_SKEW_SECONDS) ** event.which
            rows = event.rows(stamps_us)
            drift = (stamps_us[rows] - event.start_us) / (event.end_us - event.start_us) if event.size < _DRIFTING_SHARE else 1.0
            ahead = np.round(drift * (seconds if event.side < 0.5 else -seconds)).astype(np.int64) * _SECOND_US
            offset[rows] = np.where(offset[rows] == 0, ahead, offset[rows])
        return offset

    def _delay_us(self, stamps_us: Integers) -> Integers:
        """How late each row comes: as long as its event lasts, and a step, so that a later one is there before."""
        delay = np.zeros(len(stamps_us), dtype=np.int64)
        for event in self._events(Kind.LATE, stamps_us):
            rows = event.rows(stamps_us)
            delay[rows] = np.maximum(delay[rows], event.end_us - event.start_us + self._step_us)
        return delay

    def _copies(self, rows: _Deliveries, *, usable: NDArray[np.bool_], found: list[Found]) -> _Deliveries:
        """Second deliveries of rows that are otherwise right, every other one with another value."""
        touched = (
            (event, row) for event in self._events(Kind.DUPLICATE, rows.timestamp_us) for row in _range(event.rows(rows.timestamp_us))
        )
        made = [(event, row) for event, row in touched if usable[row]]
        copies = rows.rows(np.array([row for _, row in made], dtype=np.int64))
        found.append(Found.of_rows(Kind.DUPLICATE, ROW, copies.timestamp_us, copies.delivered_us))
        seen: dict[int, int] = {}
        for place, (event, row) in enumerate(made):
            copies.copy[place] = seen[row] = seen.get(row, 0) + 1
            copies.due_us[place] += int(event.side * _COPY_AFTER_STEPS) * self._step_us
            if event.size < _OTHER_VALUE_SHARE:
                name = self._measured[int(event.which * len(self._measured))]
                true = copies.values[place, COLUMN[name]]
                error = DUPLICATE_ERROR_SHARE * (2.0 * event.size / _OTHER_VALUE_SHARE - 1.0)
                given = np.round(true * (1.0 + error), DECIMALS)
                if not np.isnan(true) and given != true:
                    copies.values[place, COLUMN[name]] = given
                    stamps = copies.timestamp_us[place : place + 1], copies.delivered_us[place : place + 1]
                    found.append(Found(Kind.DUPLICATE, name, *stamps, np.array([true]), np.array([given])))
        return copies

    def _find_late(self, done: _Deliveries, found: list[Found]) -> None:
        """A row is late when a later one was there before it."""
        first = done.rows(done.copy == 0)
        before = np.maximum.accumulate(np.concatenate([[self._newest], first.number]))
        late = first.rows(first.number < before[:-1])
        self._newest = int(before[-1])
        found.append(Found.of_rows(Kind.LATE, DELAY, late.timestamp_us, late.delivered_us, (late.due_us - late.timestamp_us) / _SECOND_US))

    def _mask(self, kind: Kind, stamps_us: Integers) -> NDArray[np.bool_]:
        mask = np.zeros(len(stamps_us), dtype=np.bool_)
        for event in self._events(kind, stamps_us):
            mask[event.rows(stamps_us)] = True
        return mask

    def _events(self, kind: Kind, stamps_us: Integers) -> list[Event]:
        return events_of(self._home, self._faults, kind, stamps_us, step_us=self._step_us)


def _range(rows: slice) -> range:
    return range(rows.start, rows.stop)
