"""Named price series with every publication."""

from datetime import datetime

import numpy as np
import pandas as pd
from psycopg import sql

from shared.adapters.distributed.postgres.database import PostgresDatabase
from shared.adapters.embedded import price_table
from shared.adapters.embedded.columns import moment
from shared.domain.time import Interval, as_utc


class PostgresPrices:
    """`PriceStore`."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    def put(self, series_id: str, prices: pd.DataFrame) -> int:
        rows = price_table.rows(prices)
        if not rows:
            return 0
        stamps, published, values = zip(*rows, strict=True)
        with self._database.write() as connection:
            row = connection.execute(
                "SELECT der.put_prices(%s, %b, %b, %b)",
                (
                    series_id,
                    [moment(stamp) for stamp in stamps],
                    [moment(stamp) for stamp in published],
                    [None if value != value else value for value in values],  # noqa: PLR0124  # NaN is no price
                ),
            ).fetchone()
        return int(row[0]) if row else 0

    def read(self, *, series_id: str, interval: Interval, as_of: datetime | None = None) -> pd.DataFrame:
        query = sql.SQL(
            'SELECT DISTINCT ON ("timestamp") "timestamp", price_per_kwh, published_at FROM public.prices'
            ' WHERE series_id = {series} AND "timestamp" >= {start} AND "timestamp" < {end} AND published_at <= {known}'
            ' ORDER BY "timestamp", published_at DESC'
        ).format(
            series=series_id,
            start=interval.start,
            end=interval.end,
            known="infinity" if as_of is None else as_utc(as_of),
        )
        found = self._database.table(query)
        stamps, values, published = (found.column(at) for at in range(3))
        return pd.DataFrame(
            {
                "timestamp": stamps.to_pandas(),
                "price_per_kwh": values.to_numpy().astype(np.float64, copy=False),
                "published_at": published.to_pandas(),
            }
        )

    def extent(self, *, series_id: str) -> Interval | None:
        with self._database.read() as connection:
            row = connection.execute(
                'SELECT min("timestamp"), max("timestamp") + interval \'1 microsecond\' FROM public.prices WHERE series_id = %s',
                (series_id,),
            ).fetchone()
        return None if row is None or row[0] is None else Interval(start=row[0], end=row[1])
