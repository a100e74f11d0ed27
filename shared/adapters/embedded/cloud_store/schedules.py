"""Schedules as they were issued."""

from datetime import datetime

from shared.adapters.embedded.columns import micros
from shared.adapters.embedded.sqlite import SqliteFile
from shared.contracts.schedules import ScheduleDocument
from shared.domain.schedule import Schedule

_FOR_EVER = 2**63 - 1


class SqliteSchedules:
    """`ScheduleStore`."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def put(self, schedule: Schedule) -> None:
        document = ScheduleDocument.from_domain(schedule).model_dump_json()
        with self._file.write() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO schedules (schedule_id, site_id, issued_at, document) VALUES (?, ?, ?, ?)",
                (schedule.schedule_id, schedule.site_id, micros(schedule.issued_at), document),
            )

    def get(self, schedule_id: str) -> Schedule | None:
        return self._one("WHERE schedule_id = ?", (schedule_id,))

    def latest(self, *, site_id: str, as_of: datetime | None = None) -> Schedule | None:
        known = _FOR_EVER if as_of is None else micros(as_of)
        return self._one("WHERE site_id = ? AND issued_at <= ? ORDER BY issued_at DESC LIMIT 1", (site_id, known))

    def list_ids(self, *, site_id: str, limit: int = 100) -> list[str]:
        with self._file.read() as connection:
            rows = connection.execute(
                "SELECT schedule_id FROM schedules WHERE site_id = ? ORDER BY issued_at DESC LIMIT ?", (site_id, limit)
            ).fetchall()
        return [schedule_id for (schedule_id,) in rows]

    def _one(self, where: str, values: tuple[object, ...]) -> Schedule | None:
        with self._file.read() as connection:
            row = connection.execute(f"SELECT document FROM schedules {where}", values).fetchone()  # noqa: S608  # constant text
        return ScheduleDocument.model_validate_json(row[0]).to_domain() if row else None
