"""Clock and messages in, events out."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from services.gateway_sim import handlers
from services.gateway_sim.plant.equipment import Home
from services.gateway_sim.service import GatewayService
from shared.adapters.clock import FixedClock
from shared.contracts.events import ReadingColumnsRecorded, ScheduleRunPublished
from shared.contracts.reading_frames import frame_from_columns
from shared.domain.reading import VALUE_COLUMNS
from shared.ports.errors import RetryableError
from shared.runtime.resources import Resources
from shared.runtime.settings import RuntimeSettings
from shared.runtime.worker import Parts
from tests.unit.gateway_sim.schedules import a_schedule

NIGHT = datetime(2024, 6, 15, 8, tzinfo=UTC)
STEP = timedelta(minutes=5)


@pytest.fixture
def resources(tmp_path: Path) -> Iterator[Resources]:
    with Resources(RuntimeSettings(state_dir=tmp_path)) as opened:
        yield opened


def some_parts(resources: Resources, now: datetime, service: GatewayService | None = None, emit: handlers.Emit | None = None) -> Parts:
    service = service or GatewayService(home=Home(), step=STEP, edge=resources.edge, announcements=resources.announcements)
    return handlers.parts(service=service, clock=FixedClock(now), schedules=resources.schedules, emit=emit)


def timer(parts: Parts, name: str) -> handlers.Timer:
    return next(timer for timer in parts.timers if timer.name == name)


def published(schedule_id: str, site_id: str = "home") -> ScheduleRunPublished:
    return ScheduleRunPublished(site_id=site_id, schedule_id=schedule_id, issued_at=NIGHT, status="optimal")


def test_a_recording_is_told_as_it_is_stored_and_shown_once(resources: Resources):
    shown: list[pd.DataFrame] = []
    record = timer(some_parts(resources, NIGHT, emit=shown.append), "record").step
    (event,) = record()
    assert isinstance(event, ReadingColumnsRecorded)
    told = frame_from_columns([(event.site_id, event.readings)])
    stored = resources.edge.latest(site_id="home")
    assert (told[list(VALUE_COLUMNS)].to_numpy() == stored[list(VALUE_COLUMNS)].to_numpy()).all()
    assert record() == []
    assert len(shown) == 1


def test_a_filled_gap_is_told_in_messages_of_at_most_200(resources: Resources):
    timer(some_parts(resources, NIGHT), "record").step()
    events = timer(some_parts(resources, NIGHT + timedelta(hours=40)), "record").step()
    assert [len(event.readings.timestamp) for event in events if isinstance(event, ReadingColumnsRecorded)] == [200, 200, 80]


def test_a_published_schedule_is_loaded_and_followed(resources: Resources):
    schedule = a_schedule(NIGHT, value=5.0, grid_charge_limit_kw=1.0)
    resources.schedules.put(schedule)
    parts = some_parts(resources, NIGHT)
    (subscription,) = parts.subscriptions
    assert subscription.handle(published(schedule.schedule_id)) == ()
    timer(parts, "record").step()
    assert resources.edge.latest(site_id="home")["battery_power_kw"].iloc[0] == pytest.approx(1.0)


def test_a_schedule_whose_message_was_lost_is_found_by_the_sweep(resources: Resources):
    parts = some_parts(resources, NIGHT)
    timer(parts, "follow").step()
    resources.schedules.put(a_schedule(NIGHT, value=5.0, grid_charge_limit_kw=1.0))
    timer(parts, "follow").step()
    timer(parts, "record").step()
    assert resources.edge.latest(site_id="home")["battery_power_kw"].iloc[0] == pytest.approx(1.0)


def test_a_schedule_that_is_not_stored_yet_is_asked_for_again(resources: Resources):
    (subscription,) = some_parts(resources, NIGHT).subscriptions
    with pytest.raises(RetryableError, match="not in the store"):
        subscription.handle(published(a_schedule(NIGHT).schedule_id))


def test_a_schedule_of_another_site_is_nobodys_business_here(resources: Resources):
    (subscription,) = some_parts(resources, NIGHT).subscriptions
    assert subscription.handle(published("neighbour.20240615T080000Z", site_id="neighbour")) == ()


def test_a_short_interval_is_looked_at_as_often_as_it_comes(resources: Resources):
    quick = GatewayService(home=Home(), step=timedelta(seconds=1) / 4, edge=resources.edge, announcements=resources.announcements)
    assert timer(some_parts(resources, NIGHT, quick), "record").every == timedelta(seconds=1) / 4
    assert timer(some_parts(resources, NIGHT), "record").every == timedelta(seconds=1)
