"""Named price series with every publication."""

from datetime import datetime

import numpy as np
import pandas as pd

from shared.adapters.distributed.supabase.rest import Rest
from shared.adapters.distributed.supabase.wire import cut, floats, numbers
from shared.adapters.embedded import price_table
from shared.adapters.embedded.columns import closed, micros, utc_column
from shared.domain.time import Interval

_PAGE = 5_000


class SupabasePrices:
    """`PriceStore`."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def put(self, series_id: str, prices: pd.DataFrame) -> int:
        rows = price_table.rows(prices)
        if not rows:
            return 0
        stamps, published, values = zip(*rows, strict=True)
        cells = numbers(np.array(values, dtype=np.float64))
        parts = ({"timestamp": stamps[at], "published_at": published[at], "price_per_kwh": cells[at]} for at in cut(len(rows)))
        return int(self._rest.write("prices", {"series_id": series_id}, parts))

    def read(self, *, series_id: str, interval: Interval, as_of: datetime | None = None) -> pd.DataFrame:
        query = {
            "series_id": series_id,
            "after": micros(interval.start) - 1,
            "end": micros(interval.end),
            "as_of": None if as_of is None else micros(as_of),
        }
        pages = list(self._rest.pages("prices", query, limit=None, size=_PAGE, after={"after": "timestamp"}))
        stamps, values, published = (
            [cell for page in pages for cell in page[name]] for name in ("timestamp", "price_per_kwh", "published_at")
        )
        return pd.DataFrame({"timestamp": utc_column(stamps), "price_per_kwh": floats(values), "published_at": utc_column(published)})

    def extent(self, *, series_id: str) -> Interval | None:
        first, last = self._rest.read("prices_extent", {"series_id": series_id})
        return None if first is None else closed(first, last)
