"""Replays of policies on what really happened."""

from shared.adapters.embedded.columns import micros
from shared.adapters.embedded.sqlite import SqliteFile
from shared.contracts.savings import SavingsDocument
from shared.domain.savings import SavingsReport


class SqliteSavings:
    """`SavingsStore`. The latest report is the one made last; of several made at once the one that reaches furthest."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def put(self, report: SavingsReport) -> None:
        document = SavingsDocument.from_domain(report).model_dump_json()
        key = (report.site_id, micros(report.made_at), micros(report.interval.start), micros(report.interval.end))
        with self._file.write() as connection:
            connection.execute(
                'INSERT OR REPLACE INTO savings (site_id, made_at, start, "end", document) VALUES (?, ?, ?, ?, ?)', (*key, document)
            )

    def latest(self, *, site_id: str) -> SavingsReport | None:
        with self._file.read() as connection:
            row = connection.execute(
                'SELECT document FROM savings WHERE site_id = ? ORDER BY made_at DESC, "end" DESC, start LIMIT 1', (site_id,)
            ).fetchone()
        return SavingsDocument.model_validate_json(row[0]).to_domain() if row else None
