"""Which columns tell the time: one moment, a date and a time of day, or year, month, day and hour."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from shared.adapters.home_file.moments import Parsed, day_parts, looks_like_moments, parse_moments
from shared.adapters.home_file.names import word_set, words
from shared.adapters.home_file.table import Table
from shared.domain.errors import InvalidValueError

_DATE = word_set("date datum fecha data dia jour tag day dag")
_CLOCK = word_set("time uhrzeit zeit heure hora ora tijd hour stunde clock")
_MOMENT = word_set(
    "timestamp datetime zeitstempel zeitpunkt horodatage horodate tijdstip fechahora datumzeit datetimes ts epoch unix unixtime moment "
    "index "
    "period interval begin beginn start from von debut"
)
_FILLERS = word_set(
    "utc gmt local cet cest mez mesz bst und and et y e s ms sec seconds milliseconds the of at in last changed end ende bis to fin until "
    "iso read reading tstp stamp berlin europe"
)
_END = word_set("end ende bis to fin until")
_UTC = word_set("utc gmt zulu")


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeColumns:
    """The moments of all rows, as written, and where they came from."""

    parsed: Parsed
    columns: tuple[str, ...]
    says_utc: bool
    """The name says that the clock is UTC."""
    labels_end: bool
    """The name says that rows are labelled by the end of their interval."""


def read_time(table: Table, asked: str | None) -> TimeColumns:
    """The time of every row. `asked` is the column that the person named. Raises `InvalidValueError` when there is none."""
    frame = table.frame
    if asked is not None:
        return _of((asked,), parse_moments(table, asked))
    numbered = _calendar_numbers(frame)
    if numbered is not None:
        return _of(numbered, day_parts(table, numbered))
    names = _named(frame)
    date_only = [name for name in names if _kind(name) == "date" and not _has_clock(frame[name])]
    clock_only = [name for name in names if _kind(name) == "clock" and not looks_like_moments(frame[name])]
    whole = [name for name in names if name not in date_only and name not in clock_only]
    if whole:
        name = min(whole, key=lambda column: _preference(column, frame))
        return _of((name,), parse_moments(table, name))
    if date_only:
        parts = (date_only[0], *clock_only[:1])
        return _of(parts, parse_moments(table, *parts))
    guess = next((str(name) for name in frame.columns if looks_like_moments(frame[name])), None)
    if guess is not None:
        return _of((guess,), parse_moments(table, guess))
    found = ", ".join(map(str, frame.columns[:20]))
    raise InvalidValueError("time column", None, f"none found among {found}; name it, for example --map timestamp={frame.columns[0]}")


def _of(columns: tuple[str, ...], parsed: Parsed) -> TimeColumns:
    present = {word for name in columns for word in words(name)}
    says_end = bool(present & _END) and not present & {"start", "begin", "beginn", "from", "von"}
    return TimeColumns(parsed=parsed, columns=columns, says_utc=bool(present & _UTC), labels_end=says_end)


def is_time_name(name: str) -> bool:
    """Whether a column's name says that it tells the time."""
    found = set(words(name))
    return bool(found & (_DATE | _CLOCK | _MOMENT | {"end", "ende", "bis", "tstp"})) and found <= _DATE | _CLOCK | _MOMENT | _FILLERS


def _named(frame: pd.DataFrame) -> list[str]:
    return [str(name) for name in frame.columns if is_time_name(str(name))]


def _kind(name: str) -> str:
    found = set(words(name)) - _FILLERS
    if found and found <= _DATE:
        return "date"
    if found and found <= _CLOCK:
        return "clock"
    return "moment"


def _has_clock(column: "pd.Series[Any]") -> bool:
    """Whether values of a date column tell a time of day too."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return bool((column.dt.normalize() != column).any())
    if pd.api.types.is_numeric_dtype(column):
        return bool(column.dropna().abs().max() > 1e9)
    return bool(column.dropna().astype(str).head(200).str.contains(r":|T\d\d|\d\d[hH]\d|^\d{10,}$").any())


def _preference(name: str, frame: pd.DataFrame) -> tuple[bool, bool, bool, int]:
    """Best first: readable as moments, not an interval's end, in UTC, and further left."""
    found = set(words(name))
    ends = bool(found & _END) and not found & {"start", "begin", "from", "von"}
    return (not looks_like_moments(frame[name]), ends, not found & _UTC, list(frame.columns).index(name))


def _calendar_numbers(frame: pd.DataFrame) -> tuple[str, ...] | None:
    """Columns year, month, day, hour and perhaps minute, when all are there."""
    by_word = {words(str(name))[0]: str(name) for name in frame.columns if len(words(str(name))) == 1}
    parts = [by_word.get(word) for word in ("year", "month", "day", "hour")]
    if any(part is None for part in parts):
        return None
    minute = by_word.get("minute")
    return tuple(part for part in (*parts, minute) if part is not None)
