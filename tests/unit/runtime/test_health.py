"""The health page: alive while the loop answers, ready while everything does, and what was done in numbers."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from shared.adapters.clock import FixedClock
from shared.adapters.delivery import DeliveryPolicy
from shared.adapters.embedded.bus import InProcessBus
from shared.contracts.events import Event, ModelTrainingRequested, ScheduleRunRequested
from shared.contracts.topology import FORECASTER_TRAIN
from shared.ports.errors import RejectedMessageError, RetryableError, UnavailableError
from shared.runtime import vitals as vital
from shared.runtime.arrival import Supplier
from shared.runtime.cli import UsageError
from shared.runtime.health import HealthPage
from shared.runtime.vitals import Vitals
from shared.runtime.worker import Parts, Subscription, Timer, Worker

NOW = datetime(2024, 6, 15, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass(slots=True)
class Patient:
    """A process with a health page, on a bus of its own."""

    stores: Sequence[Supplier] = ()
    parts: Sequence[Parts] = ()
    bus: InProcessBus = field(default_factory=lambda: InProcessBus(DeliveryPolicy(attempts=2, first_delay=timedelta(milliseconds=1))))
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    vitals: Vitals = field(init=False)
    page: HealthPage = field(init=False)
    worker: Worker = field(init=False)

    def __post_init__(self) -> None:
        self.vitals = Vitals(bus=self.bus, stores=self.stores, stop=self.stop)
        self.page = HealthPage("127.0.0.1", 0, self.vitals)
        self.worker = Worker(bus=self.page.bus, clock=FixedClock(NOW), parts=self.page.parts(self.parts), failing=self.vitals.steps)

    async def get(self, path: str) -> httpx.Response:
        return await asyncio.to_thread(httpx.get, f"{self.page.url}{path}", timeout=20)

    async def problems(self) -> dict[str, str]:
        answer = await self.get("readyz")
        assert (answer.status_code == 200) is (answer.json()["status"] == "ready") is (not answer.json()["problems"])
        return answer.json()["problems"]

    async def measures(self) -> dict[tuple[str, ...], float]:
        """Values by name and sorted labels."""
        answer = await self.get("metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        return {
            (sample.name, *sorted(sample.labels.values())): sample.value
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples
        }


def examine(story: Callable[[Patient], Awaitable[None]], **given: Sequence[object]) -> None:
    async def main() -> None:
        patient = Patient(**given)
        async with asyncio.timeout(60), patient.page.served():
            await story(patient)
            patient.stop.set()
            await patient.bus.close()

    asyncio.run(main())


def test_a_process_without_troubles_is_alive_and_ready():
    async def story(patient: Patient) -> None:
        assert (await patient.get("healthz")).json() == {"status": "alive"}
        assert await patient.problems() == {}
        assert (await patient.measures())["der_ready",] == 1

    examine(story)


def test_it_is_not_ready_while_a_step_fails_a_consumer_has_stopped_or_a_server_is_awaited():
    async def story(patient: Patient) -> None:
        patient.vitals.steps["sync.sweep"] = "disk full"
        patient.vitals.waiting["bus"] = "nobody at host:5672"
        assert await patient.problems() == {"sync.sweep": "disk full", "bus": "nobody at host:5672"}
        patient.vitals.steps.clear()
        patient.vitals.waiting.clear()
        assert await patient.problems() == {}

    examine(story)


def test_a_stopped_consumer_makes_it_not_ready():
    def refuse(_event: Event) -> Sequence[Event]:
        raise RejectedMessageError("no such site")

    async def story(patient: Patient) -> None:
        await patient.worker.listen()
        for _ in range(30):
            await patient.worker.publish([ModelTrainingRequested(site_id="home")], source="test")
        while not (problems := await patient.problems()):  # noqa: ASYNC110 - a page is asked
            await asyncio.sleep(0.01)
        assert "given up" in problems[FORECASTER_TRAIN.name]

    examine(story, parts=[Parts(name="forecaster", subscriptions=[Subscription(queue=FORECASTER_TRAIN, handle=refuse)])])


def test_it_is_alive_and_not_ready_while_it_stops():
    async def story(patient: Patient) -> None:
        patient.stop.set()
        assert await patient.problems() == {"process": "is stopping"}
        assert (await patient.get("healthz")).status_code == 200

    examine(story)


def test_a_store_that_does_not_answer_is_named_and_however_many_ask_it_is_asked_once():
    asked = []

    async def away() -> None:
        asked.append(1)
        await asyncio.sleep(0.05)
        raise UnavailableError("PostgreSQL at host:5432 cannot be reached")

    async def story(patient: Patient) -> None:
        answers = await asyncio.gather(*(patient.problems() for _ in range(5)))
        assert answers == 5 * [{"cloud store": "PostgreSQL at host:5432 cannot be reached"}]
        assert len(asked) == 1

    examine(story, stores=[Supplier(name="cloud store", ready=away)])


def test_a_store_that_hangs_is_told_within_bounds(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(vital, "ANSWER_SECONDS", 0.05)

    async def story(patient: Patient) -> None:
        assert await patient.problems() == {"cloud store": "no answer within 0.05 s"}

    examine(story, stores=[Supplier(name="cloud store", ready=lambda: asyncio.sleep(5))])


def test_steps_are_counted_by_how_they_end():
    endings = iter([None, UnavailableError("away"), ZeroDivisionError("bug"), None])

    def step() -> Sequence[Event]:
        if (problem := next(endings, None)) is not None:
            raise problem
        return ()

    async def story(patient: Patient) -> None:
        for _ in range(4):
            await patient.worker._run("sync", patient.worker.parts[0].timers[0])
        found = await patient.measures()
        assert [found["der_steps_total", *sorted(("sync.sweep", outcome))] for outcome in ("done", "failed", "bug")] == [2, 1, 1]
        assert found["der_step_seconds_count", "sync.sweep"] == 4
        assert found["der_step_last_success_timestamp_seconds", "sync.sweep"] > 1.7e9

    examine(story, parts=[Parts(name="sync", timers=[Timer(name="sweep", every=HOUR, step=step)])])


def handled(found: dict[tuple[str, ...], float], outcome: str) -> float:
    return found["der_messages_handled_total", *sorted((FORECASTER_TRAIN.name, outcome))]


def test_messages_are_counted_by_how_they_end_and_the_dead_are_told():
    endings = {"good": None, "bad": RejectedMessageError("bad"), "later": RetryableError("later"), "bug": ZeroDivisionError("bug")}

    def handle(event: Event) -> Sequence[Event]:
        assert isinstance(event, ModelTrainingRequested)
        if (problem := endings[event.site_id]) is not None:
            raise problem
        return ()

    async def story(patient: Patient) -> None:
        await patient.worker.listen()
        await patient.worker.publish([ModelTrainingRequested(site_id=site) for site in endings], source="test")
        await patient.worker.publish([ScheduleRunRequested(site_id="nobody")], source="test")
        while (found := await patient.measures()).get(("der_dead_letters", FORECASTER_TRAIN.name)) != 3:  # noqa: ASYNC110 - a page is asked
            await asyncio.sleep(0.01)
        ends = {outcome: handled(found, outcome) for outcome in ("done", "rejected", "retried")}
        assert ends == {"done": 1, "rejected": 1, "retried": 2}
        assert handled(found, "failed") >= 2
        assert found["der_messages_published_total", "confirmed", ModelTrainingRequested.TYPE] == 4
        assert found["der_messages_published_total", "failed", ScheduleRunRequested.TYPE] == 1
        assert found["der_message_seconds_count", FORECASTER_TRAIN.name] >= 6
        assert found["process_resident_memory_bytes",] > 0
        assert found["process_open_fds",] > 0

    examine(story, parts=[Parts(name="forecaster", subscriptions=[Subscription(queue=FORECASTER_TRAIN, handle=handle)])])


def test_a_place_that_is_taken_is_one_line_naming_the_variable():
    async def main() -> None:
        patient = Patient()
        port = int(patient.page.url.rstrip("/").rpartition(":")[2])
        with pytest.raises(UsageError, match=f"port {port} on 127.0.0.1 cannot be used .* DER_HEALTH_PORT="):
            HealthPage("127.0.0.1", port, patient.vitals)
        async with patient.page.served():
            pass

    asyncio.run(main())


def checked(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "shared.runtime.health_check", *words], env=environment, capture_output=True, text=True, check=False
    )


def test_the_check_of_a_container_knows_ready_from_alive():
    async def story(patient: Patient) -> None:
        port = patient.page.url.rstrip("/").rpartition(":")[2]
        well = await asyncio.to_thread(checked, DER_HEALTH_PORT=port, DER_HEALTH_HOST="0.0.0.0")  # noqa: S104 - as in a container
        assert (well.returncode, well.stderr) == (0, "")
        patient.vitals.waiting["bus"] = "nobody at host:5672"
        unwell = await asyncio.to_thread(checked, DER_HEALTH_PORT=port)
        assert unwell.returncode == 1
        assert "nobody at host:5672" in unwell.stderr
        assert (await asyncio.to_thread(checked, "--alive", DER_HEALTH_PORT=port)).returncode == 0
        assert (await asyncio.to_thread(checked, f"{patient.page.url}healthz")).returncode == 0

    examine(story)


@pytest.mark.parametrize(
    ("words", "status"),
    [(["http://127.0.0.1:1/readyz"], 1), ([], 2), (["ftp://x/"], 2), (["http://[:1/"], 2), (["http://h:port/"], 2)],
    ids=str,
)
def test_the_check_of_a_container_fails_in_one_line(words, status):
    done = checked(*words)
    assert (done.returncode, done.stderr.count("\n")) == (status, 1)


def test_the_check_of_a_container_imports_nothing_heavy():
    asked = (
        "import sys, json; before = set(sys.modules); import shared.runtime.health_check; "
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    loaded = json.loads(subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout)
    assert {name for name in loaded if name.partition(".")[0] not in sys.stdlib_module_names} <= {
        "shared", "shared.runtime", "shared.runtime.health_check"
    }  # fmt: skip
