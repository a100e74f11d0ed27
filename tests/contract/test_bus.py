"""`MessageBus`: each queue gets each message, a message is handled once by one consumer, and three fates of failure."""

import asyncio

import pytest

from shared.contracts.envelope import Envelope, wrap
from shared.contracts.events import ModelTrainingRequested, ScheduleRunPublished, SyncWindowCompleted
from shared.contracts.topology import API_ANNOUNCE, FEATURES_BUILD, FORECASTER_TRAIN
from shared.ports.errors import RejectedMessageError, RetryableError, SchemaTooNewError, SupplierError, UnavailableError
from tests.contract.implementations import ATTEMPTS, ATTEMPTS_AFTER_BUG, BETWEEN_PROCESSES
from tests.contract.scenarios import Inbox, bus_fixtures, dead, training, until, window
from tests.factories import NOON

name, play = bus_fixtures()


def test_every_queue_gets_every_message_of_its_keys(play):
    async def scenario(bus):
        features, api = Inbox(), Inbox()
        await bus.consume(FEATURES_BUILD, features)
        await bus.consume(API_ANNOUNCE, api)
        sent = [window(number) for number in range(5)]
        for envelope in sent:
            await bus.publish(envelope)
        await features.holds(5)
        await api.holds(5)
        assert features.got == api.got == sent

    play(scenario)


def test_a_queue_gets_nothing_but_its_keys(play):
    async def scenario(bus):
        trainer, features = Inbox(), Inbox()
        await bus.consume(FORECASTER_TRAIN, trainer)
        await bus.consume(FEATURES_BUILD, features)
        await bus.publish(window())
        await bus.publish(training())
        await features.holds(1)
        await trainer.holds(1)
        assert [envelope.type for envelope in trainer.got] == [ModelTrainingRequested.TYPE]
        assert [envelope.type for envelope in features.got] == [SyncWindowCompleted.TYPE]

    play(scenario)


def test_consumers_of_one_queue_share_its_messages(play):
    async def scenario(bus):
        one, two = Inbox(), Inbox()
        await bus.consume(FEATURES_BUILD, one)
        await bus.consume(FEATURES_BUILD, two)
        for number in range(20):
            await bus.publish(window(number))
        await until(lambda: len(one.got) + len(two.got) >= 20)
        assert sorted(envelope.data["accepted"] for envelope in one.got + two.got) == list(range(20))

    play(scenario)


def test_many_publishers_at_once_lose_nothing(play):
    async def scenario(bus):
        inbox = Inbox()
        await bus.consume(FEATURES_BUILD, inbox, prefetch=4)

        async def publish(envelope: Envelope) -> None:
            while True:
                try:
                    return await bus.publish(envelope)
                except UnavailableError:  # a broker that is busy may not confirm in time: nobody knows, so once more under the same id
                    continue

        await asyncio.gather(*(publish(window(number)) for number in range(200)))
        while len({envelope.id for envelope in inbox.got}) < 200:
            await inbox.holds(len(inbox.got) + 1)
        assert {envelope.data["accepted"] for envelope in inbox.got} == set(range(200))

    play(scenario)


@pytest.mark.parametrize("prefetch", [1, 3])
def test_no_more_than_prefetch_messages_are_handled_at_once(play, prefetch):
    async def scenario(bus):
        running, most, done, full = 0, 0, 0, asyncio.Event()

        async def handle(_envelope):
            nonlocal running, most, done
            running += 1
            most = max(most, running)
            if most >= prefetch:
                full.set()
            await full.wait()
            await asyncio.sleep(0.005)
            running -= 1
            done += 1

        await bus.consume(FEATURES_BUILD, handle, prefetch=prefetch)
        for number in range(12):
            await bus.publish(window(number))
        await until(lambda: done >= 12)
        assert most == prefetch

    play(scenario)


@pytest.mark.parametrize(
    "failure",
    [RetryableError("locked"), UnavailableError("locked"), SupplierError("wrong password"), SchemaTooNewError("upgrade this program")],
    ids=["retryable", "unavailable", "to be mended", "schema too new"],
)
def test_a_message_is_delivered_again_until_it_is_done(play, failure):
    async def scenario(bus):
        inbox = Inbox(failure, failure)
        await bus.consume(FEATURES_BUILD, inbox)
        await bus.publish(window())
        await inbox.holds(1)
        assert inbox.deliveries == 3
        assert await bus.dead.page(FEATURES_BUILD) == []

    play(scenario)


def test_a_message_that_is_never_done_is_dead_after_the_last_attempt(play):
    async def scenario(bus):
        inbox = Inbox(*(RetryableError("still locked") for _ in range(100)))
        await bus.consume(FEATURES_BUILD, inbox)
        await bus.publish(envelope := window())
        (letter,) = await dead(bus, FEATURES_BUILD)
        assert (letter.envelope, letter.reason, letter.attempts, letter.queue) == (envelope, "still locked", ATTEMPTS, FEATURES_BUILD.name)
        assert inbox.deliveries == ATTEMPTS

    play(scenario)


def test_a_rejected_message_is_dead_at_once_with_its_reason(play):
    async def scenario(bus):
        inbox = Inbox(RejectedMessageError("no such site"))
        await bus.consume(FEATURES_BUILD, inbox)
        await bus.publish(window(0))
        await bus.publish(window(1))
        await inbox.holds(1)
        (letter,) = await dead(bus, FEATURES_BUILD)
        assert (letter.reason, letter.attempts, letter.envelope.data["accepted"]) == ("no such site", 1, 0)

    play(scenario)


def test_a_bug_is_logged_with_its_traceback_and_dead_after_few_attempts(play, capsys):
    async def scenario(bus):
        inbox = Inbox(*(ZeroDivisionError("oops") for _ in range(ATTEMPTS_AFTER_BUG)))
        await bus.consume(FEATURES_BUILD, inbox)
        await bus.publish(window())
        (letter,) = await dead(bus, FEATURES_BUILD)
        assert letter.attempts == ATTEMPTS_AFTER_BUG
        assert "oops" in letter.reason
        await bus.publish(window(7))
        await inbox.holds(1)

    play(scenario)
    printed = capsys.readouterr()
    assert "Traceback" in printed.out + printed.err
    assert "ZeroDivisionError" in printed.out + printed.err


def test_dead_letters_come_oldest_first_and_belong_to_their_queue(play):
    async def scenario(bus):
        await bus.consume(FEATURES_BUILD, Inbox(*(RejectedMessageError(str(number)) for number in range(3))))
        await bus.consume(API_ANNOUNCE, Inbox())
        for number in range(3):
            await bus.publish(window(number))
        assert [letter.reason for letter in await dead(bus, FEATURES_BUILD, 3)] == ["0", "1", "2"]
        assert await bus.dead.page(API_ANNOUNCE) == []

    play(scenario)


def test_one_poisonous_message_does_not_hold_up_the_others(play):
    async def scenario(bus):
        good = []

        async def handle(envelope):
            if envelope.data["accepted"] == 0:
                raise RetryableError
            good.append(envelope.data["accepted"])

        await bus.consume(FEATURES_BUILD, handle)
        for number in range(10):
            await bus.publish(window(number))
        await dead(bus, FEATURES_BUILD)
        await until(lambda: len(good) >= 9)
        assert good == list(range(1, 10))

    play(scenario)


def test_what_comes_before_its_consumer_is_kept_between_processes_alone(play, name):
    async def scenario(bus):
        if name in BETWEEN_PROCESSES:
            await bus.publish(training())
            await bus.publish(window(0))
        else:
            with pytest.raises(UnavailableError, match=r"nobody consumes model\.training\.requested"):
                await bus.publish(training())
            await bus.publish(window(0))
        trainer, features = Inbox(), Inbox()
        await bus.consume(FORECASTER_TRAIN, trainer)
        await bus.consume(FEATURES_BUILD, features)
        await bus.publish(training())
        await bus.publish(window(1))
        kept = 1 if name in BETWEEN_PROCESSES else 0
        await trainer.holds(1 + kept)
        await features.holds(1 + kept)
        assert [envelope.data["accepted"] for envelope in features.got] == ([0, 1] if kept else [1])

    play(scenario)


def test_what_only_instances_take_is_dropped_when_none_listens(play):
    async def scenario(bus):
        schedule = wrap(ScheduleRunPublished(site_id="home", schedule_id="s", issued_at=NOON, status="complete"), source="test", time=NOON)
        await bus.publish(schedule)

    play(scenario)


def test_every_instance_gets_a_copy_of_what_comes_while_it_lives(play):
    async def scenario(bus):
        one, two = Inbox(), Inbox()
        await bus.consume(API_ANNOUNCE, one)
        await bus.consume(FEATURES_BUILD, Inbox())
        await bus.publish(window(0))
        await one.holds(1)
        await bus.consume(API_ANNOUNCE, two)
        await bus.publish(window(1))
        await one.holds(2)
        await two.holds(1)
        assert [[envelope.data["accepted"] for envelope in inbox.got] for inbox in (one, two)] == [[0, 1], [1]]

    play(scenario)


def test_an_instance_that_is_slow_holds_nobody_up_and_misses_the_oldest(play):
    async def scenario(bus):
        gate, inbox = asyncio.Event(), Inbox()

        async def slow(envelope):
            await gate.wait()
            await inbox(envelope)

        await bus.consume(API_ANNOUNCE, slow)
        await bus.consume(FEATURES_BUILD, Inbox())
        for number in range(60):
            await bus.publish(window(number))
        gate.set()
        await until(lambda: inbox.got and inbox.got[-1].data["accepted"] == 59)
        got = [envelope.data["accepted"] for envelope in inbox.got]
        assert got == sorted(got)
        assert 15 <= len(got) <= 25

    play(scenario)


@pytest.mark.parametrize("failure", [RetryableError("locked"), RejectedMessageError("no"), ZeroDivisionError("oops")], ids=repr)
def test_an_instance_forgets_what_it_fails_at(play, failure):
    async def scenario(bus):
        inbox = Inbox(failure)
        await bus.consume(API_ANNOUNCE, inbox)
        await bus.consume(FEATURES_BUILD, Inbox())
        await bus.publish(window(0))
        await bus.publish(window(1))
        await inbox.holds(1)
        assert (inbox.deliveries, inbox.got[0].data["accepted"]) == (2, 1)
        assert await bus.dead.count(API_ANNOUNCE) == 0
        assert await bus.dead.page(API_ANNOUNCE) == []

    play(scenario)


def test_a_queue_without_room_makes_its_publisher_wait_and_then_says_so(play):
    async def scenario(bus):
        gate, inbox = asyncio.Event(), Inbox()

        async def slow(envelope):
            await gate.wait()
            await inbox(envelope)

        async def fill():
            nonlocal sent
            while True:
                await bus.publish(window(sent))
                sent += 1

        sent = 0
        await bus.consume(FEATURES_BUILD, slow)
        with pytest.raises(UnavailableError, match="full"):
            await fill()
        assert 20 <= sent <= 25
        waiting = asyncio.create_task(bus.publish(window(sent)))
        gate.set()
        await waiting
        await inbox.holds(sent + 1)
        assert [envelope.data["accepted"] for envelope in inbox.got] == list(range(sent + 1))

    play(scenario)


def test_a_consumer_stops_when_nearly_everything_is_given_up(play):
    async def scenario(bus):
        inbox = Inbox(*(RejectedMessageError("no") for _ in range(100)))
        await bus.consume(FEATURES_BUILD, inbox)
        for number in range(19):
            await bus.publish(window(number))
        await dead(bus, FEATURES_BUILD, 19)
        assert FEATURES_BUILD.name not in bus.failing
        await bus.publish(window(19))
        await until(lambda: FEATURES_BUILD.name in bus.failing)
        for number in range(20, 25):
            await bus.publish(window(number))
        await asyncio.sleep(0.1)
        assert inbox.deliveries == await bus.dead.count(FEATURES_BUILD) == 20
        assert "given up" in bus.failing[FEATURES_BUILD.name]

    play(scenario)


def test_a_supplier_that_is_away_stops_no_consumer(play):
    async def scenario(bus):
        inbox = Inbox(*(UnavailableError("away") for _ in range(30)))
        await bus.consume(FEATURES_BUILD, inbox)
        for number in range(10):
            await bus.publish(window(number))
        await until(lambda: inbox.deliveries >= 36)
        await bus.publish(window(10))
        await until(lambda: 10 in [envelope.data["accepted"] for envelope in inbox.got])
        assert bus.failing == {}

    play(scenario)


def test_given_up_messages_free_their_room(play):
    async def scenario(bus):
        async def handle(envelope):
            if envelope.data["accepted"] % 3:
                raise RejectedMessageError("no")

        await bus.consume(FEATURES_BUILD, handle)
        for number in range(60):
            await bus.publish(window(number))
        await dead(bus, FEATURES_BUILD, 40)

    play(scenario)


def test_closing_lets_running_handlers_finish_and_takes_no_new_message(play):
    async def scenario(bus):
        started, finished = asyncio.Event(), []

        async def handle(envelope):
            started.set()
            await asyncio.sleep(0.05)
            finished.append(envelope.data["accepted"])

        await bus.consume(FEATURES_BUILD, handle)
        await bus.publish(window(0))
        await bus.publish(window(1))
        await started.wait()
        await bus.close()
        assert finished == [0]
        with pytest.raises(UnavailableError, match="closed"):
            await bus.publish(window(2))
        with pytest.raises(UnavailableError, match="closed"):
            await bus.consume(API_ANNOUNCE, handle)

    play(scenario)


def test_closing_does_not_wait_for_ever(play):
    async def scenario(bus):
        started, ended = asyncio.Event(), []

        async def handle(_envelope):
            started.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                ended.append("cancelled")
                raise

        await bus.consume(FEATURES_BUILD, handle)
        await bus.publish(window())
        await started.wait()
        await bus.close()
        assert ended == ["cancelled"]

    play(scenario)


def test_a_bus_can_be_closed_twice(play):
    async def scenario(bus):
        await bus.consume(FEATURES_BUILD, Inbox())
        await bus.close()
        await bus.close()

    play(scenario)
