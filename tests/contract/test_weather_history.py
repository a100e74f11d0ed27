"""`WeatherHistory`: weather as it was at a place."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from shared.domain.time import Interval
from shared.ports.weather import WEATHER_COLUMNS, WeatherHistory
from tests.contract.implementations import WEATHER_HISTORIES

START = datetime(2024, 6, 15, tzinfo=UTC)
DAY = Interval(start=START, end=START + timedelta(days=1))
BERLIN = {"latitude": 52.52, "longitude": 13.41}


def rows(count: int = 6) -> pd.DataFrame:
    return pd.DataFrame({
        "timestamp": pd.date_range(START, periods=count, freq="h").as_unit("us"),
        "temperature_celsius": [10.0 + hour for hour in range(count)],
        "ghi_w_m2": [100.0 * hour for hour in range(count)],
    })  # fmt: skip


@pytest.fixture(params=sorted(WEATHER_HISTORIES))
def history(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[pd.DataFrame], WeatherHistory]]:
    with ExitStack() as opened:
        yield lambda held: opened.enter_context(WEATHER_HISTORIES[request.param](tmp_path, held))


def test_what_is_held_is_read_with_its_columns_and_kinds(history: Callable[[pd.DataFrame], WeatherHistory]):
    found = history(rows()).read(**BERLIN, interval=DAY)
    assert tuple(found.columns) == WEATHER_COLUMNS
    assert str(found["timestamp"].dtype) == "datetime64[us, UTC]"
    pd.testing.assert_frame_equal(found, rows())


def test_the_interval_has_its_start_and_not_its_end(history: Callable[[pd.DataFrame], WeatherHistory]):
    held = history(rows())
    part = held.read(**BERLIN, interval=Interval(start=START + timedelta(hours=1), end=START + timedelta(hours=3)))
    assert part["ghi_w_m2"].tolist() == [100.0, 200.0]
    assert part.index.tolist() == [0, 1]
    none = held.read(**BERLIN, interval=Interval(start=START - timedelta(days=9), end=START))
    assert none.empty
    assert (none.dtypes == part.dtypes).all()


def test_rows_come_sorted_and_the_later_of_two_counts(history: Callable[[pd.DataFrame], WeatherHistory]):
    corrected = rows(1).assign(temperature_celsius=-5.0)
    found = history(pd.concat([rows().iloc[::-1], corrected])).read(**BERLIN, interval=DAY)
    pd.testing.assert_frame_equal(found.iloc[1:], rows().iloc[1:])
    assert found["temperature_celsius"][0] == -5.0


def test_a_missing_value_is_missing(history: Callable[[pd.DataFrame], WeatherHistory]):
    held = rows()
    held.loc[2, "ghi_w_m2"] = float("nan")
    found = history(held).read(**BERLIN, interval=DAY)
    assert found["ghi_w_m2"].isna().tolist() == [False, False, True, False, False, False]
    assert found["temperature_celsius"][2] == 12.0
