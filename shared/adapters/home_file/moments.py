"""Moments as people write them: ISO 8601, German, French and American dates, epochs, with or without offset."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shared.adapters.home_file.date_parts import ANY_DATE, DateParts, matches
from shared.adapters.home_file.table import Table
from shared.domain.errors import InvalidValueError

Stamps = NDArray[np.datetime64]
EXAMPLE = "write times like 2024-06-15T14:30:00+02:00 or 2024-06-15 14:30"
_EPOCHS = ((1e8, 5e9, "s"), (1e11, 5e12, "ms"), (1e14, 5e15, "us"), (1e17, 9.2e18, "ns"))
_COMPACT = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_ISO = r"^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?\s*(?:Z|[+-]\d\d:?\d\d)?$"
_OFFSET = r"(?:\d\s*(?:Z|UTC|GMT)|:\d\d(?:[.,]\d+)?\s*(?:[+-]\d\d(?::?\d\d)?|CES?T|MES?Z))$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """Moments of all rows as naive `datetime64[us]`, NaT where a row has none: UTC when `aware`, else of an unknown clock."""

    stamps: Stamps
    aware: bool
    zone: str | None = None
    """The zone that a typed column names."""
    how: str = ""
    """The form, in words."""
    notes: tuple[str, ...] = ()


def looks_like_moments(column: "pd.Series[Any]") -> bool:
    """Whether the first values of a column can be read as moments (not bare small numbers)."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return True
    if pd.api.types.is_bool_dtype(column):
        return False
    sample = column.dropna().head(100)
    sample = sample[sample.astype(str).str.strip() != ""]
    numbers = pd.to_numeric(sample, errors="coerce").to_numpy(dtype=np.float64)
    if len(sample) and np.isfinite(numbers).all():
        return _epoch_unit(numbers) is not None or _compact_form(sample.astype(str)) is not None
    text = sample.astype(str).str.strip()
    return bool(len(text) and matches(text, ANY_DATE).all())


def parse_moments(table: Table, name: str, clock: str | None = None) -> Parsed:
    """The moments of a column, or of a date column and a time column. Raises `InvalidValueError` naming the first bad line."""
    column = table.frame[name]
    if pd.api.types.is_datetime64_any_dtype(column) and clock is None:
        return _typed(column)
    numbers = pd.to_numeric(column.replace("", None) if column.dtype == object else column, errors="coerce").to_numpy(dtype=np.float64)
    written = column.astype(str).str.strip().mask(column.isna(), "")
    filled = (written != "").to_numpy()
    if not filled.any():
        raise InvalidValueError(f"time column {name}", "empty in every row", "give a file whose rows have times")
    if clock is None and filled.any() and np.isfinite(numbers[filled]).all():
        parsed = _numeric(written, numbers)
        if parsed is not None:
            return parsed
    text, notes = (written, ()) if clock is None else _joined(column, table.frame[clock])
    return _from_text(table, name, text, notes)


def day_parts(table: Table, columns: tuple[str, ...]) -> Parsed:
    """Moments from columns of year, month, day, hour and perhaps minute."""
    values = [pd.to_numeric(table.frame[name], errors="coerce").to_numpy(dtype=np.float64) for name in columns]
    valid = np.logical_and.reduce([np.isfinite(value) for value in values])
    if not valid.all():
        raise InvalidValueError(f"{table.where(int((~valid).argmax()))}", columns, "must be whole numbers of year, month, day, hour")
    year, month, day, hour = (value.astype(np.int64) for value in values[:4])
    minute = values[4].astype(np.int64) if len(values) > 4 else np.zeros(len(year), dtype=np.int64)
    hour, notes = _from_one(hour)
    return Parsed(stamps=_compose(year, month, day) + _clock(hour, minute), aware=False, how="year, month, day, hour", notes=notes)


def _typed(column: "pd.Series[Any]") -> Parsed:
    """A column of real moments, as Parquet has them."""
    tz = column.dt.tz
    key = getattr(tz, "key", None) or (str(tz) if tz is not None else None)
    utc = column.dt.tz_convert("UTC").dt.tz_localize(None) if tz is not None else column
    return Parsed(
        stamps=utc.to_numpy(dtype="datetime64[us]"), aware=tz is not None,
        zone=key if key and "/" in key else None, how=f"zone {key}" if key else "no zone",
    )  # fmt: skip


def _numeric(written: "pd.Series[str]", numbers: NDArray[np.float64]) -> Parsed | None:
    form = _compact_form(written[written != ""])
    if form is not None:
        stamps = pd.to_datetime(written.str.removesuffix(".0"), format=form, errors="coerce").to_numpy(dtype="datetime64[us]")
        return Parsed(stamps=stamps, aware=False, how=f"digits {form}")
    found = _epoch_unit(numbers)
    if found is None:
        return None
    per_second = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}[found]
    micros = np.where(np.isfinite(numbers), np.round(numbers / per_second * 1e6), 0).astype(np.int64).astype("datetime64[us]")
    micros[~np.isfinite(numbers)] = np.datetime64("NaT")
    return Parsed(stamps=micros, aware=True, how={"s": "epoch seconds", "ms": "epoch milliseconds"}.get(found, f"epoch {found}"))


def _epoch_unit(numbers: NDArray[np.float64]) -> str | None:
    middle = float(np.nanmedian(numbers)) if np.isfinite(numbers).any() else 0.0
    return next((name for low, high, name in _EPOCHS if low <= middle <= high), None)


def _compact_form(text: "pd.Series[str]") -> str | None:
    """The form of dates written as digits alone, such as 20240615 or 202406151430."""
    digits = text.str.removesuffix(".0")
    form = _COMPACT.get(len(digits.iloc[0])) if len(digits) else None
    if form is None or not digits.str.match(r"^(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d*$").all():
        return None
    return form


def _joined(dates: "pd.Series[Any]", clocks: "pd.Series[Any]") -> tuple["pd.Series[str]", tuple[str, ...]]:
    """Date and time of day in one text. Bare hours are taken as 0-23, or as 1-24 when a 24 and no 0 is there."""
    day = dates.dt.strftime("%Y-%m-%d") if pd.api.types.is_datetime64_any_dtype(dates) else dates.astype(str).str.strip()
    clock = clocks.astype(str).str.strip()
    compact = day.str.fullmatch(r"\d{8}")
    if compact.all():
        day = day.str.slice(0, 4) + "-" + day.str.slice(4, 6) + "-" + day.str.slice(6, 8)
    hours = pd.to_numeric(clock, errors="coerce").to_numpy(dtype=np.float64)
    if not np.isfinite(hours).all() or hours.max() > 24:
        short = clock.str.fullmatch(r"\d{3,4}")
        if short.all():
            clock = clock.str.zfill(4)
            clock = clock.str.slice(0, 2) + ":" + clock.str.slice(2, 4)
        return day + " " + clock, ()
    numbers, notes = _from_one(hours.astype(np.int64))
    return day + " " + pd.Series([f"{hour:02d}:00" for hour in numbers], index=day.index), notes


def _from_one(hours: NDArray[np.int64]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    if len(hours) and hours.max() == 24 and hours.min() == 1:
        return hours - 1, ("hours run from 1 to 24: hour 1 is taken as 00:00 to 01:00",)
    return hours, ()


def _from_text(table: Table, name: str, text: "pd.Series[str]", notes: tuple[str, ...]) -> Parsed:
    filled = (text != "").to_numpy()
    has_offset = matches(text, _OFFSET) & filled
    if has_offset.any() and not has_offset[filled].all():
        bad = int((filled & ~has_offset).argmax())
        raise InvalidValueError(
            f"{name} at {table.where(bad)}",
            text.iloc[bad],
            "has no offset while other rows have one; write all of them with or all without",
        )
    aware = bool(has_offset.any())
    if matches(text[filled], _ISO).all():
        stamps = pd.to_datetime(text.mask(~filled), format="ISO8601", utc=True, errors="coerce")
        naive = stamps.dt.tz_localize(None).to_numpy(dtype="datetime64[us]")
        how = "ISO 8601"
        more: tuple[str, ...] = ()
    else:
        naive, how, more = np.full(len(text), np.datetime64("NaT", "us")), "", ()
    if (np.isnat(naive) & filled).any():
        # not ISO, or ISO but for a 24:00
        naive, how, more = _any_order(table, name, text)
    notes = (*notes, *more)
    broken = np.isnat(naive) & filled
    if broken.any():
        bad = int(broken.argmax())
        raise InvalidValueError(f"{name} at {table.where(bad)}", text.iloc[bad][:60], f"is not a time; {EXAMPLE}")
    return Parsed(stamps=naive, aware=aware, how=how, notes=notes)


def _any_order(table: Table, name: str, text: "pd.Series[str]") -> tuple[Stamps, str, tuple[str, ...]]:
    """Dates of any order of day, month and year; NaT where the text is no date."""
    parts = DateParts(text)
    first, second, third = (parts.number(key, missing=-1) for key in "abc")
    named = parts.has_month_name
    if named.any():
        second = np.where(named, parts.month_number(), second)
    year_first = parts.length("a") == 4
    notes: tuple[str, ...] = ()
    if year_first.any():
        year, month, day, how = first, second, third, "year-month-day"
    else:
        month_first, notes = _month_first(table, name, text, first, second, named=bool(named.any()))
        year, month, day = third, *((first, second) if month_first else (second, first))
        how = "month/day/year" if month_first else "day.month.year"
    year = np.where((year >= 0) & (year < 100), year + 2000, year)
    hour, minute, second_of = (parts.number(key, missing=0) for key in "hms")
    hour = np.where(parts.is_afternoon & (hour < 12), hour + 12, np.where(parts.is_morning & (hour == 12), 0, hour))
    stamps = _compose(year, month, day) + _clock(hour, minute, second_of) + parts.fraction() - parts.offset()
    return stamps, how, notes


def _month_first(
    table: Table, name: str, text: "pd.Series[str]", first: NDArray[np.int64], second: NDArray[np.int64], *, named: bool
) -> tuple[bool, tuple[str, ...]]:
    """Whether the month stands before the day: by what is above 12, by dots, else by which order runs evenly."""
    if named or text.iloc[0].count(".") >= 2 or (first > 12).any():
        if (second > 12).any() and not named:
            bad = int(((first > 12) if (second > 12).argmax() < (first > 12).argmax() else (second > 12)).argmax())
            raise InvalidValueError(f"{name} at {table.where(bad)}", text.iloc[bad], f"mixes the order of day and month; {EXAMPLE}")
        return False, ()
    if (second > 12).any():
        return True, ()
    # both at most 12 everywhere: the part that changes day by day is the day
    changes_first, changes_second = int((np.diff(first) != 0).sum()), int((np.diff(second) != 0).sum())
    month_first = changes_second > changes_first
    order = "month/day" if month_first else "day/month"
    return month_first, (f"dates such as {text.iloc[0]} could be day/month or month/day: taken as {order}; write 2024-06-15 to be sure",)


def _compose(year: NDArray[np.int64], month: NDArray[np.int64], day: NDArray[np.int64]) -> Stamps:
    """Days as `datetime64[us]`, NaT for what no calendar has."""
    possible = (year >= 1900) & (year < 2200) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    months = np.where(possible, (year - 1970) * 12 + month - 1, 0).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + np.where(possible, day - 1, 0).astype("timedelta64[D]")
    days[~possible | (days.astype("datetime64[M]") != months)] = np.datetime64("NaT")
    stamps: Stamps = days.astype("datetime64[us]")
    return stamps


def _clock(hour: NDArray[np.int64], minute: NDArray[np.int64], second: NDArray[np.int64] | None = None) -> NDArray[np.timedelta64]:
    """Time of day; 24:00 is the next midnight; NaT for what no clock shows."""
    seconds = hour * 3600 + minute * 60 + (0 if second is None else second)
    possible = (seconds >= 0) & (seconds <= 86400) & (minute < 60) & (True if second is None else second < 60)
    result = seconds.astype("timedelta64[s]").astype("timedelta64[us]")
    result[~possible] = np.timedelta64("NaT")
    return result
