"""Local time as features."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from services.features.recipe.calendar import calendar_features
from shared.domain.time import LocalClock, TimeGrid, local_clock, local_day

QUARTER = timedelta(minutes=15)


def clock(grid: TimeGrid, zone: str) -> LocalClock:
    return local_clock(grid.starts(), ZoneInfo(zone))


@pytest.mark.parametrize(
    ("zone", "day", "quarters"),
    [
        ("Europe/Berlin", date(2024, 3, 31), 92),
        ("Europe/Berlin", date(2024, 10, 27), 100),
        ("America/New_York", date(2024, 11, 3), 100),
        ("Australia/Lord_Howe", date(2024, 10, 6), 94),
        ("Europe/Berlin", date(2024, 6, 15), 96),
    ],
)
def test_wall_clock_is_right_on_days_of_any_length(zone: str, day: date, quarters: int):
    grid = TimeGrid.over(local_day(day, ZoneInfo(zone)), QUARTER)
    features = calendar_features(clock(grid, zone))
    assert grid.count == quarters
    local = [grid[index].astimezone(ZoneInfo(zone)) for index in range(grid.count)]
    assert features["minute_of_day"].tolist() == [moment.hour * 60 + moment.minute for moment in local]
    assert features["hour_local"].tolist() == [moment.hour + moment.minute / 60 for moment in local]
    assert features["weekday"].tolist() == [float(day.weekday())] * quarters


def test_time_of_day_and_year_are_circles():
    grid = TimeGrid(start=datetime(2023, 12, 31, tzinfo=UTC), step=timedelta(hours=1), count=48)
    features = calendar_features(clock(grid, "UTC"))
    for name in ("hour", "year"):
        np.testing.assert_allclose(features[f"{name}_sin"] ** 2 + features[f"{name}_cos"] ** 2, 1.0)
        assert np.abs(np.diff(features[f"{name}_cos"])).max() < 0.27, "midnight and new year are no jumps"
    assert features["hour_sin"][6] == pytest.approx(1.0)


def test_weekends_and_holidays_are_local_days():
    grid = TimeGrid(start=datetime(2024, 12, 24, 22, tzinfo=UTC), step=timedelta(hours=1), count=27)
    features = calendar_features(clock(grid, "Europe/Berlin"), holidays=frozenset({date(2024, 12, 25)}))
    assert np.flatnonzero(features["is_holiday"]).tolist() == list(range(1, 25))
    friday = TimeGrid(start=datetime(2024, 6, 14, 21, tzinfo=UTC), step=timedelta(hours=1), count=3)
    assert calendar_features(clock(friday, "Europe/Berlin"))["is_weekend"].tolist() == [0.0, 1.0, 1.0]


def test_a_working_day_between_two_free_ones_is_a_bridge():
    # Ascension Day 2024 is a Thursday
    days = TimeGrid(start=datetime(2024, 5, 8, tzinfo=UTC), step=timedelta(days=1), count=5)
    features = calendar_features(clock(days, "UTC"), holidays=frozenset({date(2024, 5, 9)}))
    assert features["is_bridge_day"].tolist() == [0.0, 0.0, 1.0, 0.0, 0.0]
