"""The history of one target on its regular grid, with what is known ahead of every step."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shared.domain.feature import Availability, FeatureCatalog
from shared.domain.forecast import Target

Values = NDArray[np.float64]
Indices = NDArray[np.int64]

COLUMNS = {Target.LOAD: "load_kw", Target.SOLAR: "solar_kw", Target.PRICE: "price_per_kwh"}
"""The column of a feature table that holds each target."""

KNOWN_AHEAD = "price_known_ahead_hours"
"""The column that says how long before its step a price was published; negative when it came later."""

FORECAST = ("ghi_w_m2", "cloud_cover_percent", "temperature_celsius", "wind_speed_m_s")
"""Columns of the weather as it was forecast."""

FORECAST_AHEAD = "weather_known_ahead_hours"
"""The column that says how long before its step a row's weather was issued; negative for weather that was observed."""

PUBLICATION_HOUR = 14.0
"""Where a table does not say when a price was published: the local hour from which tomorrow's are taken as known. The European
day-ahead auction publishes before 13:00 and is late by up to an hour."""


MOST = 1e9
"""No home, price or angle is larger; what is counts as missing, so that sums stay finite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One target of one site, `count` steps from `start`. Step `i` is `[start + i step, start + (i + 1) step)`.

    `values` is NaN where nothing was measured. Whether step `i` may be used at a moment is decided by its index alone:
    a forecast that knows the steps before `known` reads `values[:known]` and nothing else.
    """

    target: Target
    start: np.datetime64
    step: timedelta
    values: Values
    ahead: Mapping[str, Values]
    """Columns known for any future step, each of shape (count,), in the catalog's order."""
    published: Indices | None
    """For values announced ahead: the step at whose start each becomes known, shape (count,), non-decreasing. None: measured."""
    local_shift: Indices
    """Steps by which local time is ahead of UTC, shape (count,): equal local times lie whole days plus the change of it apart."""
    last_known: Indices = field(init=False)
    """For each `known` in 0..count: one more than the index of the newest value before it, 0 for none; shape (count + 1,)."""
    forecast: dict[str, Values] = field(default_factory=dict)
    """The weather of each step as `FORECAST` names it, each of shape (count,): a row reads it where `forecast_known` says so."""
    forecast_ahead_hours: Values | None = None
    """From the issue of the weather to the start of its step, shape (count,), NaN where there is none. None: none at all."""

    def __post_init__(self) -> None:
        positions = np.where(np.isfinite(self.values), np.arange(1, self.count + 1), 0)
        object.__setattr__(self, "last_known", np.concatenate([[0], np.maximum.accumulate(positions)]).astype(np.int64))

    @property
    def count(self) -> int:
        return len(self.values)

    @property
    def per_hour(self) -> int:
        return int(timedelta(hours=1) / self.step)

    @property
    def per_day(self) -> int:
        return 24 * self.per_hour

    def index_of(self, moment: np.datetime64) -> int:
        """The step that begins at or before the moment; may lie outside the grid."""
        return int((moment - self.start) // _step64(self.step))

    def time_of(self, index: int) -> np.datetime64:
        """The start of a step."""
        moment: np.datetime64 = self.start + index * _step64(self.step)
        return moment

    def ahead_or_nan(self, name: str) -> Values:
        """A column known ahead, NaN throughout where the table has none of that name."""
        column = self.ahead.get(name)
        return np.full(self.count, np.nan) if column is None else column

    def known_at(self, issue: Indices) -> Indices:
        """How many steps a forecast issued at the start of step `issue` may know, without trailing gaps; shape as `issue`.

        Measured values end at the issue, announced ones with what was published by then.
        """
        until = issue if self.published is None else np.maximum(issue, np.searchsorted(self.published, issue, side="right"))
        known: Indices = self.last_known[np.clip(until, 0, self.count)]
        return known

    def known_live(self, issue: int) -> int:
        """As `known_at` for a table read at the moment of issue itself: every announced value in it is published."""
        return int(self.last_known[min(max(issue, 0), self.count) if self.published is None else self.count])

    def forecast_known(self, *, issue: Indices, step: Indices) -> NDArray[np.bool_]:
        """Whether the weather of each step was forecast by the start of the step of issue; shape as both.

        What was issued within the newest step that has any is known in that step already: a live forecast is made later in it.
        """
        if self.forecast_ahead_hours is None:
            return np.zeros(np.broadcast(issue, step).shape, dtype=np.bool_)
        issued = np.arange(self.count) - self.forecast_ahead_hours * self.per_hour
        newest = np.floor(np.nanmax(issued, initial=-np.inf))
        known: NDArray[np.bool_] = np.minimum(issued, newest)[step] <= issue
        return known

    def steps_of_day(self) -> Indices:
        """The step of the local day of each step, shape (count,)."""
        return _steps_of_day(self.start, self.count, self.step, self.local_shift)


def series_from_table(
    table: pd.DataFrame, catalog: FeatureCatalog | None, target: Target, *, step: timedelta, start: np.datetime64, end: np.datetime64
) -> Series:
    """The series of a target on the grid `[start, end)`; what the table does not hold is missing."""
    return series_of_targets(table, catalog, [target], step=step, start=start, end=end)[target]


def series_of_targets(
    table: pd.DataFrame,
    catalog: FeatureCatalog | None,
    targets: Sequence[Target],
    *,
    step: timedelta,
    start: np.datetime64,
    end: np.datetime64,
) -> dict[Target, Series]:
    """`series_from_table` of several targets, which share what is known ahead."""
    count = max(0, int((end - start) // _step64(step)))
    column = _Columns.of(table, start=start, step=step, count=count)
    availability = {spec.name: spec.availability for spec in catalog.features} if catalog else {}
    names = (name for name, when in availability.items() if when is Availability.AHEAD and name not in COLUMNS.values())
    ahead = _AsRead(names=dict.fromkeys(names), column=column)
    shift = _local_shift(ahead.get("hour_local"), start, count, step)
    forecast = {name: ahead[name] if name in ahead else column(name) for name in FORECAST if name in availability}
    forecast_ahead_hours = column(FORECAST_AHEAD) if FORECAST_AHEAD in availability else None

    def published(target: Target) -> Indices | None:
        announced = target is Target.PRICE and availability.get(COLUMNS[target], Availability.AFTER_STEP) is not Availability.AFTER_STEP
        return _published(column(KNOWN_AHEAD), _steps_of_day(start, count, step, shift), step) if announced else None

    return {
        target: Series(
            target=target,
            start=start,
            step=step,
            values=column(COLUMNS[target]),
            ahead=ahead,
            published=published(target),
            local_shift=shift,
            forecast=forecast,
            forecast_ahead_hours=forecast_ahead_hours,
        )
        for target in targets
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Columns:
    """Columns of a table on a grid of `count` steps."""

    table: pd.DataFrame
    rows: slice | Indices
    """Those that lie on the grid; a slice is far cheaper and serves where no row is missing."""
    place: slice | Indices
    """Their steps."""
    count: int

    @staticmethod
    def of(table: pd.DataFrame, *, start: np.datetime64, step: timedelta, count: int) -> "_Columns":
        if not len(table):
            return _Columns(table=table, rows=slice(0), place=slice(0), count=count)
        index = ((_naive(table["timestamp"]) - start) // _step64(step)).astype(np.int64)
        rows = np.flatnonzero((index >= 0) & (index < count))
        place = index[rows]
        if len(rows) and (np.diff(rows) == 1).all() and (np.diff(place) == 1).all():
            whole = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(place[0]), int(place[-1]) + 1)
            return _Columns(table=table, rows=whole[0], place=whole[1], count=count)
        return _Columns(table=table, rows=rows, place=place, count=count)

    def __call__(self, name: str) -> Values:
        """Shape (count,); NaN where there is no row, no column or a value beyond `MOST`."""
        values = np.full(self.count, np.nan)
        if len(self.table) and name in self.table.columns:
            told = self.table[name]
            plain = told.to_numpy() if told.dtype == np.float64 else told.to_numpy(dtype=np.float64, na_value=np.nan)
            chosen = plain[self.rows]
            values[self.place] = np.where(np.abs(chosen) <= MOST, chosen, np.nan)
        return values


@dataclass(frozen=True, slots=True, kw_only=True)
class _AsRead(Mapping[str, Values]):
    """Columns of a table that are made when they are first read: most models read few of them."""

    names: dict[str, None]
    """In order."""
    column: _Columns
    made: dict[str, Values] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Values:
        if name not in self.made:
            if name not in self.names:
                raise KeyError(name)
            self.made[name] = self.column(name)
        return self.made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


def _published(ahead_hours: Values, step_of_day: Indices, step: timedelta) -> Indices:
    """The step at whose start each value becomes known: as the table says, else by the day-ahead rule; at the latest its own end."""
    per_hour = int(timedelta(hours=1) / step)
    index = np.arange(len(ahead_hours))
    by_rule = index - step_of_day - round((24.0 - PUBLICATION_HOUR) * per_hour)
    said = np.where(np.isfinite(ahead_hours), np.ceil(index - np.nan_to_num(ahead_hours) * per_hour), by_rule)
    steps: Indices = np.maximum.accumulate(np.minimum(said, index + 1).astype(np.int64))
    return steps


def _steps_of_day(start: np.datetime64, count: int, step: timedelta, shift: Indices) -> Indices:
    per_day = int(timedelta(days=1) / step)
    first = int((start - start.astype("datetime64[D]")) // _step64(step))
    steps: Indices = (first + np.arange(count) + shift) % per_day
    return steps


def _naive(stamps: "pd.Series[pd.Timestamp]") -> NDArray[np.datetime64]:
    return stamps.to_numpy(dtype="datetime64[us]")  # by UTC, whatever the zone


def _local_shift(hour_local: Values | None, start: np.datetime64, count: int, step: timedelta) -> Indices:
    """The offset of local time in steps, from the local hour of each step; 0 where it is unknown."""
    if hour_local is None:
        return np.zeros(count, dtype=np.int64)
    stamps = start + np.arange(count) * _step64(step)
    utc_hour = (stamps - stamps.astype("datetime64[D]")).astype("timedelta64[us]").astype(np.float64) / 3.6e9
    hours = (hour_local - utc_hour + 12.0) % 24.0 - 12.0
    known = hours if np.isfinite(hours).all() else pd.Series(hours).ffill().bfill().fillna(0.0).to_numpy()
    shift: Indices = np.rint(known * 3600.0 / step.total_seconds()).astype(np.int64)
    return shift


def _step64(step: timedelta) -> np.timedelta64:
    return np.timedelta64(step // timedelta(microseconds=1), "us")
