"""`PriceFeed`: every supplier, behind a real server that answers in its format."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from shared.domain.errors import InvalidValueError
from shared.domain.time import Interval, local_day
from shared.ports.errors import SupplierError
from shared.ports.origin import Freshness
from shared.ports.price_feed import PRICE_FEED_COLUMNS, PriceAnswer, PriceFeed
from tests.contract.implementations import PRICE_FEEDS

BERLIN = ZoneInfo("Europe/Berlin")
DAY = date(2026, 3, 10)
AFTER = datetime(2026, 4, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Held:
    """A feed whose supplier holds what the test gave it."""

    feed: PriceFeed
    series_id: str
    step: timedelta

    def read(self, interval: Interval, now: datetime = AFTER) -> PriceAnswer:
        return self.feed.read(self.series_id, interval=interval, now=now)


Holding = Callable[[pd.DataFrame], Held]


@pytest.fixture(params=sorted(PRICE_FEEDS))
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def holding(kind: str, tmp_path: Path):
    opened = []

    def hold(rows: pd.DataFrame) -> Held:
        context = PRICE_FEEDS[kind].opened(tmp_path / str(len(opened)), rows)
        opened.append(context)
        feed, series_id = context.__enter__()
        return Held(feed=feed, series_id=series_id, step=PRICE_FEEDS[kind].step)

    yield hold
    for context in opened:
        context.__exit__(None, None, None)


def rows_of(interval: Interval, kind: str, prices: Callable[[int], float] = lambda number: 0.01 * (number % 40) - 0.1) -> pd.DataFrame:
    stamps = pd.date_range(interval.start, interval.end, freq=PRICE_FEEDS[kind].step, inclusive="left").as_unit("us")
    return pd.DataFrame({"timestamp": stamps, "price_per_kwh": np.round([prices(number) for number in range(len(stamps))], 5)})


@pytest.mark.parametrize(
    ("day", "hours"), [(DAY, 24), (date(2026, 3, 29), 23), (date(2025, 10, 26), 25)], ids=["plain", "spring", "autumn"]
)
def test_a_local_day_has_all_its_prices(holding: Holding, kind: str, day: date, hours: int):
    whole = local_day(day, BERLIN)
    rows = rows_of(whole, kind)
    held = holding(rows)
    answer = held.read(whole)
    assert tuple(answer.prices.columns) == PRICE_FEED_COLUMNS
    assert [str(answer.prices[name].dtype) for name in PRICE_FEED_COLUMNS] == ["datetime64[us, UTC]", "float64", "datetime64[us, UTC]"]
    assert len(answer.prices) * held.step == timedelta(hours=hours)
    assert_frame_equal(answer.prices[["timestamp", "price_per_kwh"]], rows)


def test_the_answer_says_where_it_comes_from(holding: Holding, kind: str):
    whole = local_day(DAY, BERLIN)
    held = holding(rows_of(whole, kind))
    answer = held.read(whole)
    assert answer.origin.supplier == held.series_id.partition(":")[0]
    assert answer.origin.attribution.startswith("Prices: ")
    assert answer.origin.resolution == held.step
    assert answer.origin.freshness is Freshness.FRESH
    assert answer.origin.problem is None
    assert answer.currency == ("GBP" if held.series_id.startswith("agile") else "EUR")
    assert answer.tax


def test_the_interval_has_its_start_and_not_its_end(holding: Holding, kind: str):
    whole = local_day(DAY, BERLIN)
    rows = rows_of(whole, kind)
    held = holding(rows)
    part = Interval(start=whole.start + 2 * held.step, end=whole.start + 5 * held.step)
    assert_frame_equal(held.read(part).prices[["timestamp", "price_per_kwh"]], rows.iloc[2:5].reset_index(drop=True))


def test_a_missing_hour_is_left_out(holding: Holding, kind: str):
    whole = local_day(DAY, BERLIN)
    rows = rows_of(whole, kind)
    gap = Interval(start=whole.start + timedelta(hours=5), end=whole.start + timedelta(hours=6))
    kept = rows[(rows["timestamp"] < gap.start) | (rows["timestamp"] >= gap.end)].reset_index(drop=True)
    assert_frame_equal(holding(kept).read(whole).prices[["timestamp", "price_per_kwh"]], kept)


def test_a_price_that_is_null_is_left_out(holding: Holding, kind: str):
    whole = local_day(DAY, BERLIN)
    rows = rows_of(whole, kind)
    rows.loc[7, "price_per_kwh"] = float("nan")
    found = holding(rows).read(whole).prices
    assert_frame_equal(found[["timestamp", "price_per_kwh"]], rows.drop(index=7).reset_index(drop=True))


def test_no_prices_at_all_are_no_error(holding: Holding, kind: str):
    whole = local_day(DAY, BERLIN)
    later = local_day(DAY + timedelta(days=3), BERLIN)
    answer = holding(rows_of(whole, kind)).read(later)
    assert answer.prices.empty
    assert str(answer.prices["timestamp"].dtype) == "datetime64[us, UTC]"


def test_no_price_is_published_after_it_is_needed_nor_after_now(holding: Holding, kind: str):
    whole = local_day(DAY, BERLIN)
    prices = holding(rows_of(whole, kind)).read(whole).prices
    assert (prices["published_at"] <= whole.start).all()
    assert (prices["published_at"] >= whole.start - timedelta(days=1)).all()


def test_prices_of_two_years_are_read_at_once_and_in_order(holding: Holding, kind: str):
    span = Interval(start=local_day(date(2025, 12, 20), BERLIN).start, end=local_day(date(2026, 1, 10), BERLIN).end)
    rows = rows_of(span, kind)
    assert_frame_equal(holding(rows).read(span).prices[["timestamp", "price_per_kwh"]], rows)


def test_series_of_nobody_are_refused(holding: Holding, kind: str):
    held = holding(rows_of(local_day(DAY, BERLIN), kind))
    assert held.feed.knows(held.series_id)
    assert not held.feed.knows("home.import")
    name = held.series_id.partition(":")[0]
    with pytest.raises((InvalidValueError, SupplierError), match=name):
        held.feed.read(f"{name}:../nobody", interval=local_day(DAY, BERLIN), now=AFTER)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=8)
@given(prices=st.lists(st.floats(-0.5, 4.0).map(lambda price: round(price, 5)), min_size=24, max_size=24))
def test_any_prices_come_back_to_the_last_digit(holding: Holding, kind: str, prices: list[float]):
    whole = local_day(DAY, BERLIN)
    rows = rows_of(whole, kind, lambda number: prices[number % 24])
    found = holding(rows).read(whole).prices["price_per_kwh"]
    assert found.to_numpy() == pytest.approx(rows["price_per_kwh"].to_numpy(), abs=1e-9)
