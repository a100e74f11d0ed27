"""Named price series with every publication."""

from datetime import datetime

import pandas as pd

from shared.adapters.embedded import price_table
from shared.adapters.embedded.columns import closed, micros
from shared.adapters.embedded.sqlite import SqliteFile
from shared.domain.time import Interval

_FOR_EVER = 2**63 - 1


class SqlitePrices:
    """`PriceStore`."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def put(self, series_id: str, prices: pd.DataFrame) -> int:
        rows = price_table.rows(prices)
        with self._file.write() as connection:
            return price_table.upsert(connection, series_id, rows)

    def read(self, *, series_id: str, interval: Interval, as_of: datetime | None = None) -> pd.DataFrame:
        known = _FOR_EVER if as_of is None else micros(as_of)
        with self._file.read() as connection:
            return price_table.select_known(connection, series_id=series_id, interval=interval, as_of=known)

    def extent(self, *, series_id: str) -> Interval | None:
        with self._file.read() as connection:
            # two seeks: one query with both min and max would scan the series
            first, last = connection.execute(
                "SELECT (SELECT min(timestamp) FROM prices WHERE series_id = ?1), (SELECT max(timestamp) FROM prices WHERE series_id = ?1)",
                (series_id,),
            ).fetchone()
        return None if first is None else closed(first, last)
