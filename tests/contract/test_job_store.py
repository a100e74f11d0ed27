"""`JobStore`: each job is done by one worker at a time, one that comes back late changes nothing, and none is lost."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from shared.domain.errors import InvalidValueError
from shared.domain.job import Job, JobKind, JobState, job_of
from shared.ports.errors import LeaseLostError, NotFoundError
from shared.ports.fence import fenced, require_lease
from shared.ports.progress_store import Progress
from tests.contract.implementations import CLOUD_STORES, fixtures_of
from tests.factories import NOON, a_site

opened, store = fixtures_of(CLOUD_STORES)

LEASE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def job(number: int = 0, *, kind: JobKind = JobKind.FORECAST) -> Job:
    return Job(kind=kind, site_id=f"home-{number:03}", slot="20240615T120000Z")


def claim(store, *, owner: str = "one", now=NOON, limit: int = 50, kind: JobKind = JobKind.FORECAST, job_ids=None):
    return store.jobs.claim(kind, owner=owner, now=now, lease=LEASE, limit=limit, job_ids=job_ids)


def claimed(store, **how):
    """The lease of one new job."""
    store.jobs.request([job()], now=NOON)
    (lease,) = claim(store, **how)
    return lease


def note(store, text: str = "mine") -> None:
    store.progress.put(Progress(step="forecast", site_id="home", updated_at=NOON, last_error=text))


def noted(store) -> str | None:
    found = store.progress.get(step="forecast", site_id="home")
    return found.last_error if found else None


def test_a_job_is_requested_once_whoever_asks(store):
    assert store.jobs.request([job(1), job(2), job(1)], now=NOON) == [job(1), job(2)]
    assert store.jobs.request([job(2), job(3)], now=NOON + SECOND) == [job(3)]
    assert store.jobs.request([], now=NOON) == []
    record = store.jobs.get(job(2).job_id)
    assert (record.job, record.state, record.attempts, record.requested_at) == (job(2), JobState.QUEUED, 0, NOON)


def test_a_lease_from_before_a_job_was_forgotten_is_worth_nothing_when_it_is_asked_for_again(store):
    store.sites.put(a_site(job().site_id))
    late = claimed(store, owner="late")
    store.sites.delete(job().site_id)
    assert store.jobs.request([job()], now=NOON + SECOND) == [job()]
    (lease,) = claim(store, owner="new", now=NOON + SECOND)
    with fenced(late, store.jobs.require), pytest.raises(LeaseLostError):
        note(store, "late")
    with pytest.raises(LeaseLostError):
        store.jobs.finish(late, now=NOON + SECOND, result={})
    with fenced(lease, store.jobs.require):
        note(store)
    assert noted(store) == "mine"


def test_requests_at_once_bring_each_job_once(store):
    with ThreadPoolExecutor(4) as pool:
        new = list(pool.map(lambda _: store.jobs.request([job(number) for number in range(40)], now=NOON), range(4)))
    assert sorted(found.job_id for each in new for found in each) == [job(number).job_id for number in range(40)]


def test_a_claim_takes_the_oldest_of_its_kind_up_to_its_limit(store):
    store.jobs.request([job(2)], now=NOON)
    store.jobs.request([job(1), job(3)], now=NOON + SECOND)
    store.jobs.request([job(0, kind=JobKind.TRAINING)], now=NOON)
    leases = claim(store, now=NOON + SECOND, limit=2)
    assert sorted(lease.job.site_id for lease in leases) == ["home-001", "home-002"]
    assert {(lease.owner, lease.attempts, lease.until) for lease in leases} == {("one", 1, NOON + SECOND + LEASE)}
    record = store.jobs.get(job(2).job_id)
    assert (record.state, record.owner, record.attempts, record.due_at) == (JobState.RUNNING, "one", 1, NOON + SECOND + LEASE)


def test_a_claim_of_named_jobs_takes_no_other(store):
    store.jobs.request([job(number) for number in range(5)], now=NOON)
    leases = claim(store, job_ids=[job(3).job_id, job(4).job_id, job(9).job_id])
    assert [lease.job for lease in leases] == [job(3), job(4)]
    assert claim(store, job_ids=[]) == []


def test_claims_at_once_take_each_job_once(store):
    store.jobs.request([job(number) for number in range(60)], now=NOON)

    def work(owner: str) -> list[Job]:
        mine = []
        while leases := claim(store, owner=owner, limit=7):
            for lease in leases:
                store.jobs.finish(lease, now=NOON, result={})
                mine.append(lease.job)
        return mine

    with ThreadPoolExecutor(4) as pool:
        done = [each for mine in pool.map(work, "abcd") for each in mine]
    assert sorted(each.job_id for each in done) == [job(number).job_id for number in range(60)]
    # who meets another's claim passes by and may leave with nothing, so one of them has seen to the rest


def test_a_finished_job_never_runs_again_and_keeps_its_result(store):
    lease = claimed(store)
    store.jobs.finish(lease, now=NOON + SECOND, result={"rows": 192, "engine": "highs", "skill": None})
    assert store.jobs.request([job()], now=NOON + LEASE) == []
    assert claim(store, now=NOON + 10 * LEASE) == []
    record = store.jobs.get(job().job_id)
    assert (record.state, record.finished_at, record.error) == (JobState.DONE, NOON + SECOND, None)
    assert record.result == {"rows": 192, "engine": "highs", "skill": None}


def test_a_failed_job_is_tried_again_when_it_is_due(store):
    lease = claimed(store)
    store.jobs.fail(lease, now=NOON, error="the store is away", retry_at=NOON + 5 * SECOND)
    assert claim(store, now=NOON + 4 * SECOND) == []
    record = store.jobs.get(job().job_id)
    assert (record.state, record.error, record.due_at) == (JobState.FAILED, "the store is away", NOON + 5 * SECOND)
    (again,) = claim(store, owner="two", now=NOON + 5 * SECOND)
    assert (again.fence, again.attempts) == (lease.fence + 1, 2)


def test_a_job_that_is_given_up_stays_so_until_a_person_asks(store):
    lease = claimed(store)
    store.jobs.fail(lease, now=NOON, error="no such site", retry_at=None)
    assert claim(store, now=NOON + 100 * LEASE) == []
    assert store.jobs.request([job()], now=NOON) == []
    assert store.jobs.get(job().job_id).state is JobState.GIVEN_UP
    store.jobs.retry(job().job_id, now=NOON + LEASE)
    (again,) = claim(store, now=NOON + LEASE)
    assert (again.attempts, again.fence) == (1, lease.fence + 1)


def test_only_what_failed_can_be_tried_again(store):
    with pytest.raises(NotFoundError, match="der jobs"):
        store.jobs.retry(job().job_id, now=NOON)
    lease = claimed(store)
    with pytest.raises(InvalidValueError, match="is running"):
        store.jobs.retry(job().job_id, now=NOON)
    store.jobs.finish(lease, now=NOON, result={})
    with pytest.raises(InvalidValueError, match="is done"):
        store.jobs.retry(job().job_id, now=NOON)


def test_an_ended_lease_passes_to_another_and_the_first_changes_nothing_more(store):
    first = claimed(store)
    assert claim(store, owner="two", now=NOON + LEASE - SECOND) == []
    (second,) = claim(store, owner="two", now=NOON + LEASE)
    assert second.fence > first.fence
    for late in (
        lambda: store.jobs.finish(first, now=NOON, result={"rows": 1}),
        lambda: store.jobs.fail(first, now=NOON, error="late", retry_at=None),
        lambda: store.jobs.require(first),
    ):
        with pytest.raises(LeaseLostError, match="home-000"):
            late()
    assert store.jobs.extend([first], now=NOON, lease=LEASE) == []
    store.jobs.give_back([first], now=NOON)
    store.jobs.require(second)
    store.jobs.finish(second, now=NOON + LEASE, result={"rows": 2})
    with pytest.raises(LeaseLostError):
        store.jobs.finish(second, now=NOON + LEASE, result={})
    assert store.jobs.get(job().job_id).result == {"rows": 2}


def test_an_extended_lease_is_kept_also_when_it_had_ended_and_nobody_came(store):
    lease = claimed(store)
    (longer,) = store.jobs.extend([lease], now=NOON + 2 * LEASE, lease=LEASE)
    assert longer == replace(lease, until=NOON + 3 * LEASE)
    assert claim(store, owner="two", now=NOON + 3 * LEASE - SECOND) == []
    assert len(claim(store, owner="two", now=NOON + 3 * LEASE)) == 1


def test_what_is_given_back_waits_as_if_nobody_had_had_it(store):
    lease = claimed(store)
    store.jobs.give_back([lease], now=NOON)
    record = store.jobs.get(job().job_id)
    assert (record.state, record.attempts, record.owner) == (JobState.QUEUED, 0, None)
    with pytest.raises(LeaseLostError):
        store.jobs.require(lease)
    (again,) = claim(store, owner="two")
    assert (again.attempts, again.fence) == (1, lease.fence + 1)


def test_a_write_under_a_lease_is_kept_while_it_is_held_and_refused_when_it_is_lost(store):
    lease = claimed(store)
    with fenced(lease, store.jobs.require):
        note(store, "in time")
        require_lease()
    claim(store, owner="two", now=NOON + LEASE)
    with fenced(lease, store.jobs.require):
        with pytest.raises(LeaseLostError, match="nothing was written"):
            note(store, "too late")
        with pytest.raises(LeaseLostError):
            require_lease()
        assert noted(store) == "in time"  # reading is free
    note(store, "without a lease")
    require_lease()
    assert noted(store) == "without a lease"


def test_nothing_is_written_under_the_lease_of_a_finished_job(store):
    lease = claimed(store)
    store.jobs.finish(lease, now=NOON, result={})
    with fenced(lease, store.jobs.require), pytest.raises(LeaseLostError):
        note(store)
    assert noted(store) is None


def test_jobs_are_asked_for_whatever_lease_is_held(store):
    lease = claimed(store)
    claim(store, owner="two", now=NOON + LEASE)
    with fenced(lease, store.jobs.require):
        assert store.jobs.request([job(1)], now=NOON) == [job(1)]
        assert len(claim(store)) == 1


def test_jobs_are_listed_newest_first_and_counted(store):
    store.jobs.request([job(1)], now=NOON)
    store.jobs.request([job(2), job(1, kind=JobKind.TRAINING)], now=NOON + SECOND)
    claim(store, job_ids=[job(2).job_id])
    everything = [record.job.job_id for record in store.jobs.list()]
    assert everything == [job(2).job_id, job(1, kind=JobKind.TRAINING).job_id, job(1).job_id]
    assert [record.job for record in store.jobs.list(kind=JobKind.FORECAST, state=JobState.QUEUED)] == [job(1)]
    assert [record.job.kind for record in store.jobs.list(site_id="home-001")] == [JobKind.TRAINING, JobKind.FORECAST]
    assert len(store.jobs.list(limit=2)) == 2
    assert store.jobs.counts() == {
        (JobKind.FORECAST, JobState.QUEUED): 1,
        (JobKind.FORECAST, JobState.RUNNING): 1,
        (JobKind.TRAINING, JobState.QUEUED): 1,
    }
    assert store.jobs.get("forecast.run:nobody:x") is None


def test_old_ended_jobs_are_forgotten_a_bounded_number_at_a_time(store):
    store.jobs.request([job(number) for number in range(6)], now=NOON)
    for number, lease in enumerate(claim(store, limit=5)):
        store.jobs.finish(lease, now=NOON + number * SECOND, result={})
    assert store.jobs.prune(JobState.DONE, before=NOON + 3 * SECOND, limit=2) == 2
    assert store.jobs.prune(JobState.DONE, before=NOON + 3 * SECOND) == 1
    assert store.jobs.prune(JobState.DONE, before=NOON + 3 * SECOND) == 0
    assert store.jobs.prune(JobState.GIVEN_UP, before=NOON + LEASE) == 0
    assert store.jobs.counts() == {(JobKind.FORECAST, JobState.DONE): 2, (JobKind.FORECAST, JobState.QUEUED): 1}


def test_jobs_and_leases_outlive_a_restart(opened):
    with opened() as first:
        lease = claimed(first)
    with opened() as second:
        second.jobs.require(lease)
        second.jobs.finish(lease, now=NOON, result={"rows": 1})
        assert second.jobs.get(job().job_id).result == {"rows": 1}


@pytest.mark.parametrize("text", ["", "forecast.run", "forecast.run:home", "train:home:x", "forecast.run:home:x:y", "forecast.run::x"])
def test_a_text_that_is_no_job_id_is_refused(text):
    with pytest.raises(InvalidValueError, match="KIND:SITE:SLOT"):
        job_of(text)


OWNERS = ("a", "b", "c")
NUMBERS = st.integers(0, 3)


class Workers(RuleBasedStateMachine):
    """Workers that claim, write, come back late, die and give back, against a model of one dictionary."""

    store = None

    @initialize()
    def begin(self):
        self.now = NOON
        self.turn = next(Workers.turns)
        self.leases = []
        self.valid = {}  # job id -> the lease whose fence is valid
        self.until = {}  # job id -> when it may be taken over or tried again
        self.ended = set()
        self.known = set()

    def job(self, number):
        return replace(job(number), slot=f"{self.turn}")

    @rule(numbers=st.lists(NUMBERS, max_size=3))
    def request(self, numbers):
        new = {each.job_id for each in self.store.jobs.request([self.job(number) for number in numbers], now=self.now)}
        assert new == {self.job(number).job_id for number in numbers} - self.known
        self.known |= new

    @rule(owner=st.sampled_from(OWNERS), limit=st.integers(1, 3))
    def claim(self, owner, limit):
        mine = [self.job(number).job_id for number in range(4)]
        free = {each for each in self.known - self.ended if self.until.get(each, self.now) <= self.now}
        got = self.store.jobs.claim(JobKind.FORECAST, owner=owner, now=self.now, lease=LEASE, limit=limit, job_ids=mine)
        assert {lease.job.job_id for lease in got} <= free
        assert len(got) == min(limit, len(free))
        for lease in got:
            assert all(lease.fence > old.fence for old in self.leases if old.job == lease.job)
            self.valid[lease.job.job_id], self.until[lease.job.job_id] = lease, lease.until
        self.leases += got

    def a_lease(self, data):
        return data.draw(st.sampled_from(self.leases)) if self.leases else None

    def end(self, data, act, *, final, due=None):
        if (lease := self.a_lease(data)) is None:
            return
        name = lease.job.job_id
        if self.valid.get(name) is not lease:
            with pytest.raises(LeaseLostError):
                act(lease)
            return
        act(lease)
        del self.valid[name]
        if final:
            self.ended.add(name)
        else:
            self.until[name] = due

    @rule(data=st.data())
    def finish(self, data):
        self.end(data, lambda lease: self.store.jobs.finish(lease, now=self.now, result={"fence": lease.fence}), final=True)

    @rule(data=st.data())
    def give_up(self, data):
        self.end(data, lambda lease: self.store.jobs.fail(lease, now=self.now, error="bad", retry_at=None), final=True)

    @rule(data=st.data(), wait=st.integers(0, 90))
    def fail(self, data, wait):
        due = self.now + wait * SECOND
        self.end(data, lambda lease: self.store.jobs.fail(lease, now=self.now, error="away", retry_at=due), final=False, due=due)

    @rule(data=st.data())
    def give_back(self, data):
        if (lease := self.a_lease(data)) is None:
            return
        self.store.jobs.give_back([lease], now=self.now)
        if self.valid.get(lease.job.job_id) is lease:
            del self.valid[lease.job.job_id]
            del self.until[lease.job.job_id]

    @rule(data=st.data())
    def extend(self, data):
        if (lease := self.a_lease(data)) is None:
            return
        held = self.store.jobs.extend([lease], now=self.now, lease=LEASE)
        valid = self.valid.get(lease.job.job_id) is lease
        assert held == ([replace(lease, until=self.now + LEASE)] if valid else [])
        if valid:
            self.until[lease.job.job_id] = self.now + LEASE

    @rule(data=st.data())
    def write(self, data):
        if (lease := self.a_lease(data)) is None:
            return
        with fenced(lease, self.store.jobs.require):
            if self.valid.get(lease.job.job_id) is lease:
                note(self.store, f"{lease.job.job_id}/{lease.fence}")
                return
            with pytest.raises(LeaseLostError):
                note(self.store, "a late worker's")
        assert noted(self.store) != "a late worker's"

    @rule(seconds=st.integers(-30, 90))
    def time_passes(self, seconds):
        self.now += seconds * SECOND

    @invariant()
    def every_job_is_there_and_its_state_is_the_models(self):
        if not hasattr(self, "known"):
            return
        for name in self.known:
            record = self.store.jobs.get(name)
            assert (record.state in (JobState.DONE, JobState.GIVEN_UP)) == (name in self.ended)
            assert (record.state is JobState.RUNNING) == (name in self.valid)
            if name in self.valid:
                assert record.fence == self.valid[name].fence


def test_any_interleaving_of_workers_and_clocks_leaves_one_holder_and_loses_nothing(store, request):
    """Claims by several, crashes (a lease that nobody comes back with), late returns, clocks that jump, both ways."""
    Workers.store, Workers.turns = store, iter(range(10**9))
    examples = 4 if request.node.callspec.params["opened"] == "supabase" else 25  # where each step is a request
    run_state_machine_as_test(Workers, settings=settings(max_examples=examples, stateful_step_count=30, deadline=None))
