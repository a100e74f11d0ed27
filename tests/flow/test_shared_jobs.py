"""Two forecasters and two optimizers share a fleet: all is done, nothing twice, and one that comes back late overwrites nothing.

On the embedded store, where processes meet in its file alone, and on RabbitMQ with PostgreSQL.
"""

import asyncio
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.distributed.postgres import PostgresCloudStore
from shared.adapters.distributed.rabbitmq import RabbitBus
from shared.adapters.embedded.cloud_store import SqliteCloudStore
from shared.adapters.embedded.columns import micros
from shared.contracts.envelope import wrap
from shared.contracts.events import Event, ForecastBatchRequested, JobBatchRequested, ScheduleBatchRequested
from shared.domain.job import Job, JobKind, JobRecord, JobState, slot_of
from shared.ports.progress_store import Progress
from tests.factories import a_site, a_tariff, readings
from tests.flow.processes import Living, living
from tests.live import servers
from tests.unit.forecaster.tables import HOUR, a_catalog, a_table, now_of

TABLE = a_table()
NOW = now_of(TABLE)
FLEET = [f"home-{number:02}" for number in range(12)]
FORECASTER, OPTIMIZER = (
    ("-m", "services.embedded.main", "forecast", "--continuous"),
    ("-m", "services.embedded.main", "plan", "--continuous"),
)
LEASE_SECONDS = 2
PATIENCE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Platform:
    """A store with a fleet in it whose time stands still, and how processes find it."""

    folder: Path
    store: Any
    variables: dict[str, str]

    def living(self, command: Sequence[str]) -> Any:
        return living(*command, state_dir=self.folder, variables=self.variables)

    def ask(self, kind: JobKind, command: type[JobBatchRequested], slot: str) -> None:
        """What a sweep does: request a job for each site, and tell of them where there is a broker between processes."""
        asked = [Job(kind=kind, site_id=site_id, slot=slot) for site_id in FLEET]
        self.store.jobs.request(asked, now=datetime.now(UTC))
        if url := self.variables.get("DER_BUS_URL"):
            ids = [job.job_id for job in asked]
            asyncio.run(_publish(url, [command(job_ids=ids[begin : begin + 4]) for begin in range(0, len(ids), 4)]))

    def jobs(self, kind: JobKind, slot: str) -> list[JobRecord]:
        return [record for record in self.store.jobs.list(kind=kind, limit=1000) if record.job.slot == slot]


async def _publish(url: str, events: Sequence[Event]) -> None:
    bus = RabbitBus(url)
    try:
        for event in events:
            await bus.publish(wrap(event, source="test", time=NOW))
    finally:
        await bus.close()


@contextmanager
def _embedded(folder: Path) -> Iterator[Platform]:
    store = SqliteCloudStore(folder / "cloud.sqlite")
    yield Platform(folder, store, {})
    store.close()


@contextmanager
def _servers(folder: Path) -> Iterator[Platform]:
    with servers.database().store_url() as store_url, servers.broker().vhost() as bus_url:
        store = PostgresCloudStore(store_url)
        yield Platform(folder, store, {"DER_CLOUD_STORE_URL": store_url, "DER_BUS_URL": bus_url})
        store.close()


@pytest.fixture(params=[_embedded, _servers], ids=["embedded", "servers"])
def platform(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Platform]:
    with request.param(tmp_path) as platform:
        platform.variables["DER_JOB_LEASE_SECONDS"] = str(LEASE_SECONDS)
        for site_id in FLEET:
            settle(platform.store, site_id)
        yield platform


def settle(store: Any, site_id: str) -> None:
    store.sites.put(a_site(site_id, resolution=HOUR, live=False))
    store.tariffs.put(site_id, a_tariff())
    store.readings.upsert(readings(start=NOW - HOUR, hours=1, step=HOUR, site_id=site_id), stored_at=NOW)
    store.features.write(site_id=site_id, catalog=a_catalog(), rows=TABLE)
    store.progress.put(Progress(step="train", site_id=site_id, updated_at=NOW))  # no training is due: the tests ask for theirs


def until(condition: Callable[[], bool], *programs: Living, pause: float = 0.05, patience: float = PATIENCE_SECONDS) -> None:
    """Wait for something that no signal tells of. Fails when it takes too long or one of the programs ends."""
    deadline = time.monotonic() + patience
    while not condition():
        said = "\n---\n".join(program.said for program in programs)
        assert all(program.process.poll() is None for program in programs), f"a program ended:\n{said}"
        assert time.monotonic() < deadline, f"took too long:\n{said}"
        time.sleep(pause)


def test_processes_share_a_fleet_and_do_nothing_twice(platform: Platform) -> None:
    kinds = {JobKind.FORECAST: ForecastBatchRequested, JobKind.SCHEDULE: ScheduleBatchRequested}

    def all_done(kind: JobKind, slot: str) -> bool:
        found = platform.jobs(kind, slot)
        return len(found) == len(FLEET) and all(record.state is JobState.DONE for record in found)

    with ExitStack() as stack:
        programs = [stack.enter_context(platform.living(command)) for command in (FORECASTER, FORECASTER, OPTIMIZER, OPTIMIZER)]
        until(lambda: all_done(JobKind.FORECAST, slot_of(NOW)) and all_done(JobKind.SCHEDULE, f"hour-{slot_of(NOW)}"), *programs)
        for wave in range(100):  # until both of a kind had a share: the first may be done before the second has started
            for kind, command in kinds.items():
                platform.ask(kind, command, f"wave{wave}")
            until(lambda slot=f"wave{wave}": all(all_done(kind, slot) for kind in kinds), *programs)  # type: ignore[misc]
            if all(len({record.owner for record in platform.store.jobs.list(kind=kind, limit=1000)}) == 2 for kind in kinds):
                break
        assert [program.stop()[0] for program in programs] == [0] * 4
    assert not [program.said for program in programs if "Traceback" in program.said]
    for kind in kinds:
        records = platform.store.jobs.list(kind=kind, limit=10_000)
        assert len({record.owner for record in records}) == 2
        assert {(record.state, record.attempts) for record in records} == {(JobState.DONE, 1)}
        assert {record.fence - micros(record.requested_at) for record in records} == {1}, "claimed once"
    for site_id in FLEET:
        assert platform.store.progress.get(step="forecast", site_id=site_id).rows == 2, "load and solar of the hour, once"


def test_a_worker_that_slept_through_its_lease_overwrites_nothing_and_says_so(platform: Platform) -> None:
    job = Job(kind=JobKind.TRAINING, site_id=FLEET[0], slot="asked")

    def record() -> JobRecord:
        found = platform.store.jobs.get(job.job_id)
        assert found is not None
        return found

    with platform.living(FORECASTER) as first, platform.living(FORECASTER) as second:
        platform.store.jobs.request([job], now=datetime.now(UTC))
        until(lambda: record().state is JobState.RUNNING, first, second, pause=0.01)
        time.sleep(0.4)  # it has looked at the site and learns now: what it would store in the end is settled
        late, other = (first, second) if record().owner == owner_of(first) else (second, first)
        with sleeping(late, while_waiting_for=lambda: record().attempts == 2, other=other):
            until(lambda: record().state is JobState.DONE, other)
            before = state(platform)
        late.wait_until_it_says(f"taken over by another worker.*{job.job_id}")
        assert state(platform) == before
        assert len([line for line in late.lines if job.job_id in line]) == 1
        assert "Traceback" not in late.said
        assert (record().attempts, record().owner) == (2, owner_of(other))


def owner_of(program: Living) -> str:
    return f"{socket.gethostname()}:{program.process.pid}"


@contextmanager
def sleeping(program: Living, *, while_waiting_for: Callable[[], bool], other: Living) -> Iterator[None]:
    """Stopped at a moment when it holds no lock of the store, so that the condition comes about; goes on at the end."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    try:
        while not while_waiting_for():
            assert time.monotonic() < deadline, f"{program.said}\n---\n{other.said}"
            program.process.send_signal(signal.SIGSTOP)
            with suppress(AssertionError):
                until(while_waiting_for, other, patience=5 * LEASE_SECONDS)
                break
            program.process.send_signal(signal.SIGCONT)
            time.sleep(0.05)
        yield
    finally:
        program.process.send_signal(signal.SIGCONT)


def state(platform: Platform) -> tuple[object, ...]:
    """What a training leaves: how far it came, which model serves and since when, how its job ended."""
    champions = sorted((path.read_bytes(), path.stat().st_mtime_ns) for path in platform.folder.glob("models/*/*/promotions.jsonl"))
    steps = ("train", "train.load", "train.solar")
    progress = [platform.store.progress.get(step=step, site_id=FLEET[0]) for step in steps]
    assert champions
    assert all(progress)
    return champions, progress, platform.store.jobs.get(f"model.train:{FLEET[0]}:asked")
