"""Weather of places: one array of numbers for each hour and issue."""

from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from shared.adapters.distributed.supabase.rest import Rest
from shared.adapters.distributed.supabase.wire import cut, floats, numbers
from shared.adapters.embedded.columns import closed, micros, moment
from shared.adapters.weather_rows import frame_of, rows_of
from shared.domain.place import Place
from shared.domain.time import Interval
from shared.ports.weather_store import WeatherExtent

_PAGE = 2_000


class SupabaseWeather:
    """`WeatherStore`."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def put(self, place: Place, rows: pd.DataFrame) -> int:
        found = rows_of(rows)
        parts = (
            {
                "timestamp": found.stamps[at].tolist(),
                "issued_at": found.issued[at].tolist(),
                "values": numbers(found.values[at].ravel()),
            }
            for at in cut(len(found))
        )
        return int(self._rest.write("weather", {"place": str(place)}, parts)) if len(found) else 0

    def read(self, *, place: Place, interval: Interval, as_of: datetime | None = None, ahead: timedelta | None = None) -> pd.DataFrame:
        query = {
            "place": str(place),
            "after": micros(interval.start) - 1,
            "end": micros(interval.end),
            "as_of": None if as_of is None else micros(as_of),
            "ahead": None if ahead is None else ahead // timedelta(microseconds=1),
        }
        pages = list(self._rest.pages("weather", query, limit=None, size=_PAGE, after={"after": "timestamp"}))
        values = [floats(page["values"]) for page in pages]
        return frame_of(
            [stamp for page in pages for stamp in page["timestamp"]],
            [issued for page in pages for issued in page["issued_at"]],
            np.concatenate(values) if values else np.empty(0),
        )

    def extent(self, *, place: Place) -> WeatherExtent | None:
        first, last, issued = self._rest.read("weather_extent", {"place": str(place)})
        return None if first is None else WeatherExtent(interval=closed(first, last), newest_issue=moment(issued))

    def forget(self, *, place: Place, before: datetime) -> int:
        return int(self._rest.write("weather_forgotten", {"place": str(place), "before": micros(before)}))
