"""Readings that were refused, with the reason."""

from typing import Any

import pandas as pd
from psycopg import sql

from shared.adapters.distributed.postgres.database import PostgresDatabase
from shared.adapters.embedded.columns import column_micros, moment
from shared.adapters.quarantine_table import TEXTS, quarantine_texts

_COLUMNS = sql.SQL(", ").join(map(sql.Identifier, (*TEXTS, "stored_at")))

_PUT = sql.SQL(
    "INSERT INTO public.quarantine ({}) SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b)"
    " AS g (a, b, c, d, e, f) ORDER BY a, b, c, d ON CONFLICT DO NOTHING"  # in one order: no two writers in a circle
).format(_COLUMNS)


class PostgresQuarantine:
    """`QuarantineStore`."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    def put(self, rows: pd.DataFrame) -> int:
        texts = quarantine_texts(rows)
        if rows.empty:
            return 0
        stored_at = [moment(stamp) for stamp in column_micros(rows, "stored_at").tolist()]
        with self._database.write() as connection:
            return connection.execute(_PUT, (*texts, stored_at)).rowcount

    def read(self, *, site_id: str | None = None, limit: int = 100) -> pd.DataFrame:
        query = sql.SQL("SELECT {columns} FROM public.quarantine {where} ORDER BY stored_at DESC, id DESC LIMIT {limit}").format(
            columns=_COLUMNS, where=_of(site_id), limit=limit
        )
        return self._database.table(query).to_pandas()  # type: ignore[no-any-return]

    def count(self, *, site_id: str | None = None) -> int:
        with self._database.read() as connection:
            row: Any = connection.execute(sql.SQL("SELECT count(*) FROM public.quarantine {}").format(_of(site_id))).fetchone()
        return int(row[0])


def _of(site_id: str | None) -> sql.Composable:
    return sql.SQL("") if site_id is None else sql.SQL("WHERE site_id = {}").format(site_id)
