"""`der dead` on a real broker: what was given up is listed, shown, sent back, dropped."""

import asyncio
import json
from collections.abc import Callable, Iterator

import pytest

from services.embedded.main import cli
from shared.adapters.distributed.rabbitmq import RabbitBus
from shared.contracts.envelope import Envelope, wrap
from shared.contracts.events import ModelTrainingRequested, ScheduleRunRequested
from shared.contracts.topology import FORECASTER_TRAIN, OPTIMIZER_RUN
from shared.ports.errors import RejectedMessageError
from tests.factories import NOON
from tests.live import servers

pytestmark = pytest.mark.live
TRAIN = [wrap(ModelTrainingRequested(site_id=site), source="test", time=NOON) for site in ("north", "south", "west")]
PLAN = wrap(ScheduleRunRequested(site_id="north"), source="test", time=NOON)


@pytest.fixture
def broker_url(monkeypatch: pytest.MonkeyPatch, tmp_path) -> Iterator[str]:
    """A virtual host with three dead letters of the trainer and one of the planner, named to `der` by its environment."""
    with servers.broker().vhost() as url:
        monkeypatch.setenv("DER_BUS_URL", url)
        monkeypatch.setenv("DER_STATE_DIR", str(tmp_path))
        asyncio.run(bury(url))
        yield url


async def bury(url: str) -> None:
    bus = RabbitBus(url)

    async def refuse(envelope: Envelope) -> None:
        raise RejectedMessageError(f"no {envelope.data['site_id']}ern site")

    try:
        for queue, letters in ((FORECASTER_TRAIN, TRAIN), (OPTIMIZER_RUN, [PLAN])):
            await bus.consume(queue, refuse)
            for envelope in letters:
                await bus.publish(envelope)
            async with asyncio.timeout(10):
                while await bus.dead.count(queue) < len(letters):  # noqa: ASYNC110 - the broker tells nobody
                    await asyncio.sleep(0.01)
    finally:
        await bus.close()


async def waiting(url: str) -> list[Envelope]:
    """What the trainer gets within a moment."""
    bus, got = RabbitBus(url), []

    async def take(envelope: Envelope) -> None:
        got.append(envelope)

    await bus.consume(FORECASTER_TRAIN, take)
    await asyncio.sleep(0.3)
    await bus.close()
    return got


@pytest.fixture
def der(broker_url: str, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def run(*words: str, status: int = 0) -> str:
        assert cli(["dead", *words]) == status
        said = capsys.readouterr()
        return said.err if status else said.out

    return run


def test_the_list_tells_what_was_given_up_where_and_why(der):
    lines = der("list").splitlines()
    assert lines[0].split() == ["id", "age", "queue", "type", "attempts", "reason"]
    assert [line.split()[0] for line in lines[1:]] == [*(envelope.id for envelope in TRAIN), PLAN.id]
    assert "forecaster.model-train.v1" in lines[1]
    assert lines[1].rstrip().endswith("no northern site")


def test_the_list_is_narrowed_by_queue_reason_and_number(der):
    def ids(*words: str) -> list[str]:
        return [letter["id"] for letter in json.loads(der("list", "--json", *words))]

    assert ids("--queue", OPTIMIZER_RUN.name) == [PLAN.id]
    assert ids("--reason", "NORTHERN") == [TRAIN[0].id, PLAN.id]
    assert ids("--reason", "western", "--limit", "1") == [TRAIN[2].id]
    assert ids("--limit", "2") == [TRAIN[0].id, TRAIN[1].id, PLAN.id]


def test_one_is_shown_whole(der):
    shown = json.loads(der("show", PLAN.id))
    assert Envelope.model_validate(shown["envelope"]) == PLAN
    assert (shown["queue"], shown["reason"], shown["attempts"]) == (OPTIMIZER_RUN.name, "no northern site", 1)


def test_one_is_sent_back_and_handled(der, broker_url):
    assert der("replay", TRAIN[1].id) == "1 message sent back\n"
    assert asyncio.run(waiting(broker_url)) == [TRAIN[1]]
    assert TRAIN[1].id not in der("list")


def test_all_of_a_reason_are_sent_back(der, broker_url):
    assert der("replay", "--all", "--reason", "northern", "--queue", FORECASTER_TRAIN.name) == "1 message sent back\n"
    assert der("replay", "--all", "--queue", FORECASTER_TRAIN.name) == "2 messages sent back\n"
    assert asyncio.run(waiting(broker_url)) == TRAIN
    assert json.loads(der("list", "--json"))[0]["id"] == PLAN.id


def test_dropping_all_asks_first_and_one_does_not(der):
    assert "would forget 4 messages: add --yes" in der("drop", "--all", status=2)
    assert der("drop", PLAN.id) == "1 message dropped\n"
    assert der("drop", "--all", "--yes", "--reason", "western") == "1 message dropped\n"
    assert der("drop", "--all", "--yes") == "2 messages dropped\n"
    assert json.loads(der("list", "--json")) == []


@pytest.mark.parametrize("action", ["show", "replay", "drop"])
def test_an_id_that_is_nowhere_is_one_line_with_the_remedy(der, action):
    said = der(action, "nowhere", status=2)
    assert said == "der dead: no dead letter 'nowhere' in any dead queue; `der dead list` shows their ids\n"


def test_the_bus_within_a_process_says_where_its_dead_are(der, monkeypatch):
    monkeypatch.setenv("DER_BUS_URL", "memory:")
    said = der("list", status=2)
    assert said.count("\n") == 1
    assert "DER_HEALTH_PORT" in said
