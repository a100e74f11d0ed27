"""Waiting for a supplier: until it is there, until the process is told to stop, or until a person must act."""

import asyncio
import threading

import pytest
from structlog.testing import capture_logs

from shared.ports.errors import SupplierError, UnavailableError
from shared.runtime import arrival
from shared.runtime.arrival import Supplier, arrive, aside


class Absent:
    """A supplier that is not there for a number of questions."""

    def __init__(self, times: int, then: Exception | None = None) -> None:
        self.left, self.then = times, then

    async def ready(self) -> None:
        self.left -= 1
        if self.left >= 0:
            raise UnavailableError("nobody at host:1234")
        if self.then is not None:
            raise self.then


def waiting_for(absent: Absent) -> tuple[bool, dict[str, str], list[str]]:
    async def main() -> tuple[bool, dict[str, str]]:
        waiting: dict[str, str] = {}
        async with asyncio.timeout(20):
            return await arrive(Supplier(name="bus", ready=absent.ready), asyncio.Event(), waiting), waiting

    with capture_logs() as logs:
        came, waiting = asyncio.run(main())
    return came, waiting, [entry["event"] for entry in logs]


def test_one_that_is_there_is_no_word_worth():
    assert waiting_for(Absent(0)) == (True, {}, [])


def test_however_long_it_takes_there_is_one_line_at_each_end():
    assert waiting_for(Absent(3)) == (True, {}, ["waiting for a server that this program needs", "the server is there"])


def test_what_a_person_must_mend_is_raised_at_once():
    with pytest.raises(SupplierError, match="wrong password"):
        waiting_for(Absent(1, then=SupplierError("wrong password")))


def test_what_is_waited_for_is_told_meanwhile():
    async def main() -> dict[str, str]:
        stop, waiting = asyncio.Event(), {}
        task = asyncio.ensure_future(arrive(Supplier(name="bus", ready=Absent(10**9).ready), stop, waiting))
        async with asyncio.timeout(20):
            while not waiting:  # noqa: ASYNC110 - it tells in a dictionary, as it does a health page
                await asyncio.sleep(0.001)
        told = dict(waiting)
        stop.set()
        assert await task is False
        return told

    assert asyncio.run(main())["bus"].startswith("nobody at host:1234")


def test_a_stop_is_heard_while_an_answer_is_awaited():
    asked, never = threading.Event(), threading.Event()

    def ask() -> None:
        asked.set()
        never.wait()

    async def main() -> bool:
        stop = asyncio.Event()
        task = asyncio.ensure_future(arrive(Supplier(name="store", ready=lambda: aside(ask)), stop, {}))
        await asyncio.to_thread(asked.wait, 20)
        stop.set()
        return await asyncio.wait_for(task, timeout=20)

    assert asyncio.run(main()) is False  # and `run` does not wait for the thread either
    never.set()


@pytest.mark.parametrize("problem", [None, UnavailableError("away"), ZeroDivisionError("bug")], ids=repr)
def test_a_question_aside_ends_as_it_ends(problem):
    def ask() -> None:
        if problem is not None:
            raise problem

    async def main() -> BaseException | None:
        try:
            await aside(ask)
        except Exception as raised:  # noqa: BLE001 - all of them are asked for
            return raised
        return None

    assert asyncio.run(main()) is problem


def test_pauses_grow_and_stay_short_enough_to_be_there_soon_after_the_server():
    assert arrival.FIRST_PAUSE_SECONDS < arrival.LONGEST_PAUSE_SECONDS <= 5
