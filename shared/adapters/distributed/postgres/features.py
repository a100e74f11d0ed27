"""Feature tables: an array of `double precision` for each site, catalog and step."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from psycopg import sql

from shared.adapters.distributed.postgres.binary_copy import arrays, copy_of, instants, longs
from shared.adapters.distributed.postgres.database import Connection, PostgresDatabase
from shared.adapters.embedded.columns import column_micros, require_columns, utc_column
from shared.adapters.feature_frames import batches, frame_of_sites
from shared.domain.errors import InvalidValueError
from shared.domain.feature import Availability, FeatureCatalog, FeatureSpec
from shared.domain.time import Interval

_NEWEST = (
    "SELECT catalog_id, document FROM public.feature_catalogs"
    " WHERE site_id = %(site)s AND (%(version)s::text IS NULL OR version = %(version)s) ORDER BY written DESC LIMIT 1"
)

_NEWEST_OF_MANY = (
    "SELECT DISTINCT ON (site_id) site_id, catalog_id, document FROM public.feature_catalogs"
    " WHERE site_id = ANY (%s) ORDER BY site_id, written DESC"
)


class PostgresFeatures:
    """`FeatureStore`. The newest catalog of a site is the one that was written last."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    def write(self, *, site_id: str, catalog: FeatureCatalog, rows: pd.DataFrame) -> int:
        require_columns(rows, ("timestamp", *catalog.names))
        if rows.empty:
            return 0
        newest = ~rows["timestamp"].duplicated(keep="last").to_numpy()
        stamps, values = column_micros(rows, "timestamp")[newest], rows[list(catalog.names)].to_numpy(dtype=np.float64)[newest]
        with self._database.write() as connection:
            catalog_id = _remember(connection, site_id, catalog)
            connection.execute("CREATE TEMPORARY TABLE IF NOT EXISTS rows (LIKE public.features) ON COMMIT DELETE ROWS")
            with connection.cursor().copy("COPY pg_temp.rows FROM STDIN (FORMAT BINARY)") as copy:
                for piece in copy_of((longs(np.full(len(stamps), catalog_id)), instants(stamps), arrays(values))):
                    copy.write(piece)
            connection.execute(
                'INSERT INTO public.features SELECT * FROM pg_temp.rows ORDER BY "timestamp"'
                ' ON CONFLICT (catalog_id, "timestamp") DO UPDATE SET "values" = excluded."values"'
            )
        return len(stamps)

    def read(self, *, site_id: str, catalog_version: str | None, interval: Interval) -> pd.DataFrame:
        found = self._newest(site_id, catalog_version)
        if found is None:
            return pd.DataFrame({"timestamp": utc_column(())})
        catalog_id, catalog = found
        query = sql.SQL(
            'SELECT "timestamp", "values" FROM public.features'
            ' WHERE catalog_id = {catalog} AND "timestamp" >= {start} AND "timestamp" < {end} ORDER BY "timestamp"'
        ).format(catalog=catalog_id, start=interval.start, end=interval.end)
        return _frame(self._database.table(query), catalog.names)

    def read_many(self, *, site_ids: Sequence[str], interval: Interval, columns: Sequence[str] | None = None) -> Iterator[pd.DataFrame]:
        with self._database.read() as connection:
            newest: list[Any] = connection.execute(_NEWEST_OF_MANY, (list(site_ids),)).fetchall()
        for document, sites in batches(newest):
            query = sql.SQL(
                "SELECT q.* FROM unnest({catalogs}::bigint[]) WITH ORDINALITY AS c (catalog_id, n) CROSS JOIN LATERAL ("
                'SELECT f."timestamp", f."values", c.n FROM public.features AS f WHERE f.catalog_id = c.catalog_id'
                ' AND f."timestamp" >= {start} AND f."timestamp" < {end} ORDER BY f."timestamp") AS q'
            ).format(catalogs=[number for _, number in sites], start=interval.start, end=interval.end)
            table = self._database.table(query)
            if len(table):
                of_row = table.column(2).to_numpy() - 1
                yield frame_of_sites(_frame(table, _catalog(document).names), [site_id for site_id, _ in sites], of_row, columns)

    def catalog(self, *, site_id: str) -> FeatureCatalog | None:
        found = self._newest(site_id, None)
        return found[1] if found else None

    def extent(self, *, site_id: str) -> tuple[Interval, int] | None:
        found = self._newest(site_id, None)
        if found is None:
            return None
        with self._database.read() as connection:
            row: Any = connection.execute(
                'SELECT min("timestamp"), max("timestamp") + interval \'1 microsecond\', count(*) FROM public.features'
                " WHERE catalog_id = %s",
                (found[0],),
            ).fetchone()
        return None if row[0] is None else (Interval(start=row[0], end=row[1]), row[2])

    def _newest(self, site_id: str, version: str | None) -> tuple[int, FeatureCatalog] | None:
        with self._database.read() as connection:
            row: Any = connection.execute(_NEWEST, {"site": site_id, "version": version}).fetchone()
        return (row[0], _catalog(row[1])) if row else None


def _remember(connection: Connection, site_id: str, catalog: FeatureCatalog) -> int:
    """The number of a catalog, made the newest of its site. Raises `InvalidValueError` when its version has other columns."""
    row: Any = connection.execute(
        "INSERT INTO public.feature_catalogs (site_id, version, document, written)"
        " VALUES (%(site)s, %(version)s, %(document)s::jsonb,"
        " (SELECT coalesce(max(written), 0) + 1 FROM public.feature_catalogs WHERE site_id = %(site)s))"
        " ON CONFLICT (site_id, version) DO UPDATE SET written = excluded.written RETURNING catalog_id, document",
        {"site": site_id, "version": catalog.version, "document": json.dumps(asdict(catalog))},
    ).fetchone()
    catalog_id, stored = row
    if _catalog(stored).names != catalog.names:
        raise InvalidValueError("catalog version", catalog.version, "is stored with other columns; a changed catalog needs a new version")
    return int(catalog_id)


def _frame(answer: pa.Table, names: Sequence[str]) -> pd.DataFrame:
    """Of an answer whose first columns are the timestamp and the values."""
    table = answer.combine_chunks()
    packed = table.column(1).combine_chunks().flatten().to_numpy(zero_copy_only=False)
    # columns of their own memory: a frame of this many columns is read and changed by column
    frame = pd.DataFrame(np.asfortranarray(packed.reshape(len(table), len(names)), dtype=np.float64), columns=list(names))
    frame.insert(0, "timestamp", table.column(0).to_pandas())
    return frame


def _catalog(stored: dict[str, Any]) -> FeatureCatalog:
    specs = (FeatureSpec(**{**spec, "availability": Availability(spec["availability"])}) for spec in stored["features"])
    return FeatureCatalog(version=stored["version"], features=tuple(specs))
