"""Readings in the cloud."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import datetime

import pandas as pd

from shared.adapters.embedded import reading_table
from shared.adapters.embedded.columns import closed, micros, moment
from shared.adapters.embedded.sqlite import SqliteFile
from shared.adapters.reading_columns import chosen
from shared.domain.time import Interval
from shared.ports.reading_store import UpsertCounts


class SqliteReadings:
    """`ReadingStore`."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def upsert(self, readings: pd.DataFrame, *, stored_at: datetime) -> UpsertCounts:
        groups = list(reading_table.device_rows(readings))
        inserted = updated = 0
        if not groups:
            return UpsertCounts(inserted=0, updated=0, unchanged=0)
        given = micros(stored_at)
        with self._file.write() as connection:
            stamps = {site_id: _after_newest(connection, site_id, given) for site_id in {group.site_id for group in groups}}
            for group in groups:
                new = reading_table.insert_new(connection, group, stored_at=stamps[group.site_id])
                if new < len(group.rows):
                    updated += reading_table.update_changed(connection, group, stored_at=stamps[group.site_id])
                inserted += new
        total = sum(len(group.rows) for group in groups)
        return UpsertCounts(inserted=inserted, updated=updated, unchanged=total - inserted - updated)

    def read(self, *, site_id: str, interval: Interval, columns: Sequence[str] | None = None, limit: int | None = None) -> pd.DataFrame:
        with self._file.read() as connection:
            return reading_table.select(connection, site_id=site_id, interval=interval, columns=columns, limit=limit)

    def read_many(self, *, site_ids: Sequence[str], interval: Interval, columns: Sequence[str] | None = None) -> Iterator[pd.DataFrame]:
        names = chosen(columns)
        frames = (self.read(site_id=site_id, interval=interval, columns=names) for site_id in sorted(set(site_ids)))
        return (frame for frame in frames if len(frame))

    def latest(self, *, site_id: str) -> pd.DataFrame:
        with self._file.read() as connection:
            return reading_table.select_latest(connection, site_id=site_id)

    def extent(self, *, site_id: str) -> tuple[Interval, int] | None:
        with self._file.read() as connection:
            first, last, rows = connection.execute(
                "SELECT min(first), max(last), sum(rows) FROM devices WHERE site_id = ?", (site_id,)
            ).fetchone()
        return None if first is None else (closed(first, last), rows)

    def ends(self, *, site_ids: Sequence[str]) -> dict[str, datetime]:
        with self._file.read() as connection:
            rows = connection.execute(
                "SELECT site_id, max(last) FROM devices WHERE site_id IN (SELECT value FROM json_each(?)) GROUP BY site_id",
                (json.dumps(list(site_ids)),),
            ).fetchall()
        return {site_id: moment(last + 1) for site_id, last in rows}

    def changed_since(self, *, site_id: str, stored_at: datetime) -> tuple[Interval, datetime] | None:
        with self._file.read() as connection:
            first, last, newest = connection.execute(
                "SELECT min(timestamp), max(timestamp), max(stored_at) FROM readings WHERE site_id = ? AND stored_at > ?",
                (site_id, micros(stored_at)),
            ).fetchone()
        return None if first is None else (closed(first, last), moment(newest))

    def count_since(self, *, site_id: str, stored_at: datetime) -> int:
        with self._file.read() as connection:
            row = connection.execute(
                "SELECT count(*) FROM readings WHERE site_id = ? AND stored_at > ?", (site_id, micros(stored_at))
            ).fetchone()
        return int(row[0])


def _after_newest(connection: sqlite3.Connection, site_id: str, given: int) -> int:
    """The given moment, or just after the newest one stored of the site.

    Writers commit one after the other, but their clocks may say otherwise; this keeps `stored_at` in the order of the
    commits, so that who asks for what changed since a moment misses nothing.
    """
    newest = connection.execute("SELECT max(stored_at) FROM readings WHERE site_id = ?", (site_id,)).fetchone()[0]
    return given if newest is None else max(given, newest + 1)
