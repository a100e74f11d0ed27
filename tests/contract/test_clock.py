"""`Clock`: real time for live sites, the end of the data for imported ones."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.adapters.clock import FixedClock, PlatformClock
from tests.contract.implementations import CLOUD_STORES, fixtures_of
from tests.factories import NOON, a_site, readings

opened, store = fixtures_of(CLOUD_STORES)

DAY = datetime(2024, 6, 15, tzinfo=UTC)


@pytest.fixture(params=["platform", "fixed"])
def clock(request, store):
    return PlatformClock(lambda: store.readings) if request.param == "platform" else FixedClock(NOON)


def test_now_is_aware_utc_and_never_goes_back(clock):
    moments = [clock.now() for _ in range(1000)]
    assert all(moment.utcoffset() == timedelta(0) for moment in moments)
    assert moments == sorted(moments)


def test_a_live_site_lives_now(clock):
    before = clock.now()
    assert before <= clock.now_at(a_site(live=True)) <= clock.now()


def test_imported_history_without_readings_lives_now(clock):
    before = clock.now()
    assert before <= clock.now_at(a_site(live=False)) <= clock.now()


@pytest.mark.parametrize(
    ("resolution", "step", "hours", "end"),
    [
        (timedelta(hours=1), timedelta(hours=1), 24, DAY + timedelta(hours=24)),
        (timedelta(minutes=15), timedelta(minutes=15), 24, DAY + timedelta(hours=24)),
        (timedelta(minutes=15), timedelta(minutes=1), 24, DAY + timedelta(hours=24)),
        (timedelta(minutes=15), timedelta(minutes=1), 24.1, DAY + timedelta(hours=24, minutes=15)),
    ],
    ids=["hourly", "quarter-hourly", "one-minute data", "one-minute data that stops within a step"],
)
def test_imported_history_lives_at_the_end_of_the_step_of_its_newest_reading(store, resolution, step, hours, end):
    store.readings.upsert(readings(step=step, hours=hours), stored_at=NOON)
    clock = PlatformClock(lambda: store.readings)
    assert clock.now_at(a_site(live=False, resolution=resolution)) == end
    assert clock.now_at(a_site(live=True, resolution=resolution)) > end


def test_now_of_the_platform_asks_no_store():
    PlatformClock(readings=None).now()


def test_a_fixed_clock_stands_still():
    clock = FixedClock(NOON)
    assert clock.now() == clock.now_at(a_site()) == clock.now_at(a_site(live=False)) == NOON
