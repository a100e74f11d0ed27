"""What energy costs: flat, time of use in local time, or a dynamic series; feed-in and demand charge."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, time, timedelta

import numpy as np
from numpy.typing import NDArray

from shared.domain.errors import InvalidValueError, require_at_least
from shared.domain.time import LocalClock, TimeGrid, local_clock, zone

Prices = NDArray[np.float64]
SeriesOnGrid = Callable[[str], Prices]
"""Gives the values of a named price series on the grid in question, shape (steps,), NaN where none is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatPrice:
    """One price per kWh at all times."""

    price_per_kwh: float

    def __post_init__(self) -> None:
        _require_finite("price_per_kwh", self.price_per_kwh)


@dataclass(frozen=True, slots=True, kw_only=True)
class TouPeriod:
    """A time-of-use period. Empty months, weekdays: all of them. `end` not after `start` wraps past midnight."""

    name: str
    price_per_kwh: float
    start: time = time(0)
    end: time = time(0)
    months: frozenset[int] = frozenset()
    weekdays: frozenset[int] = frozenset()
    """Monday is 0."""
    holidays: bool | None = None
    """True: only on holidays; False: never on them; None: whatever the day."""

    def __post_init__(self) -> None:
        _require_finite("price_per_kwh", self.price_per_kwh)
        for edge in ("start", "end"):
            if getattr(self, edge).tzinfo is not None:
                raise InvalidValueError(
                    edge, getattr(self, edge).isoformat(), "must be local, without an offset; the tariff names the zone"
                )
        if not self.months <= frozenset(range(1, 13)):
            raise InvalidValueError("months", sorted(self.months), "must be from 1 to 12")
        if not self.weekdays <= frozenset(range(7)):
            raise InvalidValueError("weekdays", sorted(self.weekdays), "must be from 0 (Monday) to 6")

    def applies(self, clock: LocalClock, is_holiday: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which of the instants fall in this period, shape (n,). After midnight of a wrapping period the new day counts."""
        low, high = _hour(self.start), _hour(self.end)
        inside = (clock.hour >= low) & (clock.hour < high) if low < high else (clock.hour >= low) | (clock.hour < high)
        if self.months:
            inside &= np.isin(clock.month, list(self.months))
        if self.weekdays:
            inside &= np.isin(clock.weekday, list(self.weekdays))
        if self.holidays is not None:
            inside &= is_holiday == self.holidays
        return inside


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeOfUsePrice:
    """The first period that applies sets the price; `default` where none does."""

    periods: tuple[TouPeriod, ...]
    default_price_per_kwh: float

    def __post_init__(self) -> None:
        _require_finite("default_price_per_kwh", self.default_price_per_kwh)


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamicPrice:
    """`factor` x series + `surcharge_per_kwh`, never above `ceiling_per_kwh` nor below `floor_per_kwh`."""

    series_id: str
    factor: float = 1.0
    surcharge_per_kwh: float = 0.0
    floor_per_kwh: float | None = None
    ceiling_per_kwh: float | None = None

    def __post_init__(self) -> None:
        if not self.series_id:
            raise InvalidValueError("series_id", self.series_id, "must name a price series")
        _require_finite("factor", self.factor)
        _require_finite("surcharge_per_kwh", self.surcharge_per_kwh)
        low, high = self.floor_per_kwh, self.ceiling_per_kwh
        if low is not None:
            _require_finite("floor_per_kwh", low)
        if high is not None:
            _require_finite("ceiling_per_kwh", high)
        if low is not None and high is not None and low > high:
            raise InvalidValueError("floor_per_kwh", low, f"must not be above ceiling_per_kwh {high:g}")

    def from_series(self, series: Prices) -> Prices:
        """Prices to pay from values of the series; NaN stays NaN."""
        low = -np.inf if self.floor_per_kwh is None else self.floor_per_kwh
        high = np.inf if self.ceiling_per_kwh is None else self.ceiling_per_kwh
        return np.clip(self.factor * series + self.surcharge_per_kwh, low, high)


PriceRule = FlatPrice | TimeOfUsePrice | DynamicPrice


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandCharge:
    """Per kW of the billing month's highest clocked mean import."""

    price_per_kw: float
    averaging: timedelta = timedelta(minutes=15)

    def __post_init__(self) -> None:
        require_at_least("demand charge price_per_kw", self.price_per_kw, 0.0)
        if self.averaging <= timedelta(0):
            raise InvalidValueError("demand charge averaging", str(self.averaging), "must be longer than zero")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """Import and export prices of a site, in one currency, with local times in one zone."""

    currency: str = "EUR"
    timezone: str = "UTC"
    import_price: PriceRule
    export_price: PriceRule
    demand_charge: DemandCharge | None = None
    holiday_calendar: str | None = None
    """ISO 3166 country, with its subdivision where that matters: `DE`, `DE-BW`, `US-CA`."""

    def __post_init__(self) -> None:
        zone(self.timezone)
        if not (len(self.currency) == 3 and self.currency.isascii() and self.currency.isalpha() and self.currency.isupper()):
            raise InvalidValueError("currency", self.currency, "must be an ISO 4217 code such as EUR")

    @property
    def series_ids(self) -> tuple[str, ...]:
        """The price series that this tariff needs, without repetition."""
        rules = (self.import_price, self.export_price)
        return tuple(dict.fromkeys(rule.series_id for rule in rules if isinstance(rule, DynamicPrice)))

    def import_prices(self, grid: TimeGrid, *, series: SeriesOnGrid, holidays: frozenset[date] = frozenset()) -> Prices:
        """Price of each kWh imported in each step, shape (steps,); NaN where its series has no value."""
        return evaluate(self.import_price, grid, timezone=self.timezone, series=series, holidays=holidays)

    def export_prices(self, grid: TimeGrid, *, series: SeriesOnGrid, holidays: frozenset[date] = frozenset()) -> Prices:
        """Price of each kWh exported in each step, shape (steps,); NaN where its series has no value."""
        return evaluate(self.export_price, grid, timezone=self.timezone, series=series, holidays=holidays)


def evaluate(rule: PriceRule, grid: TimeGrid, *, timezone: str, series: SeriesOnGrid, holidays: frozenset[date] = frozenset()) -> Prices:
    """Prices of one rule at the start of each step, shape (steps,)."""
    match rule:
        case FlatPrice():
            return np.full(grid.count, rule.price_per_kwh)
        case DynamicPrice():
            return rule.from_series(series(rule.series_id))
        case TimeOfUsePrice():
            clock = local_clock(grid.starts(), zone(timezone))
            is_holiday = np.isin(clock.date, np.array(sorted(holidays), dtype="datetime64[D]"))
            prices = np.full(grid.count, rule.default_price_per_kwh)
            for period in reversed(rule.periods):  # the first that applies is written last
                prices[period.applies(clock, is_holiday)] = period.price_per_kwh
            return prices


def hold_series(
    timestamps: NDArray[np.datetime64], values: NDArray[np.float64], grid: TimeGrid, *, longest: timedelta = timedelta(hours=1)
) -> Prices:
    """A series on a grid, shape (steps,): each value holds until the next one, at most `longest`; NaN elsewhere.

    Where several values fall in one step the step gets their mean. Timestamps are sorted UTC `datetime64`.
    """
    starts = grid.starts()
    if not len(timestamps) or not len(starts):
        return np.full(grid.count, np.nan)
    stamps = timestamps.astype("datetime64[us]")
    step = np.timedelta64(grid.step // timedelta(microseconds=1), "us")
    newest = np.searchsorted(stamps, starts, side="right") - 1
    held = np.where(newest >= 0, values[np.maximum(newest, 0)], np.nan)
    held[(newest < 0) | (starts - stamps[np.maximum(newest, 0)] >= np.timedelta64(longest // timedelta(microseconds=1), "us"))] = np.nan
    index = ((stamps - starts[0]) // step).astype(np.int64)
    inside = (index >= 0) & (index < grid.count) & np.isfinite(values)
    counts = np.bincount(index[inside], minlength=grid.count)
    sums = np.bincount(index[inside], weights=values[inside], minlength=grid.count)
    return np.where(counts > 1, sums / np.maximum(counts, 1), held)


def _hour(clock: time) -> float:
    """Hours since midnight by the same division as `local_clock`, so that equal times are equal numbers."""
    since_midnight = timedelta(hours=clock.hour, minutes=clock.minute, seconds=clock.second, microseconds=clock.microsecond)
    return since_midnight // timedelta(microseconds=1) / 3.6e9


def _require_finite(name: str, value: float) -> None:
    if not np.isfinite(value):
        raise InvalidValueError(name, value, "must be a finite number")
