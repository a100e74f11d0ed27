"""Readings as typed columns of a SQLite table, and the list of devices that have some. Both stores use it."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shared.adapters.embedded.columns import column_micros, floats, micros, require_columns, utc_column
from shared.domain.errors import InvalidValueError
from shared.domain.reading import KEY_COLUMNS, READING_COLUMNS, TEXT_COLUMNS, VALUE_COLUMNS
from shared.domain.time import Interval

_CHUNK = 20_000
"""Rows turned into arrays at a time: bounds the Python objects that SQLite's driver makes."""

Row = tuple[object, ...]


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
    require_columns(readings, READING_COLUMNS)
    if readings.empty:
        return
    stamps = column_micros(readings, "timestamp")
    sites, site_names = _codes(readings, "site_id")
    devices, device_names = _codes(readings, "device_id")
    group = sites * len(device_names) + devices
    order = np.lexsort((stamps, group))  # stable: of equal keys the last row of the frame stands last
    group, ordered = group[order], stamps[order]
    newest = np.append((group[1:] != group[:-1]) | (ordered[1:] != ordered[:-1]), True)
    group, order = group[newest], order[newest]
    columns = [
        stamps[order].tolist(),
        *_numbers(readings)[order].T.tolist(),  # NaN is bound as NULL by the driver
        *(_texts(readings, name, order) for name in TEXT_COLUMNS),
        _flags(readings)[order].tolist(),
        [site_names[code] for code in sites[order].tolist()],
        [device_names[code] for code in devices[order].tolist()],
    ]
    rows = list(zip(*columns, strict=True))
    starts = np.flatnonzero(np.diff(group, prepend=-1)).tolist()
    for start, end in zip(starts, [*starts[1:], len(rows)], strict=True):
        site, device = divmod(int(group[start]), len(device_names))
        yield DeviceRows(site_names[site], device_names[device], rows[start:end])


def _codes(frame: pd.DataFrame, name: str) -> tuple[NDArray[np.int64], list[str]]:
    """A column of texts as numbers, sorted by text, and the texts."""
    codes, names = pd.factorize(frame[name], sort=True)
    texts = list(names)
    if (codes < 0).any() or not all(isinstance(text, str) and text for text in texts):
        raise InvalidValueError(name, "missing or no text", "every row needs one")
    return codes.astype(np.int64), texts


def _numbers(frame: pd.DataFrame) -> NDArray[np.float64]:
    """The values, shape (rows, values)."""
    try:
        return frame[list(VALUE_COLUMNS)].to_numpy(dtype=np.float64)
    except (TypeError, ValueError):
        wrong = [name for name in VALUE_COLUMNS if not pd.api.types.is_numeric_dtype(frame[name].dtype)]
        raise InvalidValueError("columns", ", ".join(wrong), "must hold numbers") from None


def _flags(frame: pd.DataFrame) -> NDArray[np.int64]:
    column = frame["quality"]
    if not pd.api.types.is_numeric_dtype(column.dtype) or column.isna().any():
        raise InvalidValueError("quality", str(column.dtype), "must be whole numbers, 0 for good, none missing")
    return column.to_numpy(dtype=np.int64)


def _texts(frame: pd.DataFrame, name: str, order: NDArray[np.int64]) -> list[str | None]:
    texts = frame[name].tolist()
    return [texts[at] if isinstance(texts[at], str) else None for at in order.tolist()]


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
    names = READING_COLUMNS if columns is None else (*KEY_COLUMNS, *(name for name in columns if name not in KEY_COLUMNS))
    unknown = [name for name in names if name not in READING_COLUMNS]
    if unknown:
        raise KeyError(f"readings have no column {', '.join(unknown)}")
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
