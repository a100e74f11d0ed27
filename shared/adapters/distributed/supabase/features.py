"""Feature tables: one array of numbers for each site, catalog and step."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd

from shared.adapters.distributed.supabase.rest import Rest
from shared.adapters.distributed.supabase.wire import cut, floats, numbers
from shared.adapters.embedded.columns import closed, column_micros, micros, require_columns, utc_column
from shared.adapters.feature_frames import frame_of_sites
from shared.domain.errors import InvalidValueError
from shared.domain.feature import Availability, FeatureCatalog, FeatureSpec
from shared.domain.time import Interval

_PAGE = 2_000


class SupabaseFeatures:
    """`FeatureStore`. The newest catalog of a site is the one that was written last."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def write(self, *, site_id: str, catalog: FeatureCatalog, rows: pd.DataFrame) -> int:
        require_columns(rows, ("timestamp", *catalog.names))
        if rows.empty:
            return 0
        newest = {stamp: at for at, stamp in enumerate(column_micros(rows, "timestamp").tolist())}  # of a step twice the last
        values = rows[list(catalog.names)].to_numpy(dtype=np.float64)[list(newest.values())]
        stamps = list(newest)
        parts = ([{"t": t, "v": numbers(v)} for t, v in zip(stamps[at], values[at], strict=True)] for at in cut(len(stamps)))
        head = {"site_id": site_id, "version": catalog.version, "document": json.dumps(asdict(catalog))}
        if self._rest.write("features", head, parts) is False:
            raise InvalidValueError(
                "catalog version", catalog.version, "is stored with other columns; a changed catalog needs a new version"
            )
        return len(stamps)

    def read(self, *, site_id: str, catalog_version: str | None, interval: Interval) -> pd.DataFrame:
        found = self._rest.read("catalog", {"site_id": site_id, "version": catalog_version})
        if found is None:
            return pd.DataFrame({"timestamp": utc_column(())})
        number, document = found
        names = _catalog(document).names
        query = {"catalog": number, "after": micros(interval.start) - 1, "end": micros(interval.end)}
        pages = list(self._rest.pages("features", query, limit=None, size=_PAGE, after={"after": "timestamp"}))
        stamps = [stamp for page in pages for stamp in page["timestamp"]]
        values = [floats(page["values"]) for page in pages]
        matrix = np.concatenate(values) if values else np.empty((0, len(names)))
        # columns of their own memory: a frame of this many columns is read and changed by column
        frame = pd.DataFrame(np.asfortranarray(matrix), columns=list(names))
        frame.insert(0, "timestamp", utc_column(stamps))
        return frame

    def read_many(self, *, site_ids: Sequence[str], interval: Interval, columns: Sequence[str] | None = None) -> Iterator[pd.DataFrame]:
        for site_id in sorted(set(site_ids)):
            frame = self.read(site_id=site_id, catalog_version=None, interval=interval)
            if len(frame):
                yield frame_of_sites(frame, [site_id], np.zeros(len(frame), dtype=np.int64), columns)

    def catalog(self, *, site_id: str) -> FeatureCatalog | None:
        found = self._rest.read("catalog", {"site_id": site_id, "version": None})
        return _catalog(found[1]) if found else None

    def extent(self, *, site_id: str) -> tuple[Interval, int] | None:
        found = self._rest.read("catalog", {"site_id": site_id, "version": None})
        if found is None:
            return None
        first, last, rows = self._rest.read("features_extent", {"catalog": found[0]})
        return closed(first, last), rows


def _catalog(document: str) -> FeatureCatalog:
    stored = json.loads(document)
    specs = (FeatureSpec(**{**spec, "availability": Availability(spec["availability"])}) for spec in stored["features"])
    return FeatureCatalog(version=stored["version"], features=tuple(specs))
