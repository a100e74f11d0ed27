"""Prices of public suppliers into the cloud store."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from structlog.testing import capture_logs

from services.sync.feeds import PriceFeedService
from services.sync.handlers import parts
from shared.adapters.clock import FixedClock
from shared.adapters.prices import price_feed
from shared.contracts.events import SyncWindowCompleted
from shared.domain.site import Site
from shared.domain.tariff import DynamicPrice
from shared.domain.time import Interval
from tests.factories import a_site, a_tariff
from tests.supplier_formats import energy_charts
from tests.supplier_server import Reply, Supplier, hasty, supplying, without_sleep
from tests.unit.sync.conftest import World

SERIES = "energy-charts:DE-LU"
NOW = datetime(2026, 3, 10, 15, tzinfo=UTC)
HOUR = timedelta(hours=1)
TOMORROW_ENDS = datetime(2026, 3, 11, 23, tzinfo=UTC)


class SettableClock:
    """A clock that stands where it is put."""

    moment = NOW

    def now(self) -> datetime:
        return self.moment

    def now_at(self, _site: Site) -> datetime:
        return self.moment


def market(until: datetime, *, start: datetime = datetime(2025, 1, 1, tzinfo=UTC)) -> pd.DataFrame:
    stamps = pd.date_range(start, until, freq="h", inclusive="left").as_unit("us")
    return pd.DataFrame({"timestamp": stamps, "price_per_kwh": [round(0.001 * (number % 200), 3) for number in range(len(stamps))]})


@pytest.fixture
def supplier() -> Iterator[Supplier]:
    with supplying(energy_charts(market(TOMORROW_ENDS))) as running:
        yield running


@pytest.fixture
def make(world: World, supplier: Supplier, tmp_path: Path) -> Iterator[Callable[[], PriceFeedService]]:
    with hasty() as asking:

        def service() -> PriceFeedService:
            feed = price_feed(
                asking,
                folder=tmp_path / "feeds",
                urls={"energy-charts": supplier.url},
                entsoe_token=None,
                files=tmp_path,
                sleep=without_sleep,
            )
            cloud = world.cloud
            return PriceFeedService(
                sites=cloud.sites, tariffs=cloud.tariffs, readings=cloud.readings, prices=cloud.prices, feed=lambda: feed
            )

        yield service


def move_in(world: World, site_id: str = "home", series_id: str = SERIES, **changes: object) -> None:
    world.cloud.sites.put(a_site(site_id))
    world.cloud.tariffs.put(
        site_id, a_tariff(import_price=DynamicPrice(series_id=series_id, factor=1.19, surcharge_per_kwh=0.15), **changes)
    )


def fetch(service: PriceFeedService, now: datetime = NOW):
    return service.fetch(now=now, now_at=lambda _site: now)


def stored(world: World, as_of: datetime | None = None) -> pd.DataFrame:
    ever = Interval(start=datetime(2020, 1, 1, tzinfo=UTC), end=datetime(2030, 1, 1, tzinfo=UTC))
    return world.cloud.prices.read(series_id=SERIES, interval=ever, as_of=as_of)


def test_a_series_that_a_tariff_names_comes_from_its_supplier(world, make):
    move_in(world)
    (done,) = fetch(make())
    assert (done.series_id, done.site_ids, done.problem) == (SERIES, ("home",), None)
    rows = stored(world)
    assert done.rows == len(rows)
    assert rows["timestamp"].iloc[-1] == TOMORROW_ENDS - HOUR
    assert rows["timestamp"].iloc[0] <= NOW - timedelta(days=34)
    assert rows.set_index("timestamp")["price_per_kwh"].equals(
        market(TOMORROW_ENDS).set_index("timestamp")["price_per_kwh"].loc[rows["timestamp"].iloc[0] :]
    )


def test_a_tariff_of_its_gateway_asks_nobody(world, make, supplier):
    move_in(world, series_id="home.import")
    assert fetch(make()) == []
    assert supplier.asked == []


def test_two_homes_share_one_series_and_one_question(world, make, supplier):
    move_in(world, "one")
    move_in(world, "two")
    (done,) = fetch(make())
    assert done.site_ids == ("one", "two")
    assert len(supplier.asked) == 1


def test_a_second_fetch_is_silent_and_writes_nothing(world, make, supplier):
    move_in(world)
    service = make()
    fetch(service)
    asked = len(supplier.asked)
    assert fetch(service, NOW + timedelta(minutes=5))[0].rows == 0
    assert len(supplier.asked) == asked


def test_prices_seen_before_their_day_are_known_since_then_and_older_ones_since_their_publication(world, make):
    move_in(world)
    fetch(make())
    rows = stored(world).set_index("timestamp")["published_at"]
    assert rows[pd.Timestamp(TOMORROW_ENDS - HOUR)] == NOW
    assert rows[pd.Timestamp("2026-03-10T12:00Z")] == pd.Timestamp("2026-03-09T12:00Z")
    assert stored(world, as_of=NOW - HOUR)["timestamp"].iloc[-1] == pd.Timestamp("2026-03-10T22:00Z")


def test_tomorrow_is_asked_for_from_one_o_clock_until_it_is_there(world, make, supplier):
    today = datetime(2026, 3, 10, 23, tzinfo=UTC)
    supplier.answer = energy_charts(market(today))
    move_in(world)
    service, moments = make(), {}
    for minutes in (0, *range(120, 240, 5)):
        now = datetime(2026, 3, 10, 9, 30, tzinfo=UTC) + timedelta(minutes=minutes)
        if now >= datetime(2026, 3, 10, 13, 0, tzinfo=UTC):
            supplier.answer = energy_charts(market(TOMORROW_ENDS))
        before = len(supplier.asked)
        fetch(service, now)
        if len(supplier.asked) > before:
            moments[now] = len(supplier.asked) - before
    clock = [f"{moment:%H:%M}" for moment in moments]
    assert clock[0] == "09:30"
    assert clock[1:] == ["12:00", "12:10", "12:20", "12:30", "12:40", "12:50", "13:00"]
    assert stored(world)["timestamp"].iloc[-1] == TOMORROW_ENDS - HOUR


def test_a_correction_is_stored_beside_what_was_known_before(world, make, supplier):
    move_in(world)
    service = make()
    fetch(service)
    corrected = market(TOMORROW_ENDS)
    corrected.loc[corrected["timestamp"] == TOMORROW_ENDS - HOUR, "price_per_kwh"] = 0.777
    supplier.answer = energy_charts(corrected)
    later = NOW + timedelta(hours=7)
    assert fetch(service, later)[0].rows == 1
    assert stored(world)["price_per_kwh"].iloc[-1] == 0.777
    assert stored(world, as_of=NOW)["price_per_kwh"].iloc[-1] != 0.777


def test_a_supplier_that_is_away_is_told_once_and_so_is_its_return(world, make, supplier):
    move_in(world)
    back, supplier.answer = supplier.answer, lambda _question: Reply(status=503)
    clock = SettableClock()
    handlers = parts(world.service(), clock=clock, interval=HOUR, feeds=make())
    (timer,) = [timer for timer in handlers.timers if timer.name == "sync.prices"]
    with capture_logs() as lines:
        for minutes in range(0, 30, 5):
            clock.moment = NOW + timedelta(minutes=minutes)
            if minutes == 15:
                supplier.answer = back
            timer.step()
    assert [line["event"] for line in lines] == [
        "no newer prices; the last known stay in use and it is tried again",
        "prices fetched",
        "prices are to be had again",
    ]
    assert "503" in lines[0]["error"]


def test_a_refused_series_is_asked_again_after_an_hour(world, make, supplier):
    move_in(world, series_id="energy-charts:XX")
    service = make()
    assert "no such bidding zone" in fetch(service)[0].problem
    fetch(service, NOW + timedelta(minutes=55))
    assert len(supplier.asked) == 1
    fetch(service, NOW + timedelta(minutes=60))
    assert len(supplier.asked) == 2


def test_a_tariff_in_another_currency_is_told_and_nothing_is_stored(world, make):
    move_in(world, currency="GBP")
    (done,) = fetch(make())
    assert "'home' is 'GBP': series energy-charts:DE-LU is in EUR" in done.problem
    assert stored(world).empty


def test_a_file_outside_the_folder_of_prices_is_not_read(world, make, tmp_path):
    (tmp_path.parent / "outside.csv").write_text("timestamp,price_per_kwh\n2026-03-10T12:00:00Z,0.1\n")
    move_in(world, series_id="file:../outside.csv")
    (done,) = fetch(make())
    assert "must name a file inside" in done.problem


def test_what_an_outage_left_out_comes_in_later(world, make, supplier):
    move_in(world)
    whole = supplier.answer
    supplier.answer = lambda _question: Reply(status=500)
    service = make()
    assert "answered 500" in fetch(service)[0].problem
    supplier.answer = whole
    (done,) = fetch(service, NOW + timedelta(minutes=5))
    assert done.problem is None
    assert stored(world)["timestamp"].iloc[0] <= NOW - timedelta(days=34)


def test_new_prices_announce_their_sites(world, make):
    move_in(world)
    handlers = parts(world.service(), clock=FixedClock(NOW), interval=HOUR, feeds=make())
    (timer,) = [timer for timer in handlers.timers if timer.name == "sync.prices"]
    assert timer.step() == [SyncWindowCompleted(site_id="home", start=NOW, end=NOW, accepted=0, rejected=0)]
    assert timer.step() == []
