"""Replays of policies on what really happened."""

from shared.adapters.distributed.postgres.database import PostgresDatabase
from shared.contracts.savings import SavingsDocument
from shared.domain.savings import SavingsReport


class PostgresSavings:
    """`SavingsStore`. The latest report is the one made last; of several made at once the one that reaches furthest."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    def put(self, report: SavingsReport) -> None:
        document = SavingsDocument.from_domain(report).model_dump_json()
        with self._database.write() as connection:
            connection.execute(
                'INSERT INTO public.savings (site_id, made_at, start, "end", document) VALUES (%s, %s, %s, %s, %s::jsonb)'
                ' ON CONFLICT (site_id, made_at, start, "end") DO UPDATE SET document = excluded.document',
                (report.site_id, report.made_at, report.interval.start, report.interval.end, document),
            )

    def latest(self, *, site_id: str) -> SavingsReport | None:
        with self._database.read() as connection:
            row = connection.execute(
                'SELECT document::text FROM public.savings WHERE site_id = %s ORDER BY made_at DESC, "end" DESC, start LIMIT 1', (site_id,)
            ).fetchone()
        return SavingsDocument.model_validate_json(str(row[0])).to_domain() if row else None
