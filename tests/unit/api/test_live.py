"""Live announcements to many listeners."""

import asyncio
import json
from datetime import UTC, datetime

import pytest

from services.api.routes.events import stream
from services.api.routes.live import MAX_WAITING, Announcements, TooManyListenersError
from shared.contracts.events import ScheduleRunPublished

EVENT = ScheduleRunPublished(site_id="home", schedule_id="home.1", issued_at=datetime(2024, 6, 15, tzinfo=UTC), status="optimal")


def test_every_listener_hears_an_event_from_a_worker_thread():
    async def body() -> None:
        announcements = Announcements()
        with announcements.listening() as first, announcements.listening() as second:
            await asyncio.to_thread(announcements.announce, EVENT, None)
            for listener in (first, second):
                heard = await anext(listener.announcements())
                assert heard is not None
                assert heard.event == EVENT

    asyncio.run(body())


def test_the_text_of_a_stream_is_a_server_sent_event():
    async def body() -> None:
        announcements = Announcements()
        listener = announcements.join()
        announcements.announce(EVENT, None)
        announcements.close()
        texts = [text async for text in stream(announcements, listener)]
        assert texts == ["retry: 3000\n\n"]  # closing beats what is still waiting: the client reads afresh

        announcements = Announcements()
        listener = announcements.join()
        lines = stream(announcements, listener)
        assert (await anext(lines)).startswith("retry:")
        announcements.announce(EVENT, None)
        head, _, data = (await anext(lines)).strip().splitlines()
        assert head == "event: schedule.run.published.v1"
        assert json.loads(data.removeprefix("data: "))["schedule_id"] == "home.1"
        await lines.aclose()

    asyncio.run(body())


def test_a_listener_that_falls_behind_is_ended():
    async def body() -> None:
        announcements = Announcements()
        with announcements.listening() as slow:
            for _ in range(MAX_WAITING + 1):
                announcements.announce(EVENT, None)
            await asyncio.sleep(0)
            assert [heard async for heard in slow.announcements()] == []

    asyncio.run(body())


def test_silence_is_filled_with_heartbeats():
    async def body() -> None:
        announcements = Announcements()
        with announcements.listening() as listener:
            assert await anext(listener.announcements(heartbeat_seconds=0.01)) is None

    asyncio.run(body())


def test_places_are_limited_and_given_back():
    async def body() -> None:
        announcements = Announcements(max_listeners=1)
        with announcements.listening(), pytest.raises(TooManyListenersError):
            announcements.join()
        with announcements.listening():
            pass
        announcements.close()
        with pytest.raises(TooManyListenersError):
            announcements.join()

    asyncio.run(body())


def test_a_plan_is_told_to_the_one_who_asked_for_it():
    async def body() -> None:
        announcements = Announcements()
        with announcements.expecting_plan("mine") as mine, announcements.expecting_plan("theirs") as theirs:
            await asyncio.to_thread(announcements.announce, EVENT, "mine")
            assert await asyncio.wait_for(mine, timeout=5) == "home.1"
            assert not theirs.done()

    asyncio.run(body())
