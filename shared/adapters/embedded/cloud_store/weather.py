"""Weather of places: one packed row of float64 for each hour and issue."""

from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from shared.adapters.embedded.columns import closed, micros, moment
from shared.adapters.embedded.sqlite import SqliteFile
from shared.adapters.weather_rows import frame_of, rows_of
from shared.domain.place import Place
from shared.domain.time import Interval
from shared.ports.weather import WEATHER_VALUES
from shared.ports.weather_store import WeatherExtent

_FOR_EVER = 2**62
_WIDTH = 8 * len(WEATHER_VALUES)


class SqliteWeather:
    """`WeatherStore`."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def put(self, place: Place, rows: pd.DataFrame) -> int:
        found = rows_of(rows)
        packed, keys = found.values.astype("<f8").tobytes(), zip(found.stamps.tolist(), found.issued.tolist(), strict=True)
        with self._file.write() as connection:
            before = connection.total_changes
            connection.executemany(
                'INSERT INTO weather (place, timestamp, issued_at, "values") VALUES (?, ?, ?, ?)'
                ' ON CONFLICT DO UPDATE SET "values" = excluded."values" WHERE "values" IS NOT excluded."values"',
                ((str(place), *key, packed[at * _WIDTH : (at + 1) * _WIDTH]) for at, key in enumerate(keys)),
            )
            return connection.total_changes - before

    def read(self, *, place: Place, interval: Interval, as_of: datetime | None = None, ahead: timedelta | None = None) -> pd.DataFrame:
        with self._file.read() as connection:
            found = connection.execute(
                # with max() SQLite takes the other columns from the row that holds the maximum
                'SELECT timestamp, max(issued_at), "values" FROM weather'
                " WHERE place = ? AND timestamp >= ? AND timestamp < ? AND issued_at <= min(?, timestamp + ?)"
                " GROUP BY timestamp ORDER BY timestamp",
                (
                    str(place), micros(interval.start), micros(interval.end),
                    _FOR_EVER if as_of is None else micros(as_of),
                    _FOR_EVER if ahead is None else -(ahead // timedelta(microseconds=1)),
                ),
            ).fetchall()  # fmt: skip
        values = np.frombuffer(b"".join(row[2] for row in found), dtype="<f8").astype(np.float64)
        return frame_of([row[0] for row in found], [row[1] for row in found], values)

    def extent(self, *, place: Place) -> WeatherExtent | None:
        with self._file.read() as connection:
            first, last, issued = connection.execute(
                "SELECT min(timestamp), max(timestamp), max(issued_at) FROM weather WHERE place = ?", (str(place),)
            ).fetchone()
        return None if first is None else WeatherExtent(interval=closed(first, last), newest_issue=moment(issued))

    def forget(self, *, place: Place, before: datetime) -> int:
        with self._file.write() as connection:
            return connection.execute("DELETE FROM weather WHERE place = ? AND timestamp < ?", (str(place), micros(before))).rowcount
