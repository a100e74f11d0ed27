"""Jobs over the REST API: a claim that had to be asked for twice is one claim, and every fenced write holds its job."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from shared.adapters.distributed.supabase.rest import Rest
from shared.adapters.embedded.columns import micros, moment
from shared.domain.job import Job, JobKind, JobRecord, JobState, Lease, job_of
from shared.ports.fence import lost
from shared.ports.job_store import require_retryable

_INSTANTS = ("requested_at", "due_at", "started_at", "finished_at")


class SupabaseJobs:
    """`JobRegister`."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def request(self, jobs: Sequence[Job], *, now: datetime) -> list[Job]:
        asked = {job.job_id: job for job in jobs}
        kinds, site_ids = [job.kind.value for job in asked.values()], [job.site_id for job in asked.values()]
        new = set(self._write("job_requests", ids=[*asked], kinds=kinds, site_ids=site_ids, at=micros(now)))
        return [job for job_id, job in asked.items() if job_id in new]

    def claim(
        self, kind: JobKind, *, owner: str, now: datetime, lease: timedelta, limit: int, job_ids: Collection[str] | None = None
    ) -> list[Lease]:
        until, among = now + lease, None if job_ids is None else list(job_ids)
        rows = self._write("job_claim", kind=kind.value, owner=owner, at=micros(now), until=micros(until), most=limit, ids=among)
        return [
            Lease(job=job_of(job_id), owner=owner, fence=fence, attempts=attempts, until=until) for job_id, fence, attempts in sorted(rows)
        ]

    def extend(self, leases: Sequence[Lease], *, now: datetime, lease: timedelta) -> list[Lease]:
        held = set(self._write("job_extensions", **_names(leases), until=micros(now + lease)))
        return [replace(each, until=now + lease) for each in leases if each.job.job_id in held]

    def require(self, lease: Lease) -> None:
        found = self.get(lease.job.job_id)
        if found is None or (found.state, found.fence) != (JobState.RUNNING, lease.fence):
            raise lost(lease)

    def finish(self, lease: Lease, *, now: datetime, result: Mapping[str, object]) -> None:
        self._end(lease, JobState.DONE, at=now, error=None, result=dict(result))

    def fail(self, lease: Lease, *, now: datetime, error: str, retry_at: datetime | None) -> None:
        self._end(lease, JobState.GIVEN_UP if retry_at is None else JobState.FAILED, at=retry_at or now, error=error, result=None)

    def give_back(self, leases: Sequence[Lease], *, now: datetime) -> None:
        self._write("jobs_back", **_names(leases), at=micros(now))

    def get(self, job_id: str) -> JobRecord | None:
        return next(iter(self._read(job_id=job_id, limit=1)), None)

    def list(
        self, *, kind: JobKind | None = None, state: JobState | None = None, site_id: str | None = None, limit: int = 100
    ) -> list[JobRecord]:
        return [*self._read(kind=kind, state=state, site_id=site_id, limit=limit)]

    def counts(self) -> dict[tuple[JobKind, JobState], int]:
        return {(JobKind(kind), JobState(state)): count for kind, state, count in self._rest.read("job_counts", {})}

    def retry(self, job_id: str, *, now: datetime) -> None:
        require_retryable(job_id, self._write("job_retry", job_id=job_id, at=micros(now))["state"])

    def prune(self, state: JobState, *, before: datetime, limit: int = 10_000) -> int:
        return int(self._write("job_pruning", state=state.value, before=micros(before), limit=limit))

    def _write(self, operation: str, **head: object) -> Any:
        return self._rest.write(operation, head, fenced=False)

    def _read(self, **wanted: object) -> tuple[JobRecord, ...]:
        return tuple(_record(row) for row in self._rest.read("jobs", wanted))

    def _end(self, lease: Lease, state: JobState, *, at: datetime, error: str | None, result: object) -> None:
        names = {"job_id": lease.job.job_id, "fence": lease.fence, "state": state.value}
        if not self._write("job_end", **names, at=micros(at), error=error, result=result):
            raise lost(lease)


def _names(leases: Sequence[Lease]) -> dict[str, object]:
    return {"ids": [lease.job.job_id for lease in leases], "fences": [lease.fence for lease in leases]}


def _record(row: dict[str, Any]) -> JobRecord:
    instants = {name: None if row[name] is None else moment(row[name]) for name in _INSTANTS}
    return JobRecord(job=job_of(row.pop("job_id")), **(row | instants | {"state": JobState(row["state"])}))
