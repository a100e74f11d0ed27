"""`EdgeAnnouncements`: what a gateway says of its site and its prices."""

from datetime import time, timedelta

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from shared.domain.tariff import DynamicPrice, TimeOfUsePrice, TouPeriod
from shared.domain.time import Interval
from tests.contract.implementations import ANNOUNCEMENTS, fixtures_of
from tests.factories import NOON, a_battery, a_site, a_tariff

opened, store = fixtures_of(ANNOUNCEMENTS)

HOUR = timedelta(hours=1)
EVER = Interval(start=NOON - 1000 * HOUR, end=NOON + 1000 * HOUR)


def prices(values: list[float], *, published_at=NOON, start=NOON) -> pd.DataFrame:
    stamps = pd.date_range(start, periods=len(values), freq="h", unit="us")
    frame = pd.DataFrame({"timestamp": stamps, "price_per_kwh": values})
    return frame.assign(published_at=pd.Series([published_at] * len(values), dtype="datetime64[us, UTC]"))


def test_a_site_is_announced_with_its_tariff(store):
    site, tariff = a_site("b", live=False), a_tariff(import_price=DynamicPrice(series_id="epex", floor_per_kwh=-0.1))
    store.announce_site(site, tariff)
    store.announce_site(a_site("a"), a_tariff())
    assert store.sites() == [(a_site("a"), a_tariff()), (site, tariff)]


def test_a_later_announcement_replaces_the_first(store):
    store.announce_site(a_site(), a_tariff())
    bigger = a_site(battery=a_battery(capacity_kwh=20.0))
    store.announce_site(bigger, a_tariff(currency="USD"))
    assert store.sites() == [(bigger, a_tariff(currency="USD"))]


def test_a_tariff_of_any_length_comes_back_whole_and_a_shorter_one_after_it(store):
    names = [f'"{n}" \\ ' + 50 * "ü" for n in range(200)]
    periods = tuple(TouPeriod(name=name, price_per_kwh=0.4, start=time(n % 23), end=time(n % 23 + 1)) for n, name in enumerate(names))
    prices = TimeOfUsePrice(periods=periods, default_price_per_kwh=0.2)
    long = a_tariff(import_price=prices, export_price=prices)
    store.announce_site(a_site(), long)
    assert store.sites() == [(a_site(), long)]
    store.announce_site(a_site(), a_tariff())
    assert store.sites() == [(a_site(), a_tariff())]


@pytest.mark.parametrize("series_id", ["energy-charts:DE-LU", "home one,two=three", "50%\\"])
def test_a_series_may_have_any_name(store, series_id):
    store.announce_prices(series_id, prices([0.1]))
    assert_frame_equal(store.prices(series_id=series_id, interval=EVER), prices([0.1]))
    assert store.prices(series_id="another", interval=EVER).empty


def test_a_price_that_became_missing_does_not_come_back(store):
    store.announce_prices("epex", prices([0.1]))
    store.announce_prices("epex", prices([float("nan")]))
    assert_frame_equal(store.prices(series_id="epex", interval=EVER), prices([float("nan")]))


def test_prices_are_upserted_by_their_times(store):
    assert store.announce_prices("epex", prices([0.1, float("nan"), -0.3])) == 3
    store.announce_prices("epex", prices([0.1, float("nan"), -0.2]))
    store.announce_prices("other", prices([9.0]))
    assert_frame_equal(store.prices(series_id="epex", interval=EVER), prices([0.1, float("nan"), -0.2]))


def test_an_earlier_publication_is_kept(store):
    store.announce_prices("epex", prices([0.2], published_at=NOON + HOUR))
    store.announce_prices("epex", prices([0.1], published_at=NOON))
    assert store.prices(series_id="epex", interval=EVER)["price_per_kwh"].tolist() == [0.1, 0.2]


def test_an_interval_of_prices_is_half_open(store):
    store.announce_prices("epex", prices([0.1, 0.2, 0.3]))
    assert store.prices(series_id="epex", interval=Interval(start=NOON, end=NOON + 2 * HOUR))["price_per_kwh"].tolist() == [0.1, 0.2]


def test_announcements_are_there_after_a_restart(opened):
    with opened() as first:
        first.announce_site(a_site(), a_tariff())
        first.announce_prices("epex", prices([0.1]))
    with opened() as second:
        assert second.sites() == [(a_site(), a_tariff())]
        assert_frame_equal(second.prices(series_id="epex", interval=EVER), prices([0.1]))
