"""Jobs on PostgreSQL: claims pass each other's rows by, and a fenced write holds its job's row against a claim."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from shared.adapters.distributed.postgres.database import PostgresDatabase, require_held
from shared.domain.job import Job, JobKind, JobRecord, JobState, Lease, job_of
from shared.ports.fence import lost
from shared.ports.job_store import require_retryable

_COLUMNS = "job_id, state, attempts, fence, requested_at, due_at, owner, started_at, finished_at, error, result"
_SELECT = f"SELECT {_COLUMNS} FROM public.jobs"  # noqa: S608  # constant names


class PostgresJobs:
    """`JobRegister`."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    def request(self, jobs: Sequence[Job], *, now: datetime) -> list[Job]:
        asked = {job.job_id: job for job in jobs}
        kinds, site_ids = [job.kind.value for job in asked.values()], [job.site_id for job in asked.values()]
        new = self._each("SELECT der.request_jobs(%s, %s, %s, %s)", [*asked], kinds, site_ids, now)
        return [job for job_id, job in asked.items() if job_id in new]

    def claim(
        self, kind: JobKind, *, owner: str, now: datetime, lease: timedelta, limit: int, job_ids: Collection[str] | None = None
    ) -> list[Lease]:
        until = now + lease
        among = None if job_ids is None else list(job_ids)
        with self._database.claiming() as connection:
            rows: Any = connection.execute(
                "SELECT * FROM der.claim_jobs(%s, %s, %s, %s, %s, %s)", (kind.value, owner, now, until, limit, among)
            ).fetchall()
        return [
            Lease(job=job_of(job_id), owner=owner, fence=fence, attempts=attempts, until=until) for job_id, fence, attempts in sorted(rows)
        ]

    def extend(self, leases: Sequence[Lease], *, now: datetime, lease: timedelta) -> list[Lease]:
        held = self._each("SELECT der.extend_jobs(%s, %s, %s)", *_names(leases), now + lease)
        return [replace(each, until=now + lease) for each in leases if each.job.job_id in held]

    def require(self, lease: Lease) -> None:
        with self._database.claiming() as connection:
            require_held(connection, lease)

    def finish(self, lease: Lease, *, now: datetime, result: Mapping[str, object]) -> None:
        self._end(lease, JobState.DONE, now, None, json.dumps(dict(result)))

    def fail(self, lease: Lease, *, now: datetime, error: str, retry_at: datetime | None) -> None:
        self._end(lease, JobState.GIVEN_UP if retry_at is None else JobState.FAILED, retry_at or now, error, None)

    def give_back(self, leases: Sequence[Lease], *, now: datetime) -> None:
        self._each("SELECT der.give_back_jobs(%s, %s, %s)", *_names(leases), now)

    def get(self, job_id: str) -> JobRecord | None:
        with self._database.read() as connection:
            row = connection.execute(f"{_SELECT} WHERE job_id = %s", (job_id,)).fetchone()
        return _record(row) if row else None

    def list(
        self, *, kind: JobKind | None = None, state: JobState | None = None, site_id: str | None = None, limit: int = 100
    ) -> list[JobRecord]:
        wanted = {name: str(value) for name, value in (("kind", kind), ("state", state), ("site_id", site_id)) if value is not None}
        where = " AND ".join(f"{name} = %({name})s" for name in wanted) or "TRUE"
        with self._database.read() as connection:
            rows = connection.execute(
                f'{_SELECT} WHERE {where} ORDER BY requested_at DESC, job_id COLLATE "C" LIMIT %(limit)s',
                {**wanted, "limit": limit},
            ).fetchall()
        return [_record(row) for row in rows]

    def counts(self) -> dict[tuple[JobKind, JobState], int]:
        with self._database.read() as connection:
            rows: Any = connection.execute("SELECT kind, state, count(*) FROM public.jobs GROUP BY kind, state").fetchall()
        return {(JobKind(kind), JobState(state)): count for kind, state, count in rows}

    def retry(self, job_id: str, *, now: datetime) -> None:
        with self._database.claiming() as connection:
            row: Any = connection.execute("SELECT state FROM public.jobs WHERE job_id = %s FOR UPDATE", (job_id,)).fetchone()
            require_retryable(job_id, row[0] if row else None)
            connection.execute(
                "UPDATE public.jobs SET state = 'queued', attempts = 0, due_at = %s, finished_at = NULL WHERE job_id = %s", (now, job_id)
            )

    def prune(self, state: JobState, *, before: datetime, limit: int = 10_000) -> int:
        (forgotten,) = self._each("SELECT der.prune_jobs(%s, %s, %s)", state.value, before, limit)
        return int(forgotten)

    def _each(self, query: str, *values: object) -> set[Any]:
        """The answers of a function of ours, one in each row."""
        with self._database.claiming() as connection:
            return {row[0] for row in connection.execute(query, values).fetchall()}

    def _end(self, lease: Lease, state: JobState, at: datetime, error: str | None, result: str | None) -> None:
        values = (lease.job.job_id, lease.fence, state.value, at, error, result)
        if self._each("SELECT der.end_job(%s, %s, %s, %s, %s, %s)", *values) != {True}:
            raise lost(lease)


def _names(leases: Sequence[Lease]) -> tuple[list[str], list[int]]:
    return [lease.job.job_id for lease in leases], [lease.fence for lease in leases]


def _record(row: Any) -> JobRecord:
    job_id, *others = row
    return JobRecord(job=job_of(job_id), **{**dict(zip(_COLUMNS.split(", ")[1:], others, strict=True)), "state": JobState(others[0])})
