"""`EdgeAnnouncements`: what a gateway says of its site and its prices."""

from datetime import timedelta

import pandas as pd
from pandas.testing import assert_frame_equal

from shared.domain.tariff import DynamicPrice
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
