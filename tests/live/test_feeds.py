"""Every public supplier once, over the real network: only where `DER_LIVE_FEEDS=1` asks for it, because they are other people's servers."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.domain.time import Interval
from shared.ports.origin import Freshness
from shared.runtime.resources import Resources
from shared.runtime.settings import RuntimeSettings, load

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(os.environ.get("DER_LIVE_FEEDS") != "1", reason="asks public servers; set DER_LIVE_FEEDS=1 to do so"),
]
NOW = datetime.now(UTC)
MIDNIGHT = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
YESTERDAY = Interval(start=MIDNIGHT - timedelta(days=2), end=MIDNIGHT - timedelta(days=1))
BERLIN = {"latitude": 52.52, "longitude": 13.41}


@pytest.fixture
def resources(tmp_path: Path) -> Iterator[Resources]:
    with Resources(load(RuntimeSettings, state_dir=tmp_path)) as opened:
        yield opened


@pytest.mark.parametrize(
    "series_id", ["energy-charts:DE-LU", "awattar:DE", "awattar:AT", "agile:AGILE-24-10-01:C", "entsoe:10Y1001A1001A82H"]
)
def test_prices_of_a_day_that_is_over_are_whole(resources: Resources, series_id: str):
    if series_id.startswith("entsoe") and "ENTSOE_TOKEN" not in os.environ:
        pytest.skip("ENTSO-E asks for a token: set ENTSOE_TOKEN")
    answer = resources.price_feed.read(series_id, interval=YESTERDAY, now=NOW)
    assert answer.origin.freshness is Freshness.FRESH
    assert answer.origin.problem is None
    assert answer.origin.attribution
    assert len(answer.prices) * answer.origin.resolution == timedelta(days=1)
    assert answer.prices["price_per_kwh"].between(-1.0, 5.0).all()


def test_the_weather_forecast_has_every_value(resources: Resources):
    answer = resources.weather_feed.forecast(**BERLIN, now=NOW)
    assert answer.rows["timestamp"].max() > NOW + timedelta(days=5)
    tomorrow = answer.rows[answer.rows["timestamp"].between(NOW, NOW + timedelta(days=1))]
    assert len(tomorrow) >= 24
    assert tomorrow.notna().all().all()


def test_the_weather_of_a_month_ago_is_whole(resources: Resources):
    month_ago = Interval(start=MIDNIGHT - timedelta(days=30), end=MIDNIGHT - timedelta(days=29))
    assert len(resources.weather_feed.observed(**BERLIN, interval=month_ago, now=NOW).rows) == 24


def test_what_was_forecast_then_is_there(resources: Resources):
    answer = resources.weather_feed.forecast_then(**BERLIN, interval=YESTERDAY, lead_days=1, now=NOW)
    assert answer.rows["ghi_w_m2"].notna().all()
    assert answer.rows["temperature_celsius"].notna().all()
