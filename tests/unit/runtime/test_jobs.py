"""This process's share of the jobs: done once, shared in batches, tried again, given up, given back."""

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from shared.adapters.embedded.cloud_store import CLOUD_SCHEMA, SqliteCloudStore
from shared.adapters.embedded.cloud_store.jobs import FencedFile, SqliteJobs
from shared.contracts.events import Event, ForecastBatchRequested, ForecastRunPublished, TrainingBatchRequested
from shared.contracts.topology import FORECASTER_BATCH
from shared.domain.errors import InvalidValueError
from shared.domain.job import Job, JobKind, JobState
from shared.ports.errors import NotFoundError, RejectedMessageError, RetryableError, UnavailableError
from shared.ports.progress_store import Progress
from shared.runtime.jobs import ATTEMPTS, ATTEMPTS_AFTER_BUG, KEPT, LONGEST_RETRY, JobWorker, Outcome, Work
from tests.factories import NOON

LEASE = timedelta(seconds=60)


class HandClock:
    """Time as the test sets it."""

    def __init__(self) -> None:
        self.time = NOON

    def now(self) -> datetime:
        return self.time

    def now_at(self, _site: object) -> datetime:
        return self.time


class Doing:
    """How jobs are done: as told, and counted."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.fail: dict[str, Exception] = {}

    def __call__(self, job: Job) -> Outcome:
        self.done.append(job.site_id)
        if problem := self.fail.get(job.site_id):
            raise problem
        return Outcome(events=[published(job.site_id)], result={"site": job.site_id})


class World:
    """Workers of one kind on one store."""

    def __init__(self, folder: Path) -> None:
        self.cloud = SqliteCloudStore(folder / "cloud.sqlite")
        self.clock, self.doing = HandClock(), Doing()
        self.one, self.two = self.worker(), self.worker()

    def worker(self, run=None, *, together=None, lease: timedelta = LEASE) -> JobWorker:
        work = Work(
            kind=JobKind.FORECAST,
            queue=FORECASTER_BATCH,
            batch=ForecastBatchRequested,
            size=10,
            run=run or self.doing,
            together=together,
        )
        return JobWorker(work, store=self.cloud.jobs, clock=self.clock, lease=lease)

    def state(self, site_id: str = "home") -> JobState:
        found = self.cloud.jobs.get(job(site_id).job_id)
        assert found is not None
        return found.state

    def later(self, wait: timedelta) -> None:
        self.clock.time += wait


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.cloud.close()


def job(site_id: str = "home") -> Job:
    return Job(kind=JobKind.FORECAST, site_id=site_id, slot="20240615T120000Z")


def fleet(count: int) -> list[Job]:
    return [job(f"home-{number:02}") for number in range(count)]


def published(site_id: str) -> Event:
    return ForecastRunPublished(site_id=site_id, issued_at=NOON, targets=[], forecast_ids=[])


def test_a_job_is_done_by_the_first_who_is_told_of_it(world: World):
    assert world.one.do(job()) == [published("home")]
    assert world.two.do(job()) == world.one.do(job()) == []
    record = world.cloud.jobs.get(job().job_id)
    assert record is not None
    assert (record.state, record.result, world.doing.done) == (JobState.DONE, {"site": "home"}, ["home"])


def test_a_fleet_is_told_in_bounded_batches_by_the_first_who_asks(world: World):
    batches = world.one.share(fleet(23))
    assert [len(batch.job_ids) for batch in batches if isinstance(batch, ForecastBatchRequested)] == [10, 10, 3]
    assert world.two.share(fleet(23)) == []
    done = [event for batch in batches for event in world.two.on_batch(batch)]
    assert done == [published(each.site_id) for each in fleet(23)]
    assert [world.one.on_batch(batch) for batch in batches] == [[], [], []]


def test_a_message_of_another_kind_is_refused(world: World):
    with pytest.raises(RejectedMessageError, match="does not belong"):
        world.one.on_batch(TrainingBatchRequested(job_ids=["model.train:home:x"]))


def test_what_jobs_share_is_made_before_those_that_were_claimed_at_once(world: World):
    made: list[list[str]] = []

    def together(jobs):
        made.append([each.site_id for each in jobs])
        return lambda each: Outcome(result={"with": len(jobs), "of": each.site_id})

    worker = world.worker(together=together)
    (batch,) = worker.share(fleet(5))
    assert worker.on_batch(batch) == [published("home-04")]
    assert made == [["home-00", "home-01"], ["home-02", "home-03"]]
    assert world.doing.done == ["home-04"], "one alone shares nothing"
    assert world.cloud.jobs.get(job("home-02").job_id).result == {"with": 2, "of": "home-02"}


@pytest.mark.parametrize(("problem", "level"), [(NotFoundError("home-1"), "info"), (ValueError("a bug"), "error")])
def test_jobs_that_cannot_be_done_together_are_done_one_by_one(world: World, problem: Exception, level: str):
    def together(_jobs):
        raise problem

    worker = world.worker(together=together)
    (batch,) = worker.share(fleet(2))
    with capture_logs() as logs:
        assert worker.on_batch(batch) == [published("home-00"), published("home-01")]
    assert [line["log_level"] for line in logs if "one by one" in line["event"]] == [level]


def test_workers_at_once_share_a_batch_and_do_each_job_once(world: World):
    both = threading.Barrier(2, timeout=20)
    met: set[int] = set()

    def run(each: Job) -> Outcome:
        if threading.get_ident() not in met:  # each begins only when the other has, too
            met.add(threading.get_ident())
            both.wait()
        return world.doing(each)

    workers = [world.worker(run), world.worker(run)]
    (batch,) = workers[0].share(fleet(10))
    threads = [threading.Thread(target=worker.on_batch, args=(batch,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert sorted(world.doing.done) == [each.site_id for each in fleet(10)]


def test_jobs_whose_message_was_lost_are_done_by_the_rescue(world: World):
    world.one.share(fleet(13))
    assert world.two.rescue() == [published(each.site_id) for each in fleet(13)]
    assert world.two.rescue() == []


def test_a_job_of_a_worker_that_died_is_done_by_another_after_its_lease(world: World):
    world.cloud.jobs.request([job()], now=NOON)
    world.cloud.jobs.claim(JobKind.FORECAST, owner="dead", now=NOON, lease=LEASE, limit=1)
    assert world.one.do(job()) == world.one.rescue() == []
    world.later(LEASE)
    assert world.one.rescue() == [published("home")]


@pytest.mark.parametrize("problem", [UnavailableError("the store is away"), RetryableError("not yet")])
def test_what_may_work_later_is_tried_again_ever_later_and_said_once(world: World, problem: Exception):
    world.doing.fail["home"] = problem
    with capture_logs() as lines:
        assert world.one.do(job()) == []
        assert world.state() is JobState.FAILED
        for _ in range(ATTEMPTS - 1):
            assert world.one.rescue() == []  # not due
            world.later(LONGEST_RETRY)
            world.one.rescue()
    assert (len(world.doing.done), world.state()) == (ATTEMPTS, JobState.GIVEN_UP)
    assert [line["event"] for line in lines] == ["job failed; it is tried again", "job given up"]


def test_a_site_that_works_again_is_said_once(world: World):
    world.doing.fail["home"] = UnavailableError("away")
    world.one.do(job())
    del world.doing.fail["home"]
    world.later(LONGEST_RETRY)
    with capture_logs() as lines:
        assert world.one.rescue() == [published("home")]
        world.one.do(Job(kind=JobKind.FORECAST, site_id="home", slot="next"))
    assert [line["event"] for line in lines] == ["jobs of this site work again"]


@pytest.mark.parametrize(
    "problem", [NotFoundError("no such site"), InvalidValueError("site", "x", "is wrong"), RejectedMessageError("never")]
)
def test_what_can_never_be_done_is_given_up_at_once_with_the_reason(world: World, problem: Exception):
    world.doing.fail["home"] = problem
    assert world.one.do(job()) == []
    record = world.cloud.jobs.get(job().job_id)
    assert record is not None
    assert (record.state, record.error) == (JobState.GIVEN_UP, str(problem))


def test_a_bug_gets_few_tries_and_stops_no_other_job(world: World):
    world.doing.fail["home-01"] = ZeroDivisionError("oops")
    (batch,) = world.one.share(fleet(3))
    assert world.one.on_batch(batch) == [published("home-00"), published("home-02")]
    for _ in range(ATTEMPTS_AFTER_BUG):
        world.later(LONGEST_RETRY)
        world.one.rescue()
    assert world.doing.done.count("home-01") == ATTEMPTS_AFTER_BUG
    assert world.state("home-01") is JobState.GIVEN_UP


def test_a_job_that_kills_its_workers_is_given_up(world: World):
    world.cloud.jobs.request([job()], now=NOON)
    for _ in range(ATTEMPTS):
        assert world.cloud.jobs.claim(JobKind.FORECAST, owner="dead", now=world.clock.now(), lease=LEASE, limit=1)
        world.later(LEASE)
    assert world.one.rescue() == []
    assert (world.doing.done, world.state()) == ([], JobState.GIVEN_UP)


def test_a_late_worker_writes_nothing_and_says_so_in_one_line(world: World):
    def overtaken(each: Job) -> Outcome:
        world.later(LEASE)
        assert world.two.rescue() == [published("home")]  # another comes, after the lease
        world.cloud.progress.put(Progress(step="forecast", site_id=each.site_id, updated_at=NOON, last_error="late"))
        raise AssertionError("the write was not refused")

    with capture_logs() as lines:
        assert world.worker(overtaken).do(job()) == []
    assert [line["event"] for line in lines] == ["job was taken over by another worker; what this one did late is not written"]
    assert world.cloud.progress.get(step="forecast", site_id="home") is None
    assert world.state() is JobState.DONE


def test_leases_are_prolonged_while_their_jobs_run(world: World):
    begun = world.clock.now() + LEASE

    def slow(_job: Job) -> Outcome:
        for _ in range(1000):
            record = world.cloud.jobs.get(job().job_id)
            assert record is not None
            if record.due_at > begun:
                return Outcome()
            world.later(timedelta(milliseconds=1))
            threading.Event().wait(0.005)
        raise AssertionError("never prolonged")

    short = timedelta(milliseconds=60)
    begun = world.clock.now() + short
    world.worker(slow, lease=short).do(job())
    assert world.state() is JobState.DONE


def test_who_is_told_to_stop_finishes_what_runs_and_gives_back_the_rest(world: World):
    def stopping(each: Job) -> Outcome:
        worker.stop()
        return world.doing(each)

    worker = world.worker(stopping)
    (batch,) = worker.share(fleet(5))
    assert worker.on_batch(batch) == [published("home-00")]
    assert worker.rescue() == worker.do(job()) == []
    counts = world.cloud.jobs.counts()
    assert counts == {(JobKind.FORECAST, JobState.DONE): 1, (JobKind.FORECAST, JobState.QUEUED): 5}
    assert all(record.attempts == 0 for record in world.cloud.jobs.list(state=JobState.QUEUED))
    assert len(world.two.rescue()) == 5


def test_what_was_done_is_told_also_where_the_rest_cannot_be_given_back(world: World, tmp_path: Path):
    class AwayAtTheEnd(SqliteJobs):
        def give_back(self, leases, *, now):  # noqa: ARG002  # as the port has it
            raise UnavailableError("the store is away")

    def stopping(each: Job) -> Outcome:
        worker.stop()
        return world.doing(each)

    work = Work(kind=JobKind.FORECAST, queue=FORECASTER_BATCH, batch=ForecastBatchRequested, size=10, run=stopping)
    worker = JobWorker(work, store=AwayAtTheEnd(FencedFile(tmp_path / "cloud.sqlite", CLOUD_SCHEMA)), clock=world.clock)
    (batch,) = worker.share(fleet(5))
    assert worker.on_batch(batch) == [published("home-00")]


def test_the_table_of_jobs_stays_bounded(world: World):
    world.one.do(job())
    world.later(KEPT[JobState.DONE] + timedelta(seconds=1))
    world.one.rescue()
    assert world.cloud.jobs.list() == []
