"""Time: aware UTC inside, half-open intervals labelled by their start, local time only at the edges of a day."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from shared.domain.errors import InvalidValueError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_DAYS = 99_999_999
_MICROSECOND = timedelta(microseconds=1)
_HOUR_SECONDS = 3600
_DAY_SECONDS = 86_400
_DAY_US = 86_400_000_000
_DURATION = re.compile(r"P(?:([0-9]{1,9})D)?(?:T(?:([0-9]{1,9})H)?(?:([0-9]{1,9})M)?(?:([0-9]{1,9})S)?)?")

Instants = NDArray[np.datetime64]
"""UTC instants as naive `datetime64[us]`."""


def as_utc(moment: datetime, name: str = "timestamp") -> datetime:
    """The same instant in UTC. Raises `InvalidValueError` for a moment without an offset."""
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise InvalidValueError(name, moment.isoformat(), "has no offset; write it as RFC 3339, for example 2024-06-15T14:30:00+00:00")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise InvalidValueError(name, moment.isoformat(), "is outside the years 1 to 9999 in UTC") from None


def parse_instant(text: str, name: str = "timestamp") -> datetime:
    """An RFC 3339 text with offset as UTC. Raises `InvalidValueError` for anything else."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidValueError(name, text, "is not a time; write it as RFC 3339, for example 2024-06-15T14:30:00+00:00") from None
    return as_utc(moment, name)


def format_instant(moment: datetime) -> str:
    """RFC 3339 in UTC, the form of every border: `2024-06-15T14:30:00+00:00`."""
    return as_utc(moment).isoformat()


def parse_duration(text: str, name: str = "resolution") -> timedelta:
    """An ISO 8601 duration of days, hours, minutes and seconds, such as `PT15M`. Raises `InvalidValueError`."""
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groups()) or text.endswith("T"):
        raise InvalidValueError(name, text, "is not an ISO 8601 duration such as PT15M or PT1H")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    if days > _LONGEST_DAYS:
        raise InvalidValueError(name, text, f"must be at most {_LONGEST_DAYS} days; write it as an ISO 8601 duration such as PT15M")
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def format_duration(length: timedelta) -> str:
    """The shortest ISO 8601 form of a whole number of seconds: `PT15M`, `PT1H`, `PT48H`."""
    seconds = int(length.total_seconds())
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    body = "".join(f"{value}{unit}" for value, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if value)
    return f"PT{body or '0S'}"


def zone(name: str, field: str = "timezone") -> ZoneInfo:
    """The IANA zone of that name. Raises `InvalidValueError` for an unknown one."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidValueError(field, name, "is not an IANA time zone such as Europe/Berlin or UTC") from None


def instant64(moment: datetime) -> np.datetime64:
    """An aware moment as naive UTC `datetime64[us]`."""
    return np.datetime64((as_utc(moment) - EPOCH) // _MICROSECOND, "us")


def from_instant64(moment: np.datetime64) -> datetime:
    """The inverse of `instant64`."""
    return EPOCH + int(moment.astype("datetime64[us]").astype(np.int64)) * _MICROSECOND


def floor_to(moment: datetime, step: timedelta) -> datetime:
    """The newest multiple of step since the epoch that is not after the moment, in UTC."""
    moment = as_utc(moment)  # the arithmetic of a zone's wall clock would jump over a change of its offset
    return moment - (moment - EPOCH) % step


def ceil_to(moment: datetime, step: timedelta) -> datetime:
    """The oldest multiple of step since the epoch that is not before the moment, in UTC."""
    floor = floor_to(moment, step)
    return floor if floor == as_utc(moment) else floor + step


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Half-open `[start, end)` in UTC; empty when start equals end. Raises `InvalidValueError` when end is before start."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", as_utc(self.start, "start"))
        object.__setattr__(self, "end", as_utc(self.end, "end"))
        if self.end < self.start:
            raise InvalidValueError("end", self.end.isoformat(), f"must not be before start {self.start.isoformat()}")

    @property
    def duration(self) -> timedelta:
        return self.end - self.start

    def contains(self, moment: datetime) -> bool:
        return self.start <= as_utc(moment) < self.end

    def intersection(self, other: "Interval") -> "Interval | None":
        """The common part, or None where there is none."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Interval(start=start, end=end) if start < end else None

    def pieces(self, longest: timedelta) -> Iterator["Interval"]:
        """Consecutive parts of at most that length that together are this interval. Raises `InvalidValueError` for no length."""
        if longest <= timedelta(0):
            raise InvalidValueError("longest", str(longest), "must be longer than zero")
        start = self.start
        while start < self.end:
            end = min(start + longest, self.end)
            yield Interval(start=start, end=end)
            start = end


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeGrid:
    """`count` consecutive steps from `start`. Steps are elapsed time, so a local day has 92, 96 or 100 quarter-hours."""

    start: datetime
    step: timedelta
    count: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", as_utc(self.start, "start"))
        if self.step <= timedelta(0):
            raise InvalidValueError("step", str(self.step), "must be longer than zero")
        if self.count < 0:
            raise InvalidValueError("count", self.count, "must not be negative")

    @classmethod
    def over(cls, interval: Interval, step: timedelta) -> "TimeGrid":
        """The grid of whole steps since the epoch that begin inside the interval."""
        start = ceil_to(interval.start, step)
        return cls(start=start, step=step, count=max(0, -((start - interval.end) // step)))

    @property
    def end(self) -> datetime:
        return self.start + self.count * self.step

    @property
    def interval(self) -> Interval:
        return Interval(start=self.start, end=self.end)

    @property
    def step_hours(self) -> float:
        return self.step.total_seconds() / 3600.0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> datetime:
        if not 0 <= index < self.count:
            raise IndexError(index)
        return self.start + index * self.step

    def starts(self) -> Instants:
        """Start of every step, shape (count,), naive UTC `datetime64[us]`."""
        return instant64(self.start) + np.arange(self.count) * np.timedelta64(self.step // _MICROSECOND, "us")

    def index_of(self, moment: datetime) -> int:
        """The step that holds the moment. Raises `InvalidValueError` outside the grid."""
        index = (as_utc(moment) - self.start) // self.step
        if not 0 <= index < self.count:
            raise InvalidValueError("timestamp", moment.isoformat(), f"is outside {self.start.isoformat()} to {self.end.isoformat()}")
        return index


def local_day(day: date, tz: ZoneInfo) -> Interval:
    """A calendar day of a zone as a UTC interval of 23, 24 or 25 hours (or what else its zone makes of it)."""
    start = datetime.combine(day, time(0), tzinfo=tz)
    end = datetime.combine(day + timedelta(days=1), time(0), tzinfo=tz)
    return Interval(start=start.astimezone(UTC), end=end.astimezone(UTC))


def local_days(interval: Interval, tz: ZoneInfo) -> Iterator[tuple[date, Interval]]:
    """Each local day that shares time with the interval, with its whole UTC interval. A date that the zone skipped is none."""
    # a zone that sets its clock back over midnight is a day ahead of itself for a while: begin one day early
    day = interval.start.astimezone(tz).date() - timedelta(days=1)
    while (whole := local_day(day, tz)).start < interval.end:
        if whole.intersection(interval):
            yield day, whole
        day += timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalClock:
    """Local calendar fields of many instants, each of shape (n,)."""

    hour: NDArray[np.float64]
    """Hours since local midnight by the wall clock, 0 <= hour < 24."""
    weekday: NDArray[np.int64]
    """Monday is 0."""
    month: NDArray[np.int64]
    day_of_year: NDArray[np.int64]
    date: NDArray[np.datetime64]
    """Local date as `datetime64[D]`."""


def local_clock(instants: Instants, tz: ZoneInfo) -> LocalClock:
    """Local wall-clock fields, exact across changes of the offset."""
    seconds = instants.astype("datetime64[s]").astype(np.int64)
    local_us = instants.astype("datetime64[us]").astype(np.int64) + _offset_seconds(seconds, tz) * 1_000_000
    number = local_us // _DAY_US
    days, row = _distinct(number)
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]").astype(np.int64) % 12 + 1
    day_of_year = (dates - dates.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64) + 1
    return LocalClock(
        hour=(local_us - number * _DAY_US) / 3.6e9,
        weekday=(number + 3) % 7,  # 1970-01-01 was a Thursday
        month=months[row],
        day_of_year=day_of_year[row],
        date=number.astype("datetime64[D]"),
    )


def _distinct(values: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sorted numbers that hold every value, and the row of each value among them. Where values lie close: all numbers between."""
    first, last = (int(values.min()), int(values.max())) if len(values) else (0, 0)
    if last - first <= len(values):
        return np.arange(first, last + 1), values - first
    distinct, row = np.unique(values, return_inverse=True)
    return distinct, row


def _offset_seconds(seconds: NDArray[np.int64], tz: ZoneInfo) -> NDArray[np.int64]:
    """Offset from UTC at seconds since the epoch, shape (n,).

    An offset that is equal at both ends of a day holds throughout it: no zone ever changed there and back within six days.
    In the few other days it is looked up hour by hour, and in the hour of the change instant by instant, because zones have
    changed at odd minutes (and once a second).
    """
    offsets, changes = _between_edges(seconds, _DAY_SECONDS, tz)
    if changes.any():
        rows = np.flatnonzero(changes)
        offsets[rows], changes = _between_edges(seconds[rows], _HOUR_SECONDS, tz)
        for row in rows[changes]:
            offsets[row] = _offset_at(int(seconds[row]), tz)
    return offsets


def _between_edges(seconds: NDArray[np.int64], span: int, tz: ZoneInfo) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The offset at the start of each instant's span (an hour, a day), and whether it is another at its end; shape (n,)."""
    index, row = _distinct(seconds // span)
    starts = np.array([_offset_at(int(edge) * span, tz) for edge in index], dtype=np.int64)
    ends = np.append(starts[1:], _offset_at((int(index[-1]) + 1) * span, tz))
    gaps = np.flatnonzero(np.diff(index) != 1)
    ends[gaps] = [_offset_at((int(index[gap]) + 1) * span, tz) for gap in gaps]
    return starts[row], (starts != ends)[row]


@lru_cache(maxsize=65_536)
def _offset_at(second: int, tz: ZoneInfo) -> int:
    """Offset from UTC in seconds at a second since the epoch."""
    return (datetime.fromtimestamp(second, tz).utcoffset() or timedelta(0)) // timedelta(seconds=1)
