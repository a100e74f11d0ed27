"""A request to plan now: through the bus, to a planner, and back to the one who asked."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import httpx

from services.api import handlers
from services.api.app import create_app
from services.api.main import build
from services.api.routes.live import Announcements
from shared.contracts.envelope import Envelope
from shared.contracts.events import Event, ScheduleRunPublished, ScheduleRunRequested, SyncWindowCompleted
from shared.contracts.topology import FEATURES_BUILD, OPTIMIZER_RUN
from shared.domain.site import Site
from shared.runtime.resources import Resources
from shared.runtime.worker import Parts, Subscription, Worker
from tests.unit.api.homes import NEWEST, a_schedule
from tests.unit.api.test_readings import row


def talk(
    resources: Resources, parts: Sequence[Parts], body: Callable[[httpx.AsyncClient], Awaitable[None]], *, patience: float = 20.0
) -> None:
    """Run a conversation while a worker with these parts and the api's own lives on the same loop."""

    async def live() -> None:
        announcements = Announcements()
        app = create_app(
            build(resources),
            announcements=announcements,
            bus=resources.bus,
            clock=resources.clock,
            planner_timeout=timedelta(seconds=patience),
        )
        stop = asyncio.Event()
        worker = Worker(bus=resources.bus, clock=resources.clock, parts=[*parts, handlers.parts(announcements.announce)])
        running = asyncio.ensure_future(worker.run(stop))
        await asyncio.sleep(0)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
            try:
                await body(client)
            finally:
                stop.set()
                await running
                await resources.bus.close()

    asyncio.run(live())


def planner(resources: Resources, home: Site, *, publish: bool = True) -> Parts:
    """Plans what it is asked to, as the optimizer does."""

    def handle(event: Event) -> list[Event]:
        assert isinstance(event, ScheduleRunRequested)
        plan = a_schedule(home, NEWEST + timedelta(hours=2))
        resources.schedules.put(plan)
        published = ScheduleRunPublished(site_id=event.site_id, schedule_id=plan.schedule_id, issued_at=plan.issued_at, status=plan.status)
        return [published] if publish else []

    return Parts(name="planner", subscriptions=(Subscription(queue=OPTIMIZER_RUN, handle=handle),))


def test_the_answer_is_the_schedule_that_was_planned_for_this_request(resources: Resources, home: Site):
    async def body(client: httpx.AsyncClient) -> None:
        answer = await client.post("/v1/sites/home/schedules")
        assert answer.status_code == 200
        assert answer.json()["issued_at"] == (NEWEST + timedelta(hours=2)).isoformat()

    talk(resources, [planner(resources, home)], body)


def test_a_slow_planner_is_answered_with_202_and_where_to_look(resources: Resources, home: Site):
    async def body(client: httpx.AsyncClient) -> None:
        answer = await client.post("/v1/sites/home/schedules")
        assert answer.status_code == 202
        assert answer.headers["location"] == answer.json()["result_url"] == "/v1/sites/home/schedules/latest"
        assert int(answer.headers["retry-after"]) > 0

    talk(resources, [planner(resources, home, publish=False)], body, patience=0.05)


def test_without_a_planner_the_answer_is_503(resources: Resources, home: Site):
    async def body(client: httpx.AsyncClient) -> None:
        answer = await client.post("/v1/sites/home/schedules")
        assert (answer.status_code, answer.json()["code"]) == (503, "planner_unavailable")
        assert int(answer.headers["retry-after"]) > 0

    talk(resources, [], body)


def test_a_site_that_cannot_be_planned_is_told_so_at_once(resources: Resources, home: Site):
    async def body(client: httpx.AsyncClient) -> None:
        await client.put("/v1/sites/bare", json={"site_id": "bare"})
        for site_id, status, code in (("bare", 409, "no_tariff"), ("nobody", 404, "unknown_site")):
            answer = await client.post(f"/v1/sites/{site_id}/schedules")
            assert (answer.status_code, answer.json()["code"]) == (status, code)

    talk(resources, [], body)


def test_stored_readings_are_announced_to_the_features_with_the_request_id(resources: Resources, home: Site):
    heard: asyncio.Queue[Envelope] = asyncio.Queue()

    async def body(client: httpx.AsyncClient) -> None:
        await resources.bus.consume(FEATURES_BUILD, heard.put)
        headers = {"X-Request-ID": "upload-7"}
        answer = await client.post("/v1/sites/home/readings", json={"readings": [row(0), row(5), row(10, colour="red")]}, headers=headers)
        assert answer.json()["accepted"] == 2
        envelope = await asyncio.wait_for(heard.get(), timeout=10)
        event = envelope.event()
        assert isinstance(event, SyncWindowCompleted)
        assert (event.accepted, event.rejected, envelope.correlationid) == (2, 1, "upload-7")
        assert event.start.isoformat() == "2024-06-15T14:00:00+00:00"

    talk(resources, [], body)
