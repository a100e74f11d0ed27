"""Readings as frames: answers travel as columns (ADBC), from the server's binary COPY to pandas without a Python object."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from psycopg import sql

from shared.adapters.distributed.postgres.database import PostgresDatabase
from shared.adapters.reading_columns import chosen
from shared.domain.reading import READING_COLUMNS, TEXT_COLUMNS, VALUE_COLUMNS
from shared.domain.time import Interval

CHUNK = 200_000
"""Rows of a frame of `read_many`, unless one site alone has more."""


def read(
    database: PostgresDatabase, *, site_id: str, interval: Interval, columns: Sequence[str] | None = None, limit: int | None = None
) -> pd.DataFrame:
    """`ReadingStore.read`."""
    names = chosen(columns)
    query = sql.SQL(
        'SELECT {names} FROM public.readings AS r WHERE r.site_id = {site} AND r."timestamp" >= {start} AND r."timestamp" < {end}'
        ' ORDER BY r."timestamp", r.device_id LIMIT {limit}'
    ).format(names=_list(names), site=site_id, start=interval.start, end=interval.end, limit=limit)
    return _frame(database.table(query), names)


def read_many(
    database: PostgresDatabase, *, site_ids: Sequence[str], interval: Interval, columns: Sequence[str] | None = None
) -> Iterator[pd.DataFrame]:
    """`ReadingStore.read_many`."""
    names = chosen(columns)
    query = sql.SQL(
        "SELECT q.* FROM unnest({sites}::text[]) AS s (site_id) CROSS JOIN LATERAL (SELECT {names} FROM public.readings AS r"
        ' WHERE r.site_id = s.site_id AND r."timestamp" >= {start} AND r."timestamp" < {end} ORDER BY r."timestamp", r.device_id) AS q'
    )
    asked = (
        query.format(sites=sites, names=_list(names), start=interval.start, end=interval.end) for sites in _batches(database, site_ids)
    )
    frames = (_frame(database.table(one), names) for one in asked)
    return (frame for frame in frames if len(frame))


def latest(database: PostgresDatabase, *, site_id: str) -> pd.DataFrame:
    """`ReadingStore.latest`."""
    query = sql.SQL(
        "SELECT {names} FROM public.devices AS d JOIN public.readings AS r"
        ' ON r.site_id = d.site_id AND r."timestamp" = d.last AND r.device_id = d.device_id'
        ' WHERE d.site_id = {site} ORDER BY r."timestamp", r.device_id'
    ).format(names=_list(READING_COLUMNS), site=site_id)
    return _frame(database.table(query), READING_COLUMNS)


def _batches(database: PostgresDatabase, site_ids: Sequence[str]) -> Iterator[list[str]]:
    """The sites that have readings, sorted, as many at a time as have about `CHUNK` rows."""
    with database.read() as connection:
        sizes = connection.execute(
            "SELECT site_id, sum(rows)::bigint FROM public.devices WHERE site_id = ANY (%s) GROUP BY site_id", (list(site_ids),)
        ).fetchall()
    batch: list[str] = []
    rows = 0
    for site_id, count in sorted(sizes):
        if batch and rows + count > CHUNK:
            yield batch
            batch, rows = [], 0
        batch.append(site_id)
        rows += count
    if batch:
        yield batch


def _list(names: Sequence[str]) -> sql.Composable:
    return sql.SQL(", ").join(sql.Identifier("r", name) for name in names)


def _frame(table: pa.Table, names: Sequence[str]) -> pd.DataFrame:
    """In the dtypes of a readings frame."""
    return pd.DataFrame({name: _array(name, table.column(at)) for at, name in enumerate(names)})


def _array(name: str, column: pa.ChunkedArray) -> Any:
    if name in VALUE_COLUMNS:
        return column.to_numpy().astype(np.float64, copy=False)  # a missing value is NaN there
    if name == "quality":
        return column.to_numpy().astype(np.int64)
    if name in TEXT_COLUMNS:
        return pd.Series(column.to_pylist(), dtype=object)
    return column.to_pandas()
