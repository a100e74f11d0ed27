"""Schedules as they were issued."""

from datetime import datetime

from shared.adapters.distributed.supabase.rest import Rest
from shared.adapters.embedded.columns import micros
from shared.contracts.schedules import ScheduleDocument
from shared.domain.schedule import Schedule


class SupabaseSchedules:
    """`ScheduleStore`."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def put(self, schedule: Schedule) -> None:
        head = {
            "schedule_id": schedule.schedule_id,
            "site_id": schedule.site_id,
            "issued_at": micros(schedule.issued_at),
            "document": ScheduleDocument.from_domain(schedule).model_dump_json(),
        }
        self._rest.write("schedule", head)

    def get(self, schedule_id: str) -> Schedule | None:
        return _schedule(self._rest.read("schedule", {"schedule_id": schedule_id}))

    def latest(self, *, site_id: str, as_of: datetime | None = None) -> Schedule | None:
        known = None if as_of is None else micros(as_of)
        return _schedule(self._rest.read("latest_schedule", {"site_id": site_id, "as_of": known}))

    def list_ids(self, *, site_id: str, limit: int = 100) -> list[str]:
        return self._rest.read("schedule_ids", {"site_id": site_id, "limit": limit}) or []


def _schedule(document: str | None) -> Schedule | None:
    return ScheduleDocument.model_validate_json(document).to_domain() if document else None
