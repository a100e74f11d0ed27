"""Prices on the grid, and since when they were known."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from services.features.recipe.price import FIXED_KNOWN_HOURS, PricesOnGrid, prices_on
from shared.domain.tariff import DynamicPrice, Tariff
from shared.domain.time import TimeGrid
from tests.factories import a_tariff

START = datetime(2024, 6, 15, tzinfo=UTC)
LATER = START + timedelta(days=30)
GRID = TimeGrid(start=START, step=timedelta(minutes=15), count=96)


def announced(values: list[float], *, published: datetime, start: datetime = START) -> pd.DataFrame:
    stamps = pd.date_range(start, periods=len(values), freq="h", unit="us")
    when = pd.DatetimeIndex([published] * len(values)).as_unit("us")
    return pd.DataFrame({"timestamp": stamps, "price_per_kwh": values, "published_at": when})


def on_grid(series: pd.DataFrame | None = None, *, as_of: datetime = LATER, tariff: Tariff | None = None) -> PricesOnGrid:
    dynamic = a_tariff(import_price=DynamicPrice(series_id="de", factor=1.19, surcharge_per_kwh=0.15))
    named = {} if series is None else {"de": series}
    return prices_on(GRID, tariff=tariff or dynamic, series=named, holidays=frozenset(), as_of=as_of)


def test_a_fixed_tariff_is_its_own_price_and_known_long_ahead():
    prices = on_grid(tariff=a_tariff())
    assert prices.series_per_kwh[60:76].tolist() == [0.40] * 16
    assert prices.series_per_kwh[0] == 0.20
    assert (prices.export_per_kwh == 0.08).all()
    assert (prices.known_ahead_hours == FIXED_KNOWN_HOURS).all()


def test_a_dynamic_price_is_the_raw_series_with_its_publication():
    noon_before = START - timedelta(hours=12)
    prices = on_grid(announced([0.1, 0.2], published=noon_before))
    assert prices.series_per_kwh[:8].tolist() == [0.1] * 4 + [0.2] * 4
    assert np.isnan(prices.series_per_kwh[8:]).all()
    assert prices.known_ahead_hours[:8].tolist() == [12.0, 12.25, 12.5, 12.75, 13.0, 13.25, 13.5, 13.75]
    assert np.isnan(prices.known_ahead_hours[8:]).all()


def test_what_is_published_later_is_not_known_and_the_newest_known_word_counts():
    first = announced([0.1, 0.2], published=START - timedelta(hours=12))
    second = announced([0.5], published=START - timedelta(hours=1))
    both = pd.concat([second, first])
    assert on_grid(both, as_of=START - timedelta(hours=2)).series_per_kwh[0] == 0.1
    assert on_grid(both, as_of=START).series_per_kwh[0] == 0.5
    assert on_grid(both, as_of=START).known_ahead_hours[[0, 4]].tolist() == [1.0, 13.0]
    assert np.isnan(on_grid(both, as_of=START - timedelta(days=1)).series_per_kwh).all()


def test_a_step_of_several_prices_is_known_when_the_last_of_them_is():
    hourly = TimeGrid(start=START, step=timedelta(hours=1), count=1)
    parts = pd.concat(
        [
            announced([0.1], published=START - timedelta(hours=9)),
            announced([0.3], published=START - timedelta(hours=5), start=START + timedelta(minutes=30)),
        ]
    )
    tariff = a_tariff(import_price=DynamicPrice(series_id="de"))
    prices = prices_on(hourly, tariff=tariff, series={"de": parts}, holidays=frozenset(), as_of=LATER)
    np.testing.assert_allclose(prices.series_per_kwh, [0.2])
    assert prices.known_ahead_hours.tolist() == [5.0]


def test_without_a_tariff_or_its_series_nothing_is_known():
    for prices in (on_grid(), prices_on(GRID, tariff=None, series={}, holidays=frozenset(), as_of=LATER)):
        assert np.isnan(prices.series_per_kwh).all()
        assert np.isnan(prices.known_ahead_hours).all()
