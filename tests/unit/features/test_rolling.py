"""What was usual lately."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from services.features.recipe import rolling
from shared.domain.time import TimeGrid, local_clock, zone

HOUR = timedelta(hours=1)
MAYBE = st.one_of(st.floats(-100, 100), st.just(np.nan))


def test_the_same_wall_clock_is_compared_across_a_change_of_the_offset():
    grid = TimeGrid(start=datetime(2024, 3, 25, 23, tzinfo=UTC), step=HOUR, count=24 * 9)
    clock = local_clock(grid.starts(), zone("Europe/Berlin"))
    hour = clock.hour
    table = rolling.same_time_of_day(hour, clock, step=HOUR, days_back=range(7))
    for column in range(7):
        known = np.isfinite(table[:, column])
        np.testing.assert_array_equal(table[known, column], hour[known])
    missing = np.isnan(table[:, 1])
    assert hour[missing & (np.arange(grid.count) >= 24)].tolist() == [2.0], "no hour of 02:00 the day before"


def test_an_hour_that_came_twice_is_seen_as_its_mean_later_and_as_itself_then():
    grid = TimeGrid(start=datetime(2024, 10, 26, 22, tzinfo=UTC), step=HOUR, count=49)
    values = np.arange(grid.count, dtype=np.float64)
    clock = local_clock(grid.starts(), zone("Europe/Berlin"))
    table = rolling.same_time_of_day(values, clock, step=HOUR, days_back=range(2))
    assert table[2, 0] == 2.0
    assert table[3, 0] == 3.0
    assert table[27, 1] == 2.5


@given(
    table=hnp.arrays(np.float64, st.tuples(st.integers(1, 8), st.integers(1, 9)), elements=MAYBE),
    share=st.sampled_from([0.0, 0.3, 0.5, 0.95, 1.0]),
)
def test_mean_and_quantile_of_what_is_known_are_those_of_numpy(table: np.ndarray, share: float):
    for row, mean, quantile in zip(table, rolling.mean(table), rolling.quantile(table, share), strict=True):
        known = row[np.isfinite(row)]
        expected = (known.mean(), np.quantile(known, share)) if len(known) else (np.nan, np.nan)
        np.testing.assert_allclose((mean, quantile), expected, atol=1e-9)


@given(values=hnp.arrays(np.float64, st.integers(1, 40), elements=MAYBE), width=st.integers(1, 10))
def test_a_trailing_mean_needs_half_of_its_window(values: np.ndarray, width: int):
    result = rolling.trailing_mean(values, window=width * HOUR, step=HOUR)
    for index, mean in enumerate(result):
        window = values[max(0, index + 1 - width) : index + 1]
        known = window[np.isfinite(window)]
        expected = known.mean() if len(known) * 2 >= width else np.nan
        np.testing.assert_allclose(mean, expected, atol=1e-9)


def test_a_trailing_ratio_counts_what_both_sides_know():
    above, below = np.array([1.0, np.nan, 3.0, 4.0]), np.array([2.0, 5.0, np.nan, 2.0])
    result = rolling.trailing_ratio(above, below, window=4 * HOUR, step=HOUR)
    assert result.tolist() == [0.5, 0.5, 0.5, 5 / 4]


def test_the_envelope_is_known_71_hours_ahead_and_follows_the_best_days():
    days = 30
    rng = np.random.default_rng(0)
    shape = np.clip(np.sin((np.arange(24) - 6) / 12 * np.pi), 0, None)
    solar = (rng.random((days, 1)) * 0.5 + 0.5) * shape
    values = solar.ravel()
    envelope = rolling.clear_sky_envelope(values, step=HOUR)
    now = 20 * 24
    changed = values.copy()
    changed[now:] = np.nan
    np.testing.assert_array_equal(rolling.clear_sky_envelope(changed, step=HOUR)[: now + 72], envelope[: now + 72])
    assert np.isnan(envelope[: 3 * 24]).all()
    expected = np.quantile(solar[now // 24 - 16 : now // 24 - 2, 12], 0.95)
    assert envelope[now + 12] == pytest.approx(expected)
