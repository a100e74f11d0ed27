"""Jobs that several workers share: each is done by one of them, and one that comes back late changes nothing."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from shared.domain.errors import InvalidValueError
from shared.domain.job import Job, JobKind, JobRecord, JobState, Lease
from shared.ports.errors import NotFoundError


class JobStore(Protocol):
    """What workers need. Every call is one transaction; none of them is fenced by an ambient lease (see `fence`)."""

    def request(self, jobs: Sequence[Job], *, now: datetime) -> list[Job]:
        """Queue the jobs that are not known yet, whatever state those that are known have; returns the new ones, in order."""
        ...

    def claim(
        self, kind: JobKind, *, owner: str, now: datetime, lease: timedelta, limit: int, job_ids: Collection[str] | None = None
    ) -> list[Lease]:
        """Take up to `limit` jobs that are queued, failed and due, or running with a lease that has ended; oldest first.

        Only those of `job_ids` where they are given. A job is taken by one of those who ask at once; nobody waits for another.
        """
        ...

    def extend(self, leases: Sequence[Lease], *, now: datetime, lease: timedelta) -> list[Lease]:
        """Prolong them to `now + lease`; returns those that are still held, also where they had ended and nobody took over."""
        ...

    def require(self, lease: Lease) -> None:
        """Raise `LeaseLostError` unless the job still runs under this lease's fence."""
        ...

    def finish(self, lease: Lease, *, now: datetime, result: Mapping[str, object]) -> None:
        """It is done. Raises `LeaseLostError` where another has taken it over; then nothing changes."""
        ...

    def fail(self, lease: Lease, *, now: datetime, error: str, retry_at: datetime | None) -> None:
        """It failed: again at `retry_at`, or given up (None). Raises `LeaseLostError` as `finish` does."""
        ...

    def give_back(self, leases: Sequence[Lease], *, now: datetime) -> None:
        """Queue them again as if they had not been claimed (their fence stays spent); what is no longer held is left alone."""
        ...


class JobRegister(JobStore, Protocol):
    """What people and their programs ask of the jobs besides."""

    def get(self, job_id: str) -> JobRecord | None: ...

    def list(
        self, *, kind: JobKind | None = None, state: JobState | None = None, site_id: str | None = None, limit: int = 100
    ) -> list[JobRecord]:
        """Newest request first."""
        ...

    def counts(self) -> dict[tuple[JobKind, JobState], int]:
        """How many there are of each kind and state; only what is there."""
        ...

    def retry(self, job_id: str, *, now: datetime) -> None:
        """Queue a failed or given-up job again, its attempts forgotten. Raises `NotFoundError`, `InvalidValueError` for another state."""
        ...

    def prune(self, state: JobState, *, before: datetime, limit: int = 10_000) -> int:
        """Forget up to `limit` jobs that ended in this state (done or given up) before that moment; returns how many."""
        ...


def require_retryable(job_id: str, state: str | None) -> None:
    """What every `retry` asks of the state it finds (None: no such job)."""
    if state is None:
        raise NotFoundError(f"no job {job_id!r} in the store; `der jobs` lists them")
    if state not in (JobState.FAILED, JobState.GIVEN_UP):
        raise InvalidValueError("job", job_id, f"is {state}; only a job that failed or was given up can be tried again")
