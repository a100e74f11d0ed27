"""Steps, their parts, and the way from wall-clock hours to UTC."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway_sim.plant.noise import HOUR_US
from services.gateway_sim.plant.steps import FINEST_US, LocalDays, Steps
from shared.domain.time import EPOCH, TimeGrid, local_day

MINUTE_US = HOUR_US // 60
BERLIN = ZoneInfo("Europe/Berlin")


def steps_of(step: timedelta, count: int = 4, start: datetime = EPOCH) -> Steps:
    return Steps(grid=TimeGrid(start=start, step=step, count=count), tz=BERLIN)


def a_day(day: date, zone: ZoneInfo) -> LocalDays:
    number = (day - EPOCH.date()).days
    return LocalDays.between(number, number + 1, zone)


@given(seconds=st.integers(1, 86_400))
def test_a_step_of_whole_seconds_has_equal_parts_of_at_most_five_minutes_and_no_more_than_twice_as_many_as_needed(seconds: int):
    steps = steps_of(timedelta(seconds=seconds))
    parts = steps.grid_of_parts
    assert parts.step <= timedelta(microseconds=FINEST_US)
    assert parts.step * steps.parts == steps.grid.step
    assert steps.parts < 2 * max(1, -(-seconds // 300))
    assert (parts.start, parts.end) == (steps.grid.start, steps.grid.end)
    assert Steps(grid=parts, tz=BERLIN).parts == 1


@given(seconds=st.integers(1, 7200), start=st.integers(-(10**15), 10**15))
def test_instants_are_the_middles_of_the_parts(seconds: int, start: int):
    steps = steps_of(timedelta(seconds=seconds), start=EPOCH + timedelta(microseconds=start))
    length = steps.step_us / steps.parts
    middles = (np.arange(len(steps.instants_us)) + 0.5) * length
    assert np.abs(steps.instants_us - start - middles).max() <= 0.5


RUNS = st.lists(st.tuples(st.integers(-90, 90), st.integers(0, 120), st.floats(0, 10)), max_size=12)


@given(runs=RUNS, minutes=st.sampled_from([1, 7, 20]))
def test_the_energy_of_runs_is_that_of_the_minutes_they_cover(runs: list[tuple[int, int, float]], minutes: int):
    steps = steps_of(timedelta(minutes=minutes), count=60 // minutes)
    starts = np.array([begin for begin, _, _ in runs], dtype=np.int64) * MINUTE_US
    ends = starts + np.array([length for _, length, _ in runs], dtype=np.int64) * MINUTE_US
    by_minute = np.zeros(steps.grid.count * minutes)
    for begin, length, power in runs:
        by_minute[max(begin, 0) : max(begin + length, 0)] += power
    mean = steps.mean_of_runs(starts, ends, np.array([power for _, _, power in runs]))
    np.testing.assert_allclose(mean, by_minute.reshape(-1, minutes).mean(axis=1), atol=1e-9)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2024, 3, 31), 23.0),
        ("Europe/Berlin", date(2024, 10, 27), 25.0),
        ("Australia/Lord_Howe", date(2024, 10, 6), 23.5),
        ("Australia/Lord_Howe", date(2024, 4, 7), 24.5),
        ("Pacific/Chatham", date(2024, 9, 29), 23.0),
        ("America/Havana", date(2024, 3, 10), 23.0),
        ("Asia/Kathmandu", date(2024, 3, 31), 24.0),
    ],
)
def test_a_wall_clock_hour_is_where_the_zone_says_on_a_day_of_any_length(zone: str, day: date, hours: float):
    tz = ZoneInfo(zone)
    whole = local_day(day, tz)
    assert (whole.end - whole.start) == timedelta(hours=hours)
    days = a_day(day, tz)
    for hour in (0.25, 4.0, 8.5, 12.0, 23.75, 30.5):
        instant = EPOCH + timedelta(microseconds=int(days.utc_us(np.array([0]), np.array([hour]))[0]))
        assert instant == (datetime(day.year, day.month, day.day, tzinfo=tz) + timedelta(hours=hour)).astimezone(UTC), hour


def test_weekends_are_saturdays_and_sundays():
    days = LocalDays.between(-400, 400, BERLIN)
    assert days.weekend.tolist() == [(EPOCH + timedelta(days=int(day))).weekday() >= 5 for day in days.index]
