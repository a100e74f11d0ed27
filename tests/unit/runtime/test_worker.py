"""A process that lives: timers without bursts, messages with their cause, failing steps that recover, a clean stop."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
import structlog
from structlog.testing import capture_logs

from shared.adapters.clock import FixedClock
from shared.adapters.embedded.bus import InProcessBus
from shared.contracts.envelope import Envelope, wrap
from shared.contracts.events import Event, ModelTrainingRequested, ScheduleRunPublished, ScheduleRunRequested
from shared.contracts.topology import FORECASTER_TRAIN, GATEWAY_SCHEDULE, OPTIMIZER_RUN
from shared.ports.errors import RejectedMessageError, SupplierError, UnavailableError
from shared.runtime.logging import current_correlation
from shared.runtime.worker import Parts, Subscription, Timer, Worker

NOW = datetime(2024, 6, 15, 12, tzinfo=UTC)
TICK = timedelta(milliseconds=20)
REQUEST = ScheduleRunRequested(site_id="home")
PUBLISHED = ScheduleRunPublished(site_id="home", schedule_id="home.20240615T120000Z", issued_at=NOW, status="optimal")


class Life:
    """A worker with the real bus, ended by `stop`."""

    def __init__(self, *parts: Parts) -> None:
        self.bus = InProcessBus()
        self.stop = asyncio.Event()
        self.worker = Worker(bus=self.bus, clock=FixedClock(NOW), parts=parts)

    async def during(self, story: Callable[["Life"], object]) -> None:
        """Let the worker live while the story is told, then stop it and see that it ends."""
        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            tasks.create_task(self.worker.run(self.stop))
            await asyncio.sleep(0)
            await story(self)
            self.stop.set()
        await self.bus.close()


def live(*parts: Parts, story: Callable[[Life], object]) -> Life:
    async def main() -> Life:
        life = Life(*parts)
        await life.during(story)
        return life

    return asyncio.run(main())


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - conditions here are about threads, which set no event of the loop
        await asyncio.sleep(0.002)


def collecting(into: list[Event]) -> Callable[[Event], Sequence[Event]]:
    def handle(event: Event) -> Sequence[Event]:
        into.append(event)
        return ()

    return handle


class TestATimer:
    def test_runs_at_once_and_again_every_interval(self):
        ticks: list[float] = []

        def step() -> Sequence[Event]:
            ticks.append(threading.get_ident())
            return ()

        live(Parts(name="sync", timers=[Timer(name="sweep", every=TICK, step=step)]), story=lambda _: until(lambda: len(ticks) >= 3))
        assert threading.get_ident() not in ticks  # steps compute beside the event loop

    def test_may_wait_for_its_first_interval(self):
        order: list[str] = []
        at_once = Timer(name="now", every=timedelta(hours=1), step=lambda: order.append("now") or ())
        later = Timer(name="later", every=TICK, step=lambda: order.append("later") or (), at_once=False)
        live(Parts(name="sync", timers=[later, at_once]), story=lambda _: until(lambda: "later" in order))
        assert order[0] == "now"
        assert order.count("now") == 1

    def test_does_not_make_up_for_late_ticks_in_a_burst(self):
        intervals: list[int] = []
        release = threading.Event()

        async def story(life: Life) -> None:
            loop = asyncio.get_running_loop()
            started = loop.time()

            def step() -> Sequence[Event]:
                intervals.append(int((loop.time() - started) / TICK.total_seconds()))
                if len(intervals) == 1:
                    release.wait(10)
                return ()

            task = asyncio.create_task(life.worker._tick("sync", Timer(name="sweep", every=TICK, step=step), life.stop))
            await asyncio.sleep(5.5 * TICK.total_seconds())
            release.set()
            await until(lambda: len(intervals) >= 4)
            life.stop.set()
            await task

        live(story=story)
        assert intervals[1] > 5
        assert intervals == sorted(set(intervals)), "two runs in one interval"

    def test_publishes_what_its_step_did(self):
        heard: list[Event] = []
        live(
            Parts(name="optimizer", timers=[Timer(name="sweep", every=timedelta(hours=1), step=lambda: [PUBLISHED])]),
            Parts(name="gateway_sim", subscriptions=[Subscription(queue=GATEWAY_SCHEDULE, handle=collecting(heard))]),
            story=lambda _: until(lambda: bool(heard)),
        )
        assert heard == [PUBLISHED]

    def test_gives_each_run_a_correlation_id_and_its_messages_the_same(self):
        known: list[str | None] = []
        heard: list[Envelope] = []

        async def hear(envelope: Envelope) -> None:
            heard.append(envelope)

        def step() -> list[ScheduleRunPublished]:
            known.append(current_correlation())
            return [PUBLISHED, PUBLISHED]

        async def story(life: Life) -> None:
            await life.bus.consume(GATEWAY_SCHEDULE, hear)
            await until(lambda: len(heard) >= 4)

        live(Parts(name="optimizer", timers=[Timer(name="sweep", every=TICK, step=step)]), story=story)
        assert [envelope.correlationid for envelope in heard[:4]] == [known[0], known[0], known[1], known[1]]
        assert known[0] != known[1]

    def test_that_fails_is_shown_as_failing_tried_again_and_reported_once_until_it_works(self):
        outcomes = [UnavailableError("locked"), UnavailableError("still locked"), None]
        seen: list[dict[str, str]] = []

        def step() -> Sequence[Event]:
            seen.append(dict(life_of[0].worker.failing))
            if outcomes and (problem := outcomes.pop(0)):
                raise problem
            return ()

        life_of: list[Life] = []

        async def story(life: Life) -> None:
            await until(lambda: len(seen) >= 4)

        async def main() -> None:
            life_of.append(Life(Parts(name="sync", timers=[Timer(name="sweep", every=TICK, step=step)])))
            await life_of[0].during(story)

        with capture_logs() as lines:
            asyncio.run(main())
        assert seen[:4] == [{}, {"sync.sweep": "locked"}, {"sync.sweep": "still locked"}, {}]
        told = [line["event"] for line in lines if line.get("step") == "sweep"]
        assert told == ["step failed; it is tried again at its next time", "step works again"]

    def test_that_fails_in_another_way_than_before_says_so(self):
        outcomes = [UnavailableError("away"), SupplierError("refused"), SupplierError("refused"), UnavailableError("away")]
        runs: list[int] = []

        def step() -> Sequence[Event]:
            runs.append(1)
            if outcomes:
                raise outcomes.pop(0)
            return ()

        with capture_logs() as lines:
            live(
                Parts(name="gateway_sim", timers=[Timer(name="mirror", every=TICK, step=step)]),
                story=lambda _: until(lambda: len(runs) >= 5),
            )
        assert [line.get("error") for line in lines if line.get("step") == "mirror"][:3] == ["away", "refused", "away"]

    def test_of_two_services_with_one_name_fail_apart(self):
        def broken() -> Sequence[Event]:
            raise UnavailableError("locked")

        runs: list[int] = []
        one = Parts(name="sync", timers=[Timer(name="sweep", every=timedelta(hours=1), step=broken)])
        other = Parts(name="features", timers=[Timer(name="sweep", every=TICK, step=lambda: runs.append(1) or ())])
        life = live(one, other, story=lambda _: until(lambda: len(runs) >= 3))
        assert life.worker.failing == {"sync.sweep": "locked"}

    @pytest.mark.parametrize("first", ["step", "result"])
    def test_survives_a_bug_of_its_step(self, first):
        runs: list[int] = []

        def step() -> Sequence[Event]:
            runs.append(1)
            if len(runs) > 1:
                return ()
            if first == "step":
                raise ZeroDivisionError
            return [object()]  # what is no event cannot be published

        live(Parts(name="sync", timers=[Timer(name="sweep", every=TICK, step=step)]), story=lambda _: until(lambda: len(runs) >= 3))

    def test_lets_a_step_under_way_finish_before_the_worker_ends(self):
        begun, finished = threading.Event(), threading.Event()

        def step() -> Sequence[Event]:
            begun.set()
            threading.Event().wait(0.05)
            finished.set()
            return ()

        async def story(life: Life) -> None:
            await asyncio.to_thread(begun.wait, 10)
            life.stop.set()

        live(Parts(name="sync", timers=[Timer(name="sweep", every=TICK, step=step)]), story=story)
        assert finished.is_set()


class TestAHandler:
    def test_answers_with_messages_that_carry_the_correlation_and_their_cause(self):
        heard: list[Envelope] = []
        request = wrap(REQUEST, source="api", time=NOW, correlation_id="request-7")

        async def hear(envelope: Envelope) -> None:
            heard.append(envelope)

        async def story(life: Life) -> None:
            await life.bus.consume(GATEWAY_SCHEDULE, hear)
            await life.bus.publish(request)
            await until(lambda: bool(heard))

        live(Parts(name="optimizer", subscriptions=[Subscription(queue=OPTIMIZER_RUN, handle=lambda _: [PUBLISHED])]), story=story)
        (answer,) = heard
        assert (answer.correlationid, answer.causationid, answer.source, answer.time) == ("request-7", request.id, "optimizer", NOW)
        assert answer.event() == PUBLISHED

    def test_knows_the_correlation_id_of_its_work_and_forgets_it_afterwards(self):
        known: list[str | None] = []

        async def story(life: Life) -> None:
            await life.bus.publish(wrap(REQUEST, source="api", time=NOW, correlation_id="request-7"))
            await until(lambda: bool(known))

        handle = Subscription(queue=OPTIMIZER_RUN, handle=lambda _: known.append(current_correlation()) or ())
        live(Parts(name="optimizer", subscriptions=[handle]), story=story)
        assert known == ["request-7"]
        assert structlog.contextvars.get_contextvars() == {}

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [({"data": {"site_id": 7}}, "site_id"), ({"data": {}}, "site_id"), ({"data": {"site_id": "home", "surprise": 1}}, "surprise")],
    )
    def test_rejects_a_malformed_message_at_once_with_the_reason(self, changes, reason):
        handled: list[Event] = []

        async def story(life: Life) -> None:
            await life.bus.publish(wrap(REQUEST, source="api", time=NOW).model_copy(update=changes))
            await life.bus.publish(wrap(REQUEST, source="api", time=NOW))
            await until(lambda: bool(handled))
            (dead,) = await life.bus.dead.page(OPTIMIZER_RUN)
            assert reason in dead.reason
            assert dead.attempts == 1

        live(Parts(name="optimizer", subscriptions=[Subscription(queue=OPTIMIZER_RUN, handle=collecting(handled))]), story=story)
        assert handled == [REQUEST]

    def test_of_an_unknown_type_rejects_the_message(self):
        life = Life()
        handler = life.worker._handler("optimizer", Subscription(queue=OPTIMIZER_RUN, handle=lambda _: ()))
        envelope = wrap(REQUEST, source="api", time=NOW).model_copy(update={"type": "schedule.run.requested.v2"})
        with pytest.raises(RejectedMessageError, match=r"schedule\.run\.requested\.v2"):
            asyncio.run(handler(envelope))

    def test_does_not_fail_when_nobody_takes_what_it_publishes(self):
        heard: list[Event] = []

        def handle(event: Event) -> Sequence[Event]:
            heard.append(event)
            return [ModelTrainingRequested(site_id="home")]

        async def story(life: Life) -> None:
            for _ in range(2):
                await life.bus.publish(wrap(REQUEST, source="api", time=NOW))
            await until(lambda: len(heard) == 2)
            assert await life.bus.dead.page(OPTIMIZER_RUN) == []
            assert await life.bus.dead.page(FORECASTER_TRAIN) == []

        with capture_logs() as lines:
            live(Parts(name="optimizer", subscriptions=[Subscription(queue=OPTIMIZER_RUN, handle=handle)]), story=story)
        assert any(line["event"].startswith("message not published") for line in lines)
        assert len(heard) == 2


def test_a_worker_without_parts_lives_until_it_is_stopped():
    async def story(life: Life) -> None:
        await asyncio.sleep(0.01)
        assert not life.stop.is_set()

    assert live(story=story).worker.failing == {}
