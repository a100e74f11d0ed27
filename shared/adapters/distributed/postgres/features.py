"""Feature tables: an array of `double precision` for each site, catalog and step."""

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from psycopg import sql

from shared.adapters.distributed.postgres.binary_copy import arrays, copy_of, instants, longs
from shared.adapters.distributed.postgres.database import Connection, PostgresDatabase
from shared.adapters.embedded.columns import column_micros, require_columns, utc_column
from shared.domain.errors import InvalidValueError
from shared.domain.feature import Availability, FeatureCatalog, FeatureSpec
from shared.domain.time import Interval

_NEWEST = (
    "SELECT catalog_id, document FROM public.feature_catalogs"
    " WHERE site_id = %(site)s AND (%(version)s::text IS NULL OR version = %(version)s) ORDER BY written DESC LIMIT 1"
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
        table = self._database.table(query).combine_chunks()
        packed = table.column(1).combine_chunks().flatten().to_numpy(zero_copy_only=False)
        # columns of their own memory: a frame of this many columns is read and changed by column
        values = np.asfortranarray(packed.reshape(len(table), len(catalog.names)), dtype=np.float64)
        frame = pd.DataFrame(values, columns=list(catalog.names))
        frame.insert(0, "timestamp", table.column(0).to_pandas())
        return frame

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


def _catalog(stored: dict[str, Any]) -> FeatureCatalog:
    specs = (FeatureSpec(**{**spec, "availability": Availability(spec["availability"])}) for spec in stored["features"])
    return FeatureCatalog(version=stored["version"], features=tuple(specs))
