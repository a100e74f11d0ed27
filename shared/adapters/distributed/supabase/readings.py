"""Readings in the cloud."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import numpy as np
import pandas as pd

from shared.adapters.distributed.supabase.rest import Rest
from shared.adapters.distributed.supabase.wire import cut, floats, numbers
from shared.adapters.embedded.columns import closed, micros, moment, utc_column
from shared.adapters.reading_columns import ReadingColumns, chosen, reading_columns
from shared.domain.reading import KEY_COLUMNS, READING_COLUMNS, TEXT_COLUMNS, VALUE_COLUMNS
from shared.domain.time import Interval
from shared.ports.reading_store import UpsertCounts

_PAGE = 5_000
"""Rows of an answer: about a megabyte."""


class SupabaseReadings:
    """`ReadingStore`."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def upsert(self, readings: pd.DataFrame, *, stored_at: datetime) -> UpsertCounts:
        columns = reading_columns(readings)
        if not len(columns):
            return UpsertCounts(inserted=0, updated=0, unchanged=0)
        return UpsertCounts(**self._rest.write("readings", _head(columns, stored_at), _parts(columns)))

    def read(self, *, site_id: str, interval: Interval, columns: Sequence[str] | None = None, limit: int | None = None) -> pd.DataFrame:
        names = chosen(columns)[len(KEY_COLUMNS) :]
        query = {
            "site_id": site_id,
            "columns": names,
            "after": micros(interval.start),
            "after_device": "",  # before every device
            "end": micros(interval.end),
        }
        after = {"after": "timestamp", "after_device": "device_id"}
        pages = self._rest.pages("readings", query, limit=limit, size=_PAGE, after=after)
        frames = [_frame(site_id, page, names) for page in pages]
        return pd.concat(frames, ignore_index=True) if frames else _frame(site_id, {}, names)

    def read_many(self, *, site_ids: Sequence[str], interval: Interval, columns: Sequence[str] | None = None) -> Iterator[pd.DataFrame]:
        names = chosen(columns)
        frames = (self.read(site_id=site_id, interval=interval, columns=names) for site_id in sorted(set(site_ids)))
        return (frame for frame in frames if len(frame))

    def latest(self, *, site_id: str) -> pd.DataFrame:
        rows = self._rest.read("latest", {"site_id": site_id}) or []
        return _frame(site_id, {name: [row[name] for row in rows] for name in READING_COLUMNS}, READING_COLUMNS[len(KEY_COLUMNS) :])

    def extent(self, *, site_id: str) -> tuple[Interval, int] | None:
        first, last, rows = self._rest.read("extent", {"site_id": site_id})
        return None if first is None else (closed(first, last), rows)

    def ends(self, *, site_ids: Sequence[str]) -> dict[str, datetime]:
        extents = {site_id: self.extent(site_id=site_id) for site_id in site_ids}
        return {site_id: extent[0].end for site_id, extent in extents.items() if extent is not None}

    def changed_since(self, *, site_id: str, stored_at: datetime) -> tuple[Interval, datetime] | None:
        first, last, newest, _ = self._rest.read("changed", {"site_id": site_id, "since": micros(stored_at)})
        return None if first is None else (closed(first, last), moment(newest))

    def count_since(self, *, site_id: str, stored_at: datetime) -> int:
        return int(self._rest.read("changed", {"site_id": site_id, "since": micros(stored_at)})[-1])


def _head(columns: ReadingColumns, stored_at: datetime) -> dict[str, object]:
    """What is written for whom, by site and device."""
    months = np.unique(columns.stamps.view("datetime64[us]").astype("datetime64[M]"))
    return {
        "stored_at": micros(stored_at),
        "sites": [columns.site_names[code] for code in columns.sites[columns.starts].tolist()],
        "devices": [columns.device_names[code] for code in columns.devices[columns.starts].tolist()],
        "firsts": columns.stamps[columns.starts].tolist(),
        "lasts": columns.stamps[columns.ends - 1].tolist(),
        "counts": (columns.ends - columns.starts).tolist(),
        "months": [f"{month}-01" for month in months],
    }


def _parts(columns: ReadingColumns) -> Iterator[dict[str, object]]:
    for rows in cut(len(columns)):
        yield {
            "site_ids": [columns.site_names[code] for code in columns.sites[rows].tolist()],
            "device_ids": [columns.device_names[code] for code in columns.devices[rows].tolist()],
            "stamps": columns.stamps[rows].tolist(),
            **{name: numbers(columns.numbers[rows, at]) for at, name in enumerate(VALUE_COLUMNS)},
            **{name: columns.texts[name][rows] for name in TEXT_COLUMNS},
            "quality": columns.quality[rows].tolist(),
        }


def _frame(site_id: str, page: Mapping[str, Sequence[object]], names: Sequence[str]) -> pd.DataFrame:
    """In the dtypes of a readings frame, the key columns first."""
    columns = {name: _column(name, page.get(name, ())) for name in ("device_id", "timestamp", *names)}
    frame = pd.DataFrame(columns)
    frame.insert(0, "site_id", pd.Series([site_id] * len(frame), dtype="str"))
    return frame


def _column(name: str, cells: Sequence[object]) -> object:
    if name in VALUE_COLUMNS:
        return floats(cells)  # type: ignore[arg-type]
    if name == "timestamp":
        return utc_column(cells)  # type: ignore[arg-type]
    if name == "quality":
        return np.array(cells, dtype=np.int64)
    return pd.Series(list(cells), dtype="object" if name in TEXT_COLUMNS else "str")
