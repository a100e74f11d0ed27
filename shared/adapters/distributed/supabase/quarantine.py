"""Readings that were refused, with the reason."""

import pandas as pd

from shared.adapters.distributed.supabase.rest import Rest
from shared.adapters.distributed.supabase.wire import cut
from shared.adapters.embedded.columns import column_micros, utc_column
from shared.adapters.quarantine_table import TEXTS, quarantine_texts

_PAGE = 1_000


class SupabaseQuarantine:
    """`QuarantineStore`."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def put(self, rows: pd.DataFrame) -> int:
        texts = quarantine_texts(rows)
        if rows.empty:
            return 0
        columns = {**dict(zip(TEXTS, texts, strict=True)), "stored_at": column_micros(rows, "stored_at").tolist()}
        parts = ({name: values[stretch] for name, values in columns.items()} for stretch in cut(len(rows)))
        return int(self._rest.write("quarantine", {}, parts))

    def read(self, *, site_id: str | None = None, limit: int = 100) -> pd.DataFrame:
        query = {"site_id": site_id, "before": None, "before_id": None}
        after = {"before": "stored_at", "before_id": "id"}
        pages = list(self._rest.pages("quarantine", query, limit=limit, size=_PAGE, after=after))
        frame = pd.DataFrame({name: pd.Series([cell for page in pages for cell in page[name]], dtype="str") for name in TEXTS})
        return frame.assign(stored_at=utc_column([cell for page in pages for cell in page["stored_at"]]))

    def count(self, *, site_id: str | None = None) -> int:
        return int(self._rest.read("quarantine_count", {"site_id": site_id}))
