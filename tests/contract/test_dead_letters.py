"""`DeadLetters`: what was given up can be looked at any number of times, sent again, and dropped."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.contracts.topology import FEATURES_BUILD, FORECASTER_TRAIN
from shared.ports.errors import NotFoundError, RejectedMessageError, RetryableError
from tests.contract.implementations import ATTEMPTS
from tests.contract.scenarios import Inbox, bus_fixtures, dead, until, window

name, play = bus_fixtures()


async def given_up(bus, count: int, *, reason: str = "no such site") -> Inbox:
    """So many dead letters, of windows 0, 1, ...; returns the inbox that now takes everything."""
    inbox = Inbox(*(RejectedMessageError(f"{reason} {number}") for number in range(count)))
    await bus.consume(FEATURES_BUILD, inbox)
    for number in range(count):
        await bus.publish(window(number))
    await dead(bus, FEATURES_BUILD, count)
    return inbox


def numbers(letters) -> list[int]:
    return [letter.envelope.data["accepted"] for letter in letters]


def test_looking_takes_nothing_away_and_changes_no_order(play):
    async def scenario(bus):
        await given_up(bus, 5)
        for _ in range(3):
            assert await bus.dead.count(FEATURES_BUILD) == 5
            assert numbers(await bus.dead.page(FEATURES_BUILD)) == [0, 1, 2, 3, 4]
            assert numbers(await bus.dead.page(FEATURES_BUILD, limit=2)) == [0, 1]
        assert await bus.dead.count(FORECASTER_TRAIN) == 0
        assert await bus.dead.page(FORECASTER_TRAIN) == []

    play(scenario)


def test_a_letter_says_what_became_of_it(play):
    async def scenario(bus):
        before = datetime.now(UTC) - timedelta(seconds=1)
        await bus.consume(FEATURES_BUILD, Inbox(*(RetryableError("still locked") for _ in range(ATTEMPTS))))
        await bus.publish(envelope := window(7))
        await dead(bus, FEATURES_BUILD)
        letter = await bus.dead.find(FEATURES_BUILD, envelope.id)
        assert (letter.id, letter.envelope, letter.queue) == (envelope.id, envelope, FEATURES_BUILD.name)
        assert (letter.reason, letter.attempts) == ("still locked", ATTEMPTS)
        assert b'"accepted":7' in letter.body
        assert before <= letter.first_at < letter.last_at <= datetime.now(UTC)

    play(scenario)


def test_one_letter_is_replayed_to_its_own_queue_and_gone(play):
    async def scenario(bus):
        inbox = await given_up(bus, 3)
        letters = await bus.dead.page(FEATURES_BUILD)
        assert await bus.dead.replay(FEATURES_BUILD, letters[1].id) == 1
        await inbox.holds(1)
        assert inbox.got == [letters[1].envelope]
        assert numbers(await bus.dead.page(FEATURES_BUILD)) == [0, 2]

    play(scenario)


def test_all_letters_are_replayed_in_their_order(play):
    async def scenario(bus):
        inbox = await given_up(bus, 4)
        assert await bus.dead.replay(FEATURES_BUILD) == 4
        await inbox.holds(4)
        assert [envelope.data["accepted"] for envelope in inbox.got] == [0, 1, 2, 3]
        assert await bus.dead.count(FEATURES_BUILD) == 0
        assert await bus.dead.replay(FEATURES_BUILD) == 0

    play(scenario)


def test_a_replayed_letter_has_all_its_attempts_again(play):
    async def scenario(bus):
        inbox = Inbox(*(RetryableError("still locked") for _ in range(2 * ATTEMPTS)))
        await bus.consume(FEATURES_BUILD, inbox)
        await bus.publish(envelope := window())
        await dead(bus, FEATURES_BUILD)
        await bus.dead.replay(FEATURES_BUILD, envelope.id)
        await until(lambda: inbox.deliveries == 2 * ATTEMPTS)
        (letter,) = await dead(bus, FEATURES_BUILD)
        assert letter.attempts == ATTEMPTS

    play(scenario)


def test_a_letter_that_dies_again_is_replayed_once(play):
    async def scenario(bus):
        inbox = await given_up(bus, 3)
        inbox.failures = [RejectedMessageError("again") for _ in range(3)]
        assert await bus.dead.replay(FEATURES_BUILD) == 3
        await until(lambda: inbox.deliveries == 6)
        assert {letter.reason for letter in await dead(bus, FEATURES_BUILD, 3)} == {"again"}

    play(scenario)


def test_one_letter_or_all_are_dropped(play):
    async def scenario(bus):
        inbox = await given_up(bus, 4)
        letters = await bus.dead.page(FEATURES_BUILD)
        assert await bus.dead.drop(FEATURES_BUILD, letters[2].id) == 1
        assert numbers(await bus.dead.page(FEATURES_BUILD)) == [0, 1, 3]
        assert await bus.dead.drop(FEATURES_BUILD) == 3
        assert await bus.dead.count(FEATURES_BUILD) == 0
        assert inbox.got == []

    play(scenario)


@pytest.mark.parametrize("call", ["find", "replay", "drop"])
def test_a_letter_that_is_not_there_is_named(play, call):
    async def scenario(bus):
        await given_up(bus, 1)
        with pytest.raises(NotFoundError, match=r"'nowhere' in features\.table-build\.v1\.dead"):
            await getattr(bus.dead, call)(FEATURES_BUILD, "nowhere")
        assert await bus.dead.count(FEATURES_BUILD) == 1

    play(scenario)
