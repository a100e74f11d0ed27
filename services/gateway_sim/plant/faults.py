"""Faults on demand, for testing whatever receives readings: which kinds there are, how often, how long, and when.

When a fault happens is a function of the home and the hour alone, so a part of a range meets the faults of the whole.
"""

from dataclasses import dataclass, fields
from enum import StrEnum
from math import ceil

import numpy as np
from numpy.typing import NDArray

from services.gateway_sim.plant.equipment import Home
from services.gateway_sim.plant.noise import HOUR_US, Integers, Stream
from shared.domain.errors import require_above, require_between

MOST_PER_DAY = 1440.0
LONGEST_MINUTES = 10_080.0
"""A week, on average."""
_MINUTE_US = HOUR_US // 60
_LONGEST_IN_MEANS = 4.0
"""No fault lasts longer than this many times the mean, so nothing older matters."""
_NUMBERS = 6
"""Drawn for each event: whether, when, how long, and three for what it does."""


class Kind(StrEnum):
    """What is wrong."""

    GAP = "gap"
    """The reading never comes."""
    MISSING_VALUE = "missing_value"
    """One value of the reading is missing."""
    STUCK = "stuck"
    """A sensor repeats the value it had when it stuck."""
    SPIKE = "spike"
    """One value far from the truth, for one reading."""
    CLOCK_SKEW = "clock_skew"
    """The device's clock is ahead or behind, steadily or drifting away."""
    LATE = "late"
    """The reading comes after later ones."""
    DUPLICATE = "duplicate"
    """The reading comes again under the same key, as it was or with a slightly different value."""
    UNIT_SLIP = "unit_slip"
    """Watts for kilowatts, watt-hours for kilowatt-hours, a fraction for percent, cents for the currency, or the wrong sign."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """How often each kind begins, per day, and how long it lasts on average. Raises `InvalidValueError` for impossible numbers."""

    gaps_per_day: float = 0.0
    gap_minutes: float = 45.0
    missing_values_per_day: float = 0.0
    missing_value_minutes: float = 30.0
    stuck_per_day: float = 0.0
    stuck_minutes: float = 120.0
    spikes_per_day: float = 0.0
    clock_skews_per_day: float = 0.0
    clock_skew_minutes: float = 720.0
    late_per_day: float = 0.0
    late_minutes: float = 30.0
    """How much later than measured; for as long, readings are late."""
    duplicates_per_day: float = 0.0
    unit_slips_per_day: float = 0.0
    unit_slip_minutes: float = 360.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name.endswith("_per_day"):
                require_between(f"faults {field.name}", value, 0.0, MOST_PER_DAY)
            else:
                require_above(f"faults {field.name}", value, 0.0)
                require_between(f"faults {field.name}", value, 0.0, LONGEST_MINUTES)

    @property
    def any(self) -> bool:
        """Whether anything can go wrong."""
        return any(getattr(self, field.name) > 0.0 for field in fields(self) if field.name.endswith("_per_day"))

    def rate_and_minutes(self, kind: Kind) -> tuple[float, float]:
        """How often per day, and for how long (0: one reading)."""
        return {
            Kind.GAP: (self.gaps_per_day, self.gap_minutes),
            Kind.MISSING_VALUE: (self.missing_values_per_day, self.missing_value_minutes),
            Kind.STUCK: (self.stuck_per_day, self.stuck_minutes),
            Kind.SPIKE: (self.spikes_per_day, 0.0),
            Kind.CLOCK_SKEW: (self.clock_skews_per_day, self.clock_skew_minutes),
            Kind.LATE: (self.late_per_day, self.late_minutes),
            Kind.DUPLICATE: (self.duplicates_per_day, 0.0),
            Kind.UNIT_SLIP: (self.unit_slips_per_day, self.unit_slip_minutes),
        }[kind]


@dataclass(frozen=True, slots=True)
class Event:
    """A time in which something is wrong."""

    start_us: int
    end_us: int
    """Not included; at least one step after the start, so that one reading at least is touched."""
    which: float
    size: float
    side: float
    """Three numbers in (0, 1): what it does."""

    def rows(self, stamps_us: Integers) -> slice:
        """Those of sorted instants that it touches."""
        first, beyond = np.searchsorted(stamps_us, [self.start_us, self.end_us])
        return slice(int(first), int(beyond))


def events_of(home: Home, faults: Faults, kind: Kind, stamps_us: Integers, *, step_us: int) -> list[Event]:
    """The events of one kind that touch sorted readings, by their start. It does not matter which other readings there are."""
    per_day, minutes = faults.rate_and_minutes(kind)
    if per_day == 0.0 or not len(stamps_us):
        return []
    mean_us = minutes * _MINUTE_US
    longest_us = max(ceil(_LONGEST_IN_MEANS * mean_us), step_us)
    draws = ceil(per_day / 24.0)
    hours = np.arange((int(stamps_us[0]) - longest_us) // HOUR_US, int(stamps_us[-1]) // HOUR_US + 1, dtype=np.int64)
    drawn = Stream.of(home.seed, home.site_id, f"fault {kind}").uniform(hours, draws * _NUMBERS).reshape(len(hours), draws, _NUMBERS)
    happens: NDArray[np.bool_] = drawn[:, :, 0] < per_day / (24.0 * draws)
    number = drawn[happens]
    start = np.repeat(hours, happens.sum(axis=1)) * HOUR_US + (number[:, 1] * HOUR_US).astype(np.int64)
    length = np.minimum(-np.log(number[:, 2]), _LONGEST_IN_MEANS) * mean_us
    end = start + np.maximum(length.astype(np.int64), step_us)
    touches = np.searchsorted(stamps_us, start) < np.searchsorted(stamps_us, end)
    rows = np.flatnonzero(touches)
    rows = rows[np.argsort(start[rows], kind="stable")]
    columns = zip(start[rows].tolist(), end[rows].tolist(), *number[rows, 3:].T.tolist(), strict=True)
    return [Event(*event) for event in columns]
