"""Weather of places: an array of `double precision` for each hour and issue."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from psycopg import sql

from shared.adapters.distributed.postgres.database import PostgresDatabase
from shared.adapters.embedded.columns import moment
from shared.adapters.weather_rows import frame_of, rows_of
from shared.domain.place import Place
from shared.domain.time import Interval, as_utc
from shared.ports.weather_store import WeatherExtent


class PostgresWeather:
    """`WeatherStore`."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    def put(self, place: Place, rows: pd.DataFrame) -> int:
        found = rows_of(rows)
        instants = [[moment(stamp) for stamp in stamps.tolist()] for stamps in (found.stamps, found.issued)]
        with self._database.write() as connection:
            row = connection.execute(
                "SELECT der.put_weather(%s, %b, %b, %b)", (str(place), *instants, found.values.ravel().tolist())
            ).fetchone()
        return int(row[0]) if row else 0

    def read(self, *, place: Place, interval: Interval, as_of: datetime | None = None, ahead: timedelta | None = None) -> pd.DataFrame:
        query = sql.SQL(
            'SELECT DISTINCT ON ("timestamp") "timestamp", issued_at, "values" FROM public.weather'
            ' WHERE place = {place} AND "timestamp" >= {start} AND "timestamp" < {end} AND issued_at <= {known} AND {early}'
            ' ORDER BY "timestamp", issued_at DESC'
        ).format(
            place=str(place),
            start=interval.start,
            end=interval.end,
            known="infinity" if as_of is None else as_utc(as_of),
            early=sql.SQL("true") if ahead is None else sql.SQL('issued_at <= "timestamp" - {}').format(ahead),
        )
        table = self._database.table(query).combine_chunks()
        stamps, issued = (table.column(at).to_numpy().astype("datetime64[us]").astype(np.int64) for at in (0, 1))
        values = table.column(2).combine_chunks().flatten().to_numpy(zero_copy_only=False)
        return frame_of(stamps, issued, np.array(values, dtype=np.float64))

    def extent(self, *, place: Place) -> WeatherExtent | None:
        with self._database.read() as connection:
            row: Any = connection.execute(
                'SELECT min("timestamp"), max("timestamp") + interval \'1 microsecond\', max(issued_at)'
                " FROM public.weather WHERE place = %s",
                (str(place),),
            ).fetchone()
        return None if row[0] is None else WeatherExtent(interval=Interval(start=row[0], end=row[1]), newest_issue=row[2])

    def forget(self, *, place: Place, before: datetime) -> int:
        with self._database.write() as connection:
            row = connection.execute("SELECT der.forget_weather(%s, %s)", (str(place), as_utc(before))).fetchone()
        return int(row[0]) if row else 0
