"""Schedules as they were issued."""

from datetime import datetime
from typing import Any

from shared.adapters.distributed.postgres.database import PostgresDatabase
from shared.contracts.schedules import ScheduleDocument
from shared.domain.schedule import Schedule
from shared.domain.time import as_utc


class PostgresSchedules:
    """`ScheduleStore`."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    def put(self, schedule: Schedule) -> None:
        document = ScheduleDocument.from_domain(schedule).model_dump_json()
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO public.schedules (schedule_id, site_id, issued_at, document) VALUES (%s, %s, %s, %s::jsonb)"
                " ON CONFLICT (schedule_id) DO UPDATE"
                " SET site_id = excluded.site_id, issued_at = excluded.issued_at, document = excluded.document",
                (schedule.schedule_id, schedule.site_id, schedule.issued_at, document),
            )

    def get(self, schedule_id: str) -> Schedule | None:
        with self._database.read() as connection:
            row = connection.execute("SELECT document::text FROM public.schedules WHERE schedule_id = %s", (schedule_id,)).fetchone()
        return _schedule(row)

    def latest(self, *, site_id: str, as_of: datetime | None = None) -> Schedule | None:
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT document::text FROM public.schedules"
                " WHERE site_id = %s AND issued_at <= coalesce(%s::timestamptz, 'infinity') ORDER BY issued_at DESC LIMIT 1",
                (site_id, None if as_of is None else as_utc(as_of)),
            ).fetchone()
        return _schedule(row)

    def list_ids(self, *, site_id: str, limit: int = 100) -> list[str]:
        with self._database.read() as connection:
            rows: list[Any] = connection.execute(
                "SELECT schedule_id FROM public.schedules WHERE site_id = %s ORDER BY issued_at DESC LIMIT %s", (site_id, limit)
            ).fetchall()
        return [schedule_id for (schedule_id,) in rows]


def _schedule(row: tuple[object, ...] | None) -> Schedule | None:
    return ScheduleDocument.model_validate_json(str(row[0])).to_domain() if row else None
