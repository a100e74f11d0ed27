"""Feature tables: one packed row of float64 for each site, catalog and step."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd

from shared.adapters.embedded.columns import closed, column_micros, micros, require_columns, utc_column
from shared.adapters.embedded.sqlite import SqliteFile
from shared.adapters.feature_frames import batches, frame_of_sites
from shared.domain.errors import InvalidValueError
from shared.domain.feature import Availability, FeatureCatalog, FeatureSpec
from shared.domain.time import Interval

_NEWEST = (
    "SELECT catalog_id, document FROM feature_catalogs WHERE site_id = ?1 AND (?2 IS NULL OR version = ?2) ORDER BY written DESC LIMIT 1"
)

_NEWEST_OF_MANY = (
    # with max() SQLite takes the other columns from the row that holds the maximum
    "SELECT site_id, catalog_id, document FROM (SELECT site_id, catalog_id, document, max(written) FROM feature_catalogs"
    " WHERE site_id IN (SELECT value FROM json_each(?)) GROUP BY site_id) ORDER BY site_id"
)


class SqliteFeatures:
    """`FeatureStore`. The newest catalog of a site is the one that was written last."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def write(self, *, site_id: str, catalog: FeatureCatalog, rows: pd.DataFrame) -> int:
        require_columns(rows, ("timestamp", *catalog.names))
        if rows.empty:
            return 0
        stamps = column_micros(rows, "timestamp").tolist()
        packed, width = rows[list(catalog.names)].to_numpy(dtype="<f8").tobytes(), 8 * len(catalog.names)
        with self._file.write() as connection:
            catalog_id = _remember(connection, site_id, catalog)
            connection.executemany(
                'INSERT OR REPLACE INTO features (catalog_id, timestamp, "values") VALUES (?, ?, ?)',
                ((catalog_id, stamp, packed[at * width : (at + 1) * width]) for at, stamp in enumerate(stamps)),
            )
        return len(set(stamps))

    def read(self, *, site_id: str, catalog_version: str | None, interval: Interval) -> pd.DataFrame:
        with self._file.read() as connection:
            found = connection.execute(_NEWEST, (site_id, catalog_version)).fetchone()
            if found is None:
                return pd.DataFrame({"timestamp": utc_column(())})
            rows = connection.execute(
                'SELECT timestamp, "values" FROM features WHERE catalog_id = ? AND timestamp >= ? AND timestamp < ? ORDER BY timestamp',
                (found[0], micros(interval.start), micros(interval.end)),
            ).fetchall()
        return _frame(found[1], [row[0] for row in rows], [row[1] for row in rows])

    def read_many(self, *, site_ids: Sequence[str], interval: Interval, columns: Sequence[str] | None = None) -> Iterator[pd.DataFrame]:
        with self._file.read() as connection:
            newest = connection.execute(_NEWEST_OF_MANY, (json.dumps(list(site_ids)),)).fetchall()
        for document, sites in batches(newest):
            with self._file.read() as connection:
                rows = connection.execute(
                    'SELECT c.key, f.timestamp, f."values" FROM json_each(?) AS c CROSS JOIN features AS f'
                    " ON f.catalog_id = c.value AND f.timestamp >= ? AND f.timestamp < ? ORDER BY c.key, f.timestamp",
                    (json.dumps([number for _, number in sites]), micros(interval.start), micros(interval.end)),
                ).fetchall()
            if rows:
                of_row, stamps, packed = zip(*rows, strict=True)
                yield frame_of_sites(_frame(document, stamps, packed), [site_id for site_id, _ in sites], np.array(of_row), columns)

    def catalog(self, *, site_id: str) -> FeatureCatalog | None:
        with self._file.read() as connection:
            found = connection.execute(_NEWEST, (site_id, None)).fetchone()
        return _catalog(found[1]) if found else None

    def extent(self, *, site_id: str) -> tuple[Interval, int] | None:
        with self._file.read() as connection:
            found = connection.execute(_NEWEST, (site_id, None)).fetchone()
            if found is None:
                return None
            first, last, rows = connection.execute(
                "SELECT min(timestamp), max(timestamp), count(*) FROM features WHERE catalog_id = ?", (found[0],)
            ).fetchone()
        return closed(first, last), rows


def _remember(connection: sqlite3.Connection, site_id: str, catalog: FeatureCatalog) -> int:
    """The number of a catalog, made the newest of its site. Raises `InvalidValueError` when its version has other columns."""
    document = json.dumps(asdict(catalog))
    catalog_id, stored = connection.execute(
        "INSERT INTO feature_catalogs (site_id, version, document, written)"
        " VALUES (?1, ?2, ?3, (SELECT coalesce(max(written), 0) + 1 FROM feature_catalogs WHERE site_id = ?1))"
        " ON CONFLICT DO UPDATE SET written = excluded.written RETURNING catalog_id, document",
        (site_id, catalog.version, document),
    ).fetchone()
    if _catalog(stored).names != catalog.names:
        raise InvalidValueError("catalog version", catalog.version, "is stored with other columns; a changed catalog needs a new version")
    return int(catalog_id)


def _frame(document: str, stamps: Sequence[int], packed: Sequence[bytes]) -> pd.DataFrame:
    names = _catalog(document).names
    values = np.frombuffer(b"".join(packed), dtype="<f8").reshape(len(packed), len(names))
    # columns of their own memory: a frame of this many columns is read and changed by column
    frame = pd.DataFrame(np.asfortranarray(values, dtype=np.float64), columns=list(names))
    frame.insert(0, "timestamp", utc_column(stamps))
    return frame


def _catalog(document: str) -> FeatureCatalog:
    stored = json.loads(document)
    specs = (FeatureSpec(**{**spec, "availability": Availability(spec["availability"])}) for spec in stored["features"])
    return FeatureCatalog(version=stored["version"], features=tuple(specs))
