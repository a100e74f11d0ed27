"""Jobs of one kind, done by whichever process comes first: requested, told in batches, claimed, done under a fence.

A message that is lost or a worker that is killed only delays: the rescue claims whatever is queued, due or abandoned.
"""

import math
import os
import random
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.contracts.events import Event, JobBatchRequested
from shared.contracts.topology import Queue
from shared.domain.errors import InvalidValueError
from shared.domain.job import Job, JobKind, JobState, Lease
from shared.ports.clock import Clock
from shared.ports.errors import LeaseLostError, NotFoundError, RejectedMessageError, RetryableError, SupplierError
from shared.ports.fence import fenced
from shared.ports.job_store import JobRegister
from shared.runtime.logging import logger
from shared.runtime.worker import Subscription, Timer

LOG = "jobs"
LEASE = timedelta(seconds=60)
"""How long a worker that died keeps its jobs. One that lives prolongs them three times as often, and is fenced where it cannot."""
CLAIMS_IN_A_BATCH = 5
ATTEMPTS = 10
ATTEMPTS_AFTER_BUG = 3
FIRST_RETRY, LONGEST_RETRY = timedelta(seconds=5), timedelta(minutes=10)
KEPT = {JobState.DONE: timedelta(days=1), JobState.GIVEN_UP: timedelta(days=14)}
"""How long ended jobs are remembered. A slot that comes again later, as it may where time stands still, is done anew."""
PRUNE_EVERY = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What doing a job came to."""

    events: Sequence[Event] = ()
    """Published once the job is done."""
    result: Mapping[str, object] = field(default_factory=dict)
    """A few words and numbers, kept with the job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One kind of job: how it is done and how it is shared.

    `run` may be repeated. What it raises decides: `NotFoundError`, `InvalidValueError` and `RejectedMessageError` give the job
    up; other errors of suppliers, and `RetryableError`, try it again later; anything else is a bug, which gets few tries.
    """

    kind: JobKind
    queue: Queue
    batch: type[JobBatchRequested]
    size: int
    """Jobs in a batch: so many that a message is seconds of work."""
    run: Callable[[Job], Outcome]
    together: Callable[[Sequence[Job]], Callable[[Job], Outcome]] | None = None
    """Makes beforehand what jobs that were claimed at once share, writes nothing, and returns how each is then done instead of
    `run`. What it raises leaves each job to `run`, which says whose fault it was."""


class JobWorker:
    """This process's share of the jobs of one kind. Its methods are steps: they run in threads, several at once."""

    def __init__(self, work: Work, *, store: JobRegister, clock: Clock, lease: timedelta = LEASE) -> None:
        self._work, self._store, self._clock, self._lease = work, store, clock, lease
        self._owner = f"{socket.gethostname()}:{os.getpid()}"
        self._stopping = threading.Event()
        self._failing: set[str] = set()
        self._prune_at: datetime | None = None

    @property
    def subscription(self) -> Subscription:
        return Subscription(queue=self._work.queue, handle=self.on_batch)

    @property
    def timer(self) -> Timer:
        """Of the rescue."""
        return Timer(name=f"{self._work.kind}.rescue", every=self._lease / 2, step=self.rescue)

    def do(self, job: Job) -> Sequence[Event]:
        """Request a job and do it here and now, unless it is done or another has it: for a message that one consumer gets."""
        self._store.request([job], now=self._clock.now())
        return self._work_off([job.job_id])

    def share(self, jobs: Sequence[Job]) -> Sequence[Event]:
        """Request jobs; the new ones are told in batches, which the processes of this kind share."""
        new = self._store.request(jobs, now=self._clock.now())
        ids, size = [job.job_id for job in new], self._work.size
        return [self._work.batch(job_ids=ids[begin : begin + size]) for begin in range(0, len(ids), size)]

    def on_batch(self, event: Event) -> Sequence[Event]:
        """Do what is left of a batch."""
        if not isinstance(event, self._work.batch):
            raise RejectedMessageError(f"{event.TYPE} does not belong in queue {self._work.queue.name}")
        return self._work_off(event.job_ids)

    def rescue(self) -> Sequence[Event]:
        """Do what no message brought or whose worker is gone, for at most about the time until the next rescue."""
        self._prune()
        return self._work_off(deadline=time.monotonic() + self._lease.total_seconds() / 2)

    def stop(self) -> None:
        """Begin no more jobs; those that were claimed and not begun are given back."""
        self._stopping.set()

    def _work_off(self, job_ids: Sequence[str] | None = None, *, deadline: float = math.inf) -> list[Event]:
        """A few jobs at a time, so that a process that comes later finds something left."""
        events: list[Event] = []
        try:
            while time.monotonic() < deadline and (leases := self._claim(job_ids)):
                events += self._run(leases)
        except SupplierError as problem:
            if not events:
                raise
            logger(LOG).warning("jobs are left for the next rescue", kind=str(self._work.kind), error=str(problem))
        return events

    def _claim(self, job_ids: Sequence[str] | None) -> list[Lease]:
        if self._stopping.is_set():
            return []
        limit = max(1, self._work.size // CLAIMS_IN_A_BATCH)
        return self._store.claim(self._work.kind, owner=self._owner, now=self._clock.now(), lease=self._lease, limit=limit, job_ids=job_ids)

    def _run(self, leases: Sequence[Lease]) -> list[Event]:
        events: list[Event] = []
        waiting = deque(leases)
        with self._prolonged(leases):
            run = self._begun([lease.job for lease in leases])
            while waiting and not self._stopping.is_set():
                events += self._do(waiting.popleft(), run)
        if waiting:
            try:
                self._store.give_back(waiting, now=self._clock.now())
            except SupplierError as problem:  # what was done is told all the same; the leases end by themselves
                logger(LOG).info("jobs not given back; they wait for the end of their leases", error=str(problem))
        return events

    def _begun(self, jobs: Sequence[Job]) -> Callable[[Job], Outcome]:
        """How the jobs are done from here on."""
        if self._work.together is None or len(jobs) == 1:
            return self._work.run
        log, kind = logger(LOG), str(self._work.kind)
        try:
            return self._work.together(jobs)
        except (SupplierError, InvalidValueError) as problem:
            log.info("jobs are done one by one", kind=kind, jobs=len(jobs), error=str(problem))
        except Exception:  # the worker's loop: one job's bug must not end the others
            log.exception("jobs are done one by one because of a bug", kind=kind, jobs=len(jobs))
        return self._work.run

    @contextmanager
    def _prolonged(self, leases: Sequence[Lease]) -> Iterator[None]:
        """Inside, the leases do not end while this process lives. A lease that is lost all the same fails at its next write."""
        over = threading.Event()

        def prolong() -> None:
            while not over.wait(self._lease.total_seconds() / 3):
                try:
                    self._store.extend(leases, now=self._clock.now(), lease=self._lease)
                except SupplierError as problem:
                    logger(LOG).info("leases not prolonged; the next try is soon", error=str(problem))

        threading.Thread(target=prolong, name=f"leases of {self._work.kind}", daemon=True).start()
        try:
            yield
        finally:
            over.set()

    def _do(self, lease: Lease, run: Callable[[Job], Outcome]) -> Sequence[Event]:
        job, log = lease.job, logger(LOG)
        try:
            if lease.attempts > ATTEMPTS:  # its worker died each time, so nobody said how
                self._end_badly(lease, f"not finished in {ATTEMPTS} attempts", attempts=0)
                return ()
            with fenced(lease, self._store.require):
                outcome = run(job)
            self._store.finish(lease, now=self._clock.now(), result=outcome.result)
        except LeaseLostError:
            log.warning("job was taken over by another worker; what this one did late is not written", job=job.job_id)
        except (NotFoundError, InvalidValueError, RejectedMessageError) as problem:
            self._end_badly(lease, str(problem), attempts=0)
        except (SupplierError, RetryableError) as problem:
            self._end_badly(lease, str(problem), attempts=ATTEMPTS)
        except Exception as problem:  # the worker's loop: one job's bug must not end the batch
            log.exception("job failed by a bug", job=job.job_id, attempt=lease.attempts)
            self._end_badly(lease, repr(problem), attempts=ATTEMPTS_AFTER_BUG)
        else:
            if job.site_id in self._failing:
                self._failing.discard(job.site_id)
                log.info("jobs of this site work again", kind=str(job.kind), site_id=job.site_id)
            return outcome.events
        return ()

    def _end_badly(self, lease: Lease, error: str, *, attempts: int) -> None:
        """Say it where the site begins to fail or the job is given up, not each time."""
        job, log, now = lease.job, logger(LOG), self._clock.now()
        retry_at = now + _delay(lease.attempts) if lease.attempts < attempts else None
        if retry_at is None:
            log.warning("job given up", job=job.job_id, attempts=lease.attempts, error=error)
        elif job.site_id not in self._failing:
            log.warning("job failed; it is tried again", job=job.job_id, error=error)
        self._failing.add(job.site_id)
        try:
            self._store.fail(lease, now=now, error=error, retry_at=retry_at)
        except SupplierError as problem:  # its lease ends by itself, then it is tried again
            log.info("the end of a job was not recorded", job=job.job_id, error=str(problem))

    def _prune(self) -> None:
        now = self._clock.now()
        if self._prune_at is not None and now < self._prune_at:
            return
        for state, kept in KEPT.items():
            self._store.prune(state, before=now - kept)
        self._prune_at = now + PRUNE_EVERY


def _delay(attempts: int) -> timedelta:
    """Before the next try, drawn from the upper half of a time that doubles with every attempt."""
    longest = min(LONGEST_RETRY, FIRST_RETRY * 2.0 ** (attempts - 1))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311  # spreads retries, keeps no secret
