"""Readings that were refused, with the reason."""

import pandas as pd

from shared.adapters.embedded.columns import column_micros, utc_column
from shared.adapters.embedded.sqlite import SqliteFile
from shared.adapters.quarantine_table import TEXTS, quarantine_texts


class SqliteQuarantine:
    """`QuarantineStore`."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def put(self, rows: pd.DataFrame) -> int:
        texts = quarantine_texts(rows)
        if rows.empty:
            return 0
        with self._file.write() as connection:
            before = connection.total_changes
            connection.executemany(
                "INSERT INTO quarantine (site_id, device_id, timestamp, reason, document, stored_at) VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                zip(*texts, column_micros(rows, "stored_at").tolist(), strict=True),
            )
            return connection.total_changes - before

    def read(self, *, site_id: str | None = None, limit: int = 100) -> pd.DataFrame:
        with self._file.read() as connection:
            rows = connection.execute(
                "SELECT site_id, device_id, timestamp, reason, document, stored_at FROM quarantine"
                " WHERE ?1 IS NULL OR site_id = ?1 ORDER BY stored_at DESC, id DESC LIMIT ?2",
                (site_id, limit),
            ).fetchall()
        columns = list(zip(*rows, strict=True)) if rows else [()] * 6
        frame = pd.DataFrame({name: pd.Series(list(values), dtype="str") for name, values in zip(TEXTS, columns, strict=False)})
        return frame.assign(stored_at=utc_column(columns[-1]))

    def count(self, *, site_id: str | None = None) -> int:
        with self._file.read() as connection:
            row = connection.execute("SELECT count(*) FROM quarantine WHERE ?1 IS NULL OR site_id = ?1", (site_id,)).fetchone()
        return int(row[0])
