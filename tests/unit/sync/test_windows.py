"""Which window is copied next."""

from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.sync.replication.windows import OVERLAP, Window, first_window, following, is_thorough, moved_watermark
from shared.domain.time import Instants, Interval, instant64

START = datetime(2024, 6, 15, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = Interval(start=START, end=START + 24 * HOUR)


def test_the_first_sweep_begins_at_the_first_row():
    window = first_window(DAY, watermark=None, overlap=OVERLAP, limit=10)
    assert window == Window(interval=DAY, limit=10)


def test_a_later_sweep_begins_an_overlap_before_its_watermark():
    window = first_window(DAY, watermark=START + 5 * HOUR, overlap=HOUR, limit=10)
    assert window is not None
    assert window.interval == Interval(start=START + 4 * HOUR, end=DAY.end)


def test_a_thorough_sweep_goes_all_the_way_back():
    window = first_window(DAY, watermark=START + 5 * HOUR, overlap=None, limit=10)
    assert window is not None
    assert window.interval == DAY


def test_there_is_nothing_to_read_when_the_edge_ends_long_before_the_watermark():
    assert first_window(DAY, watermark=DAY.end + 2 * HOUR, overlap=HOUR, limit=10) is None


def test_the_first_sweep_of_each_utc_day_is_thorough():
    midnight = datetime(2024, 6, 16, tzinfo=UTC)
    assert is_thorough(last_run=None, now=START)
    assert is_thorough(last_run=midnight - timedelta(seconds=1), now=midnight)
    assert not is_thorough(last_run=midnight, now=midnight + 23 * HOUR)


def test_the_watermark_stops_at_now_and_never_goes_back():
    stamps = np.array([instant64(START), instant64(START + HOUR)])
    assert moved_watermark(None, stamps, now=START + timedelta(minutes=1)) == START + timedelta(microseconds=1)
    assert moved_watermark(START + 9 * HOUR, stamps, now=DAY.end) == START + 9 * HOUR
    assert moved_watermark(None, stamps, now=START - HOUR) is None


@given(gaps=st.lists(st.integers(0, 3), min_size=1, max_size=60), batch=st.integers(1, 7))
def test_every_row_is_read_whatever_the_batch_size_and_however_many_share_a_timestamp(gaps: list[int], batch: int):
    held: Instants = instant64(START) + np.cumsum(gaps) * np.timedelta64(1, "s")
    extent = Interval(start=START, end=START + timedelta(seconds=int(sum(gaps)), microseconds=1))
    seen: set[int] = set()
    window = first_window(extent, watermark=None, overlap=None, limit=batch)
    while window is not None:
        inside = np.flatnonzero((held >= instant64(window.interval.start)) & (held < instant64(window.interval.end)))[: window.limit]
        seen |= set(inside.tolist())
        window = following(window, held[inside], batch_size=batch)
    assert seen == set(range(len(held)))
