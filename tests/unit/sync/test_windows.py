"""Which window is copied next, and how far the watermark may move."""

from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.sync.replication.windows import FRESH, OVERLAP, Plan, Window, done_until, following, is_thorough, later, plan
from shared.domain.time import Instants, Interval, from_instant64, instant64

START = datetime(2024, 6, 15, tzinfo=UTC)
HOUR = timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)
DAY = Interval(start=START, end=START + 24 * HOUR)


def test_the_first_sweep_takes_the_newest_rows_first_and_then_everything_before_them():
    assert plan(DAY, watermark=None, thorough=False, now=DAY.end) == Plan(
        fresh=Interval(start=DAY.end - FRESH, end=DAY.end), backlog=Interval(start=START, end=DAY.end - FRESH)
    )


def test_a_sweep_that_is_not_behind_begins_an_overlap_before_its_watermark():
    found = plan(DAY, watermark=DAY.end - timedelta(minutes=1), thorough=False, now=DAY.end)
    assert found == Plan(fresh=Interval(start=DAY.end - timedelta(minutes=1) - OVERLAP, end=DAY.end))


def test_after_an_outage_the_backlog_begins_an_overlap_before_the_watermark():
    found = plan(DAY, watermark=START + 5 * HOUR, thorough=False, now=DAY.end)
    assert found is not None
    assert found.backlog == Interval(start=START + 5 * HOUR - OVERLAP, end=DAY.end - FRESH)


def test_a_thorough_sweep_goes_all_the_way_back():
    found = plan(DAY, watermark=DAY.end, thorough=True, now=DAY.end)
    assert found is not None
    assert found.backlog is not None
    assert found.backlog.start == START


def test_a_clock_far_ahead_does_not_hide_what_is_fresh():
    future = Interval(start=START, end=DAY.end + 1000 * HOUR)
    found = plan(future, watermark=None, thorough=False, now=DAY.end)
    assert found is not None
    assert found.fresh == Interval(start=DAY.end - FRESH, end=future.end)


def test_there_is_nothing_to_read_when_the_edge_ends_long_before_the_watermark():
    assert plan(DAY, watermark=DAY.end + 2 * HOUR, thorough=False, now=DAY.end + 2 * HOUR) is None


def test_what_goes_first_is_halved_down_to_a_second_and_nothing_falls_between():
    found = plan(DAY, watermark=None, thorough=False, now=DAY.end)
    while found is not None:
        assert found.backlog is not None
        assert (found.backlog.start, found.backlog.end, found.fresh.end) == (START, found.fresh.start, DAY.end)
        assert found.fresh.duration >= timedelta(seconds=1)
        found = found.shorter()
    assert Plan(fresh=DAY).shorter() is None


def test_the_first_sweep_of_each_utc_day_is_thorough_and_one_that_finds_older_rows_than_ever():
    midnight = datetime(2024, 6, 16, tzinfo=UTC)
    assert is_thorough(last_run=None, covered_from=None, first=START, now=START)
    assert is_thorough(last_run=midnight - MICROSECOND, covered_from=START, first=START, now=midnight)
    assert not is_thorough(last_run=midnight, covered_from=START, first=START, now=midnight + 23 * HOUR)
    assert is_thorough(last_run=midnight, covered_from=START, first=START - HOUR, now=midnight + HOUR)


def test_what_is_done_ends_behind_the_newest_row_that_is_not_in_the_future():
    stamps = np.array([instant64(START), instant64(START + HOUR)])
    assert done_until(stamps, None, now=DAY.end) == START + HOUR + MICROSECOND
    assert done_until(stamps, None, now=START + timedelta(minutes=1)) == START + MICROSECOND
    assert done_until(stamps, None, now=START - HOUR) is None


def test_a_watermark_never_goes_back():
    assert later(START + HOUR, START) == later(None, START + HOUR) == later(START + HOUR, None) == START + HOUR
    assert later(None, None) is None


@given(gaps=st.lists(st.integers(0, 3), min_size=1, max_size=60), batch=st.integers(1, 7), now=st.integers(-5, 200))
def test_every_row_is_read_and_none_below_what_is_done_is_ever_missing(gaps: list[int], batch: int, now: int):
    held: Instants = instant64(START) + np.cumsum(gaps) * np.timedelta64(1, "s")
    moment = START + timedelta(seconds=now)
    extent = Interval(start=START, end=from_instant64(held[-1]) + MICROSECOND)
    seen: set[int] = set()
    window: Window | None = Window(interval=extent, limit=batch)
    while window is not None:
        inside = np.flatnonzero((held >= instant64(window.interval.start)) & (held < instant64(window.interval.end)))[: window.limit]
        seen |= set(inside.tolist())
        after = following(window, held[inside], batch_size=batch)
        until = done_until(held[inside], after, now=moment)
        if until is not None:
            assert until <= moment + MICROSECOND
            assert set(np.flatnonzero(held < instant64(until)).tolist()) <= seen
        window = after
    assert seen == set(range(len(held)))
