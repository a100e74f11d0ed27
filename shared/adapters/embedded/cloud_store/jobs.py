"""The jobs of the cloud store, and the file whose writes stand under their fences."""

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from shared.adapters.embedded.columns import micros, moment
from shared.adapters.embedded.sqlite import SqliteFile
from shared.domain.job import Job, JobKind, JobRecord, JobState, Lease, job_of
from shared.ports.fence import current_lease, lost
from shared.ports.job_store import require_retryable

_COLUMNS = "job_id, state, attempts, fence, requested_at, due_at, owner, started_at, finished_at, error, result"
_TO_DO = "state IN ('queued', 'failed', 'running') AND (state = 'queued' OR due_at <= :now)"
_TAKEN = "state = 'running', attempts = attempts + 1, fence = fence + 1, owner = :owner, started_at = :now, due_at = :until"
_HELD = "job_id = ? AND fence = ? AND state = 'running'"


class FencedFile(SqliteFile):
    """The cloud store's file: a write within `fenced` is refused once the job is another's. A claim needs the same write lock."""

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        with self.claiming() as connection:
            if lease := current_lease():
                _require(connection, lease)
            yield connection

    def claiming(self) -> AbstractContextManager[sqlite3.Connection]:
        """A write that no lease restricts: that of the jobs themselves."""
        return super().write()


class SqliteJobs:
    """`JobRegister`."""

    def __init__(self, file: FencedFile) -> None:
        self._file = file

    def request(self, jobs: Sequence[Job], *, now: datetime) -> list[Job]:
        asked = {job.job_id: job for job in jobs}
        with self._file.read() as connection:  # most requests bring nothing new, and then nothing is written
            known = connection.execute(
                "SELECT job_id FROM jobs WHERE job_id IN (SELECT value FROM json_each(?))", (json.dumps([*asked]),)
            ).fetchall()
        for (job_id,) in known:
            del asked[job_id]
        if not asked:
            return []
        # fences count on from the moment of the request: a job that was forgotten meanwhile gets none that somebody may still hold
        insert = (
            "INSERT INTO jobs (job_id, kind, site_id, state, fence, requested_at, due_at) VALUES (?1, ?2, ?3, 'queued', ?4, ?4, ?4)"
            " ON CONFLICT DO NOTHING"
        )
        at = micros(now)
        with self._file.claiming() as connection:
            return [job for job_id, job in asked.items() if connection.execute(insert, (job_id, job.kind, job.site_id, at)).rowcount == 1]

    def claim(
        self, kind: JobKind, *, owner: str, now: datetime, lease: timedelta, limit: int, job_ids: Collection[str] | None = None
    ) -> list[Lease]:
        among = "" if job_ids is None else "AND job_id IN (SELECT value FROM json_each(:job_ids))"
        free = f"SELECT job_id FROM jobs WHERE kind = :kind AND {_TO_DO} {among} ORDER BY due_at, job_id LIMIT :limit"  # noqa: S608  # constant text
        values = {"kind": kind, "now": micros(now), "limit": limit, "job_ids": json.dumps(list(job_ids or ()))}
        with self._file.read() as connection:  # who finds nothing to do makes no other writer wait
            if connection.execute(free, values).fetchone() is None:
                return []
        with self._file.claiming() as connection:
            rows = connection.execute(
                f"UPDATE jobs SET {_TAKEN} WHERE job_id IN ({free}) RETURNING job_id, fence, attempts",  # noqa: S608  # constant text
                {**values, "owner": owner, "until": micros(now + lease)},
            ).fetchall()
        return [
            Lease(job=job_of(job_id), owner=owner, fence=fence, attempts=attempts, until=now + lease)
            for job_id, fence, attempts in sorted(rows)
        ]

    def extend(self, leases: Sequence[Lease], *, now: datetime, lease: timedelta) -> list[Lease]:
        until, update = now + lease, f"UPDATE jobs SET due_at = ? WHERE {_HELD}"  # noqa: S608  # constant text
        with self._file.claiming() as connection:
            return [
                replace(each, until=until)
                for each in leases
                if connection.execute(update, (micros(until), each.job.job_id, each.fence)).rowcount == 1
            ]

    def require(self, lease: Lease) -> None:
        with self._file.read() as connection:
            _require(connection, lease)

    def finish(self, lease: Lease, *, now: datetime, result: Mapping[str, object]) -> None:
        self._end(lease, "state = 'done', due_at = ?1, finished_at = ?1, error = NULL, result = ?2", micros(now), json.dumps(dict(result)))

    def fail(self, lease: Lease, *, now: datetime, error: str, retry_at: datetime | None) -> None:
        if retry_at is None:
            self._end(lease, "state = 'given_up', due_at = ?1, finished_at = ?1, error = ?2", micros(now), error)
        else:
            self._end(lease, "state = 'failed', due_at = ?1, error = ?2", micros(retry_at), error)

    def give_back(self, leases: Sequence[Lease], *, now: datetime) -> None:
        update = f"UPDATE jobs SET state = 'queued', attempts = attempts - 1, owner = NULL, due_at = ? WHERE {_HELD}"  # noqa: S608  # constant text
        with self._file.claiming() as connection:
            connection.executemany(update, [(micros(now), lease.job.job_id, lease.fence) for lease in leases])

    def get(self, job_id: str) -> JobRecord | None:
        with self._file.read() as connection:
            row = connection.execute(f"SELECT {_COLUMNS} FROM jobs WHERE job_id = ?", (job_id,)).fetchone()  # noqa: S608  # constant names
        return _record(row) if row else None

    def list(
        self, *, kind: JobKind | None = None, state: JobState | None = None, site_id: str | None = None, limit: int = 100
    ) -> list[JobRecord]:
        wanted = {"kind": kind, "state": state, "site_id": site_id}
        where = " AND ".join(f"{name} = :{name}" for name, value in wanted.items() if value is not None) or "TRUE"
        with self._file.read() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM jobs WHERE {where} ORDER BY requested_at DESC, job_id LIMIT :limit",  # noqa: S608  # constant names
                {**wanted, "limit": limit},
            ).fetchall()
        return [_record(row) for row in rows]

    def counts(self) -> dict[tuple[JobKind, JobState], int]:
        with self._file.read() as connection:
            rows = connection.execute("SELECT kind, state, count(*) FROM jobs GROUP BY kind, state").fetchall()
        return {(JobKind(kind), JobState(state)): count for kind, state, count in rows}

    def retry(self, job_id: str, *, now: datetime) -> None:
        with self._file.claiming() as connection:
            row = connection.execute("SELECT state FROM jobs WHERE job_id = ?", (job_id,)).fetchone()
            require_retryable(job_id, row[0] if row else None)
            connection.execute(
                "UPDATE jobs SET state = 'queued', attempts = 0, due_at = ?, finished_at = NULL WHERE job_id = ?", (micros(now), job_id)
            )

    def prune(self, state: JobState, *, before: datetime, limit: int = 10_000) -> int:
        old = "SELECT job_id FROM jobs WHERE state = ? AND finished_at < ? LIMIT ?"
        values = (state, micros(before), limit)
        with self._file.read() as connection:
            if connection.execute(old, values).fetchone() is None:
                return 0
        with self._file.claiming() as connection:
            return int(connection.execute(f"DELETE FROM jobs WHERE job_id IN ({old})", values).rowcount)  # noqa: S608  # constant text

    def _end(self, lease: Lease, changes: str, *values: object) -> None:
        held = "job_id = ?3 AND fence = ?4 AND state = 'running'"
        with self._file.claiming() as connection:
            done = connection.execute(f"UPDATE jobs SET {changes} WHERE {held}", (*values, lease.job.job_id, lease.fence))  # noqa: S608  # constant text
            if done.rowcount != 1:
                raise lost(lease)


def _require(connection: sqlite3.Connection, lease: Lease) -> None:
    if connection.execute(f"SELECT 1 FROM jobs WHERE {_HELD}", (lease.job.job_id, lease.fence)).fetchone() is None:  # noqa: S608  # constant text
        raise lost(lease)


def _record(row: tuple[Any, ...]) -> JobRecord:
    job_id, state, attempts, fence, requested_at, due_at, owner, started_at, finished_at, error, result = row
    return JobRecord(
        job=job_of(job_id),
        state=JobState(state),
        attempts=attempts,
        fence=fence,
        requested_at=moment(requested_at),
        due_at=moment(due_at),
        owner=owner,
        started_at=None if started_at is None else moment(started_at),
        finished_at=None if finished_at is None else moment(finished_at),
        error=error,
        result=json.loads(result),
    )
