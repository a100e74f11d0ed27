"""Readings in the cloud: new rows are copied straight into their month, the others are compared with what is stored."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime

import numpy as np
import pandas as pd
import psycopg
from numpy.typing import NDArray
from psycopg import sql
from psycopg.copy import QueuedLibpqWriter

from shared.adapters.distributed.postgres import reading_query
from shared.adapters.distributed.postgres.binary_copy import CHUNK, Column, copy_of, free_texts, instants, integers, numbers, texts
from shared.adapters.distributed.postgres.database import Connection, PostgresDatabase
from shared.adapters.embedded.columns import micros, moment
from shared.adapters.reading_columns import ReadingColumns, reading_columns
from shared.domain.errors import InvalidValueError
from shared.domain.reading import TEXT_COLUMNS, VALUE_COLUMNS
from shared.domain.time import Interval, as_utc
from shared.ports.reading_store import UpsertCounts

_COLUMNS = ("site_id", "timestamp", "device_id", *VALUE_COLUMNS, *TEXT_COLUMNS, "quality", "stored_at")
_JUST_AFTER = "interval '1 microsecond'"


class PostgresReadings:
    """`ReadingStore`."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    def upsert(self, readings: pd.DataFrame, *, stored_at: datetime) -> UpsertCounts:
        columns = reading_columns(readings)
        given = as_utc(stored_at)
        if not len(columns):
            return UpsertCounts(inserted=0, updated=0, unchanged=0)
        try:
            return self._store(columns, given, trusting=True)
        except psycopg.errors.UniqueViolation:
            # somebody wrote rows past us, of which `devices` knows nothing: compare every row
            return self._store(columns, given, trusting=False)

    def _store(self, columns: ReadingColumns, given: datetime, *, trusting: bool) -> UpsertCounts:
        months = _months(columns.stamps)
        with self._database.write() as connection:
            stored_at, fresh = _begin(connection, columns, months, given, trusting=trusting)
            fields = _fields(columns, stored_at)
            for month in np.unique(months[fresh]):
                _copy(
                    connection, sql.Identifier("der", f"readings_{_first(month):%Y_%m}"), fields, np.flatnonzero(fresh & (months == month))
                )
            inserted, updated = int(fresh.sum()), 0
            if not fresh.all():
                connection.execute("SELECT der.stage_readings()")
                _copy(connection, sql.Identifier("pg_temp", "incoming"), fields, np.flatnonzero(~fresh))
                new, updated = connection.execute("SELECT inserted, updated FROM der.merge_readings()").fetchone() or (0, 0)
                inserted += new
        return UpsertCounts(inserted=inserted, updated=updated, unchanged=len(columns) - inserted - updated)

    def read(self, *, site_id: str, interval: Interval, columns: Sequence[str] | None = None, limit: int | None = None) -> pd.DataFrame:
        return reading_query.read(self._database, site_id=site_id, interval=interval, columns=columns, limit=limit)

    def read_many(self, *, site_ids: Sequence[str], interval: Interval, columns: Sequence[str] | None = None) -> Iterator[pd.DataFrame]:
        return reading_query.read_many(self._database, site_ids=site_ids, interval=interval, columns=columns)

    def latest(self, *, site_id: str) -> pd.DataFrame:
        return reading_query.latest(self._database, site_id=site_id)

    def extent(self, *, site_id: str) -> tuple[Interval, int] | None:
        with self._database.read() as connection:
            row = connection.execute(
                f"SELECT min(first), max(last) + {_JUST_AFTER}, sum(rows)::bigint FROM public.devices WHERE site_id = %s",  # noqa: S608  # constant text
                (site_id,),
            ).fetchone()
        return None if row is None or row[0] is None else (Interval(start=row[0], end=row[1]), row[2])

    def ends(self, *, site_ids: Sequence[str]) -> dict[str, datetime]:
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT site_id, max(last) + {_JUST_AFTER} FROM public.devices WHERE site_id = ANY(%s) GROUP BY site_id",  # noqa: S608  # constant text
                (list(site_ids),),
            ).fetchall()
        return dict(rows)

    def changed_since(self, *, site_id: str, stored_at: datetime) -> tuple[Interval, datetime] | None:
        with self._database.read() as connection:
            row = connection.execute(
                f"SELECT first, last + {_JUST_AFTER}, newest FROM der.readings_changed(%s, %s)",  # noqa: S608  # constant text
                (site_id, as_utc(stored_at)),
            ).fetchone()
        return None if row is None or row[0] is None else (Interval(start=row[0], end=row[1]), row[2])

    def count_since(self, *, site_id: str, stored_at: datetime) -> int:
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT count(*) FROM der.readings_changed(%(site)s, %(moment)s) AS c JOIN public.readings AS r"
                ' ON r.site_id = %(site)s AND r."timestamp" BETWEEN c.first AND c.last AND r.stored_at > %(moment)s',
                {"site": site_id, "moment": as_utc(stored_at)},
            ).fetchone()
        return int(row[0]) if row else 0


def _begin(
    connection: Connection, columns: ReadingColumns, months: NDArray[np.int64], given: datetime, *, trusting: bool
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Of every row when it is stored, and whether it is certainly new."""
    groups = columns.starts.tolist(), columns.ends.tolist()
    answer = connection.execute(
        "SELECT * FROM der.begin_readings(%b, %b, %b, %b, %b, %b, %b, %b)",
        (
            [columns.site_names[code] for code in columns.sites[columns.starts].tolist()],
            [columns.device_names[code] for code in columns.devices[columns.starts].tolist()],
            [moment(stamp) for stamp in columns.stamps[columns.starts].tolist()],
            [moment(stamp) for stamp in columns.stamps[columns.ends - 1].tolist()],
            [end - start for start, end in zip(*groups, strict=True)],
            [_first(month) for month in np.unique(months)],
            given,
            trusting,
        ),
    ).fetchall()
    lengths = np.diff(columns.starts, append=len(columns))
    stored_at = np.array([micros(row[0]) for row in answer], dtype=np.int64)
    return stored_at.repeat(lengths), np.array([row[1] for row in answer], dtype=np.bool_).repeat(lengths)


def _fields(columns: ReadingColumns, stored_at: NDArray[np.int64]) -> list[Column]:
    """In the order of `_COLUMNS`."""
    return [
        texts(columns.sites, columns.site_names),
        instants(columns.stamps),
        texts(columns.devices, columns.device_names),
        *(numbers(values) for values in columns.numbers.T),
        *(free_texts(columns.texts[name]) for name in TEXT_COLUMNS),
        integers(columns.quality),
        instants(stored_at),
    ]


def _copy(connection: Connection, table: sql.Identifier, fields: Sequence[Column], rows: NDArray[np.int64]) -> None:
    names = sql.SQL(", ").join(map(sql.Identifier, _COLUMNS))
    chosen = fields if len(rows) == len(fields[0].values) else [field[rows] for field in fields]
    cursor = connection.cursor()
    # while this thread makes the next bytes another one sends the last ones
    writer = QueuedLibpqWriter(cursor) if len(rows) > CHUNK else None
    with cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(table, names), writer=writer) as copy:
        for piece in copy_of(chosen):
            copy.write(piece)


def _months(stamps: NDArray[np.int64]) -> NDArray[np.int64]:
    """Months since 1970. Raises `InvalidValueError` for a time that no partition can hold."""
    months = stamps.view("datetime64[us]").astype("datetime64[M]").astype(np.int64)
    outside = (months < _FIRST_MONTH) | (months >= _END_MONTH)
    if outside.any():
        raise InvalidValueError("timestamp", moment(int(stamps[outside][0])).isoformat(), "must be from 2000 to 2999")
    return months


_FIRST_MONTH, _END_MONTH = 360, 360 + 12_000


def _first(month: int) -> date:
    year, number = divmod(int(month), 12)
    return date(1970 + year, number + 1, 1)
