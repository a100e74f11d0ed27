from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecasting import price
from forecasting.lear import lear
from forecasting.price import GERMAN, MARKETS, evaluate_price, price_series
from services.forecaster.model.price_days import price_days

DAYS = 140


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Prices of a market that follows wind, which is told in its second half alone."""
    rng = np.random.default_rng(3)
    stamps = pd.date_range("2024-01-07T23:00", periods=24 * DAYS, freq="h", tz="UTC", unit="us")
    wind = np.repeat(rng.normal(size=DAYS), 24)
    values = 0.1 + 0.02 * np.sin(np.arange(len(stamps)) / 12 * np.pi) - 0.02 * wind + 0.002 * rng.normal(size=len(stamps))
    told = np.where(np.arange(len(stamps)) < 24 * 10, np.nan, wind)
    file = tmp_path / GERMAN
    file.parent.mkdir()
    pd.DataFrame({"timestamp": stamps, "price_per_kwh": values} | dict.fromkeys(price.WEATHER, told)).to_parquet(file)
    return tmp_path


def test_a_folder_without_prices_gives_no_row(tmp_path):
    assert evaluate_price(tmp_path, quick=True) == []


def test_tomorrow_is_not_known_at_noon_and_is_an_hour_later(folder):
    series = price_series(folder / GERMAN, MARKETS[1])
    days = price_days(series)
    midnight = int(np.searchsorted(days.day, 100))
    assert list(series.known_at(np.array([midnight - 12, midnight - 11]))) == [midnight, midnight + 24]


def test_a_year_of_local_time_has_its_days_of_23_hours(folder):
    days = price_days(price_series(folder / GERMAN, MARKETS[1]))
    assert list(np.flatnonzero(np.bincount(days.day) == 23)) == [83]


def test_the_reference_finds_what_moves_tomorrow_and_reads_nothing_after():
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(1)
    wind = np.repeat(rng.normal(size=(90, 1)), 24, axis=1)
    prices = 50 + 5 * np.sin(np.arange(24) / 12 * np.pi) - 8 * wind + rng.normal(size=(90, 24))
    weekday, asked = np.arange(90) % 7, np.arange(85, 88)
    said = lear(prices, wind[:, :, None], weekday, asked, windows=(56, 80))
    assert np.abs(said - prices[asked]).mean() < 2.0
    later = prices.copy()
    later[87:] = 1e3
    np.testing.assert_array_equal(lear(later, wind[:, :, None], weekday, asked, windows=(56, 80)), said)


def test_the_price_model_is_judged_on_days_that_it_had_not_seen(folder):
    market = next(each for each in MARKETS if each.columns == price.WEATHER)
    series = price_series(folder / GERMAN, market)
    row = price.ours(market.title, series, market.columns, np.arange(DAYS - 14, DAYS), 0.02)
    assert row.relative_mae == row.mae / 0.02
    assert row.mae < 0.008
    assert 0.0 < row.pinball < row.mae
    assert 0.0 <= row.coverage <= 1.0
