"""Price series as a SQLite table with every publication of every timestamp. Both stores use it."""

import sqlite3

import pandas as pd

from shared.adapters.embedded.columns import column_micros, floats, micros, require_columns, utc_column
from shared.domain.time import Interval

PRICE_COLUMNS = ("timestamp", "price_per_kwh", "published_at")

Row = tuple[int, int, float]


def rows(prices: pd.DataFrame) -> list[Row]:
    """Rows to bind: timestamp, publication, price; each pair once, the last one wins. Raises `InvalidValueError`."""
    require_columns(prices, PRICE_COLUMNS)
    if prices.empty:
        return []
    stamps, published = column_micros(prices, "timestamp").tolist(), column_micros(prices, "published_at").tolist()
    values = prices["price_per_kwh"].to_numpy(dtype=float).tolist()
    newest = {(stamp, at): value for stamp, at, value in zip(stamps, published, values, strict=True)}
    return [(stamp, at, value) for (stamp, at), value in sorted(newest.items(), key=lambda item: item[0])]


def upsert(connection: sqlite3.Connection, series_id: str, rows: list[Row]) -> int:
    """Returns the rows that are new or changed."""
    before = connection.total_changes
    connection.executemany(
        "INSERT INTO prices (series_id, timestamp, published_at, price_per_kwh) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET price_per_kwh = excluded.price_per_kwh WHERE price_per_kwh IS NOT excluded.price_per_kwh",
        ((series_id, *row) for row in rows),
    )
    return connection.total_changes - before


def select_all(connection: sqlite3.Connection, *, series_id: str, interval: Interval) -> pd.DataFrame:
    """Every publication in an interval, sorted by timestamp then publication."""
    found = connection.execute(
        "SELECT timestamp, price_per_kwh, published_at FROM prices WHERE series_id = ? AND timestamp >= ? AND timestamp < ?"
        " ORDER BY timestamp, published_at",
        (series_id, micros(interval.start), micros(interval.end)),
    ).fetchall()
    return _frame(found)


def select_known(connection: sqlite3.Connection, *, series_id: str, interval: Interval, as_of: int) -> pd.DataFrame:
    """The newest publication at or before `as_of` of each timestamp in an interval, sorted."""
    found = connection.execute(
        # with max() SQLite takes the other columns from the row that holds the maximum
        "SELECT timestamp, price_per_kwh, max(published_at) FROM prices"
        " WHERE series_id = ? AND timestamp >= ? AND timestamp < ? AND published_at <= ? GROUP BY timestamp ORDER BY timestamp",
        (series_id, micros(interval.start), micros(interval.end), as_of),
    ).fetchall()
    return _frame(found)


def _frame(found: list[tuple[int, float | None, int]]) -> pd.DataFrame:
    stamps, values, published = zip(*found, strict=True) if found else ((), (), ())
    return pd.DataFrame({"timestamp": utc_column(stamps), "price_per_kwh": floats(values), "published_at": utc_column(published)})
