"""Readings as typed columns of a SQLite table, and the list of devices that have some. Both stores use it."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from shared.adapters.embedded.columns import floats, micros, utc_column
from shared.adapters.reading_columns import chosen, reading_columns
from shared.domain.reading import READING_COLUMNS, TEXT_COLUMNS, VALUE_COLUMNS
from shared.domain.time import Interval

_CHUNK = 20_000
"""Rows turned into arrays at a time: bounds the Python objects that SQLite's driver makes."""

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class DeviceRows:
    """Readings of one device as rows to bind, in the order of `_BOUND`, sorted, each timestamp once."""

    site_id: str
    device_id: str
    rows: list[Row]


_BOUND = ("timestamp", *VALUE_COLUMNS, *TEXT_COLUMNS, "quality", "site_id", "device_id")
_BODY = _BOUND[1:-2]


def device_rows(readings: pd.DataFrame) -> Iterator[DeviceRows]:
    """A frame cut by device; of a key that comes twice the last row wins. Raises `InvalidValueError` for a misshapen frame."""
    columns = reading_columns(readings)
    rows = list(
        zip(
            columns.stamps.tolist(),
            *columns.numbers.T.tolist(),  # NaN is bound as NULL by the driver
            *(columns.texts[name] for name in TEXT_COLUMNS),
            columns.quality.tolist(),
            [columns.site_names[code] for code in columns.sites.tolist()],
            [columns.device_names[code] for code in columns.devices.tolist()],
            strict=True,
        )
    )
    for start, end in zip(columns.starts.tolist(), columns.ends.tolist(), strict=True):
        site_id, device_id = rows[start][-2:]
        yield DeviceRows(site_id, device_id, rows[start:end])


def insert_new(connection: sqlite3.Connection, group: DeviceRows, *, stored_at: int | None) -> int:
    """Insert the rows whose key is not there yet; returns how many."""
    names, marks = ", ".join(_BOUND), ", ".join("?" * len(_BOUND))
    column, value = ("", "") if stored_at is None else (", stored_at", f", {stored_at:d}")
    before = connection.total_changes
    connection.executemany(
        f"INSERT INTO readings ({names}{column}) VALUES ({marks}{value}) ON CONFLICT DO NOTHING",  # noqa: S608  # constant names, a number
        group.rows,
    )
    inserted = connection.total_changes - before
    _note_device(connection, group, inserted)
    return inserted


def update_changed(connection: sqlite3.Connection, group: DeviceRows, *, stored_at: int | None) -> int:
    """Replace the rows that differ from what is stored; returns how many."""
    fields, marks = ", ".join(_BODY), ", ".join(f"?{number}" for number in range(2, len(_BODY) + 2))
    extra = "" if stored_at is None else f", stored_at = {stored_at:d}"
    before = connection.total_changes
    connection.executemany(
        f"UPDATE readings SET ({fields}) = ({marks}){extra}"  # noqa: S608  # constant names, a number
        f" WHERE site_id = ?{len(_BODY) + 2} AND timestamp = ?1 AND device_id = ?{len(_BODY) + 3} AND ({fields}) IS NOT ({marks})",
        group.rows,
    )
    return connection.total_changes - before


def _note_device(connection: sqlite3.Connection, group: DeviceRows, inserted: int) -> None:
    connection.execute(
        "INSERT INTO devices (site_id, device_id, first, last, rows) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " first = min(first, excluded.first), last = max(last, excluded.last), rows = rows + excluded.rows",
        (group.site_id, group.device_id, group.rows[0][0], group.rows[-1][0], inserted),
    )


def select(
    connection: sqlite3.Connection, *, site_id: str, interval: Interval, columns: Sequence[str] | None = None, limit: int | None = None
) -> pd.DataFrame:
    """Readings of an interval sorted by timestamp then device: the key columns always, `columns` of the others (None: all)."""
    names = chosen(columns)
    cursor = connection.execute(
        f"SELECT {', '.join(names[1:])} FROM readings WHERE site_id = ? AND timestamp >= ? AND timestamp < ?"  # noqa: S608  # checked names
        " ORDER BY timestamp, device_id LIMIT ?",
        (site_id, micros(interval.start), micros(interval.end), -1 if limit is None else limit),
    )
    return _frame(cursor, names, site_id)


def count(connection: sqlite3.Connection, *, site_id: str, interval: Interval) -> int:
    """How many readings of a site an interval holds."""
    row = connection.execute(
        "SELECT count(*) FROM readings WHERE site_id = ? AND timestamp >= ? AND timestamp < ?",
        (site_id, micros(interval.start), micros(interval.end)),
    ).fetchone()
    return int(row[0])


def select_latest(connection: sqlite3.Connection, *, site_id: str) -> pd.DataFrame:
    """The newest reading of each device of a site, sorted by timestamp then device."""
    cursor = connection.execute(
        f"SELECT {', '.join(f'r.{name}' for name in READING_COLUMNS[1:])} FROM devices d"  # noqa: S608  # constant names
        " JOIN readings r ON r.site_id = d.site_id AND r.timestamp = d.last AND r.device_id = d.device_id"
        " WHERE d.site_id = ? ORDER BY r.timestamp, r.device_id",
        (site_id,),
    )
    return _frame(cursor, READING_COLUMNS, site_id)


def _frame(cursor: sqlite3.Cursor, names: Sequence[str], site_id: str) -> pd.DataFrame:
    """The rows of a cursor over `names` less the site, in the dtypes of a readings frame."""
    chunks: list[dict[str, object]] = []
    while rows := cursor.fetchmany(_CHUNK):
        columns = zip(*rows, strict=True)
        chunks.append({name: _array(name, values) for name, values in zip(names[1:], columns, strict=True)})
    if not chunks:
        chunks = [{name: _array(name, ()) for name in names[1:]}]
    frames = [pd.DataFrame(chunk) for chunk in chunks]
    frame = frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
    frame.insert(0, "site_id", pd.Series([site_id], dtype="str").repeat(len(frame)).reset_index(drop=True))
    return frame


def _array(name: str, values: Sequence[object]) -> object:
    if name in VALUE_COLUMNS:
        return floats(values)  # type: ignore[arg-type]
    if name == "timestamp":
        return utc_column(values)  # type: ignore[arg-type]
    if name == "quality":
        return np.array(values, dtype=np.int64)
    return pd.Series(list(values), dtype="object" if name in TEXT_COLUMNS else "str")
