"""Weather of a public supplier into the cloud store."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from structlog.testing import capture_logs

from services.sync.feeds import WeatherFeedService
from services.sync.handlers import parts
from shared.adapters.weather import open_meteo_service
from shared.contracts.events import SyncWindowCompleted
from shared.domain.place import Place
from shared.domain.time import Interval
from tests.factories import a_site, readings
from tests.supplier_formats import open_meteo
from tests.supplier_server import Reply, Supplier, hasty, supplying, without_sleep
from tests.unit.sync.conftest import World
from tests.unit.sync.test_feeds import SettableClock

NOW = datetime(2026, 3, 10, 15, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BERLIN = Place(latitude=52.52, longitude=13.41)
EVER = Interval(start=datetime(2015, 1, 1, tzinfo=UTC), end=datetime(2030, 1, 1, tzinfo=UTC))


def sky(start: datetime, *, days: int = 30) -> pd.DataFrame:
    stamps = pd.date_range(start, periods=24 * days, freq="h").as_unit("us")
    hours = np.arange(len(stamps))
    return pd.DataFrame({"timestamp": stamps, "temperature_celsius": 0.01 * hours, "ghi_w_m2": 10.0 * (hours % 24)})


@pytest.fixture
def supplier() -> Iterator[Supplier]:
    with supplying(open_meteo(sky(datetime(2026, 3, 10, tzinfo=UTC)))) as running:
        yield running


@pytest.fixture
def make(world: World, supplier: Supplier, tmp_path: Path) -> Iterator[Callable[[], WeatherFeedService]]:
    with hasty() as asking:

        def service() -> WeatherFeedService:
            feed = open_meteo_service(asking, folder=tmp_path / "feeds", urls={"open-meteo": supplier.url}, key=None, sleep=without_sleep)
            cloud = world.cloud
            return WeatherFeedService(sites=cloud.sites, readings=cloud.readings, weather=cloud.weather, feed=lambda: feed)

        yield service


def move_in(world: World, site_id: str = "home", **changes: object) -> None:
    world.cloud.sites.put(a_site(site_id, latitude=52.5163, longitude=13.4098, **changes))


def fetch(service: WeatherFeedService, now: datetime = NOW, site_now: datetime | None = None):
    return service.fetch(now=now, now_at=lambda _site: site_now or now)


def asked(supplier: Supplier) -> list[str]:
    """Of each question the lead that its variables name, and from which day on."""
    return [
        f"{question.query['hourly'].split(',')[0].partition('2m')[2]} {question.query.get('start_date', 'ahead')}".strip()
        for question in supplier.asked
    ]


def test_a_site_with_a_place_gets_the_forecast_of_the_coming_days(world, make):
    move_in(world)
    (done,) = fetch(make())
    rows = world.cloud.weather.read(place=BERLIN, interval=EVER)
    assert (done.place, done.site_ids, done.rows, done.problem) == (BERLIN, ("home",), len(rows), None)
    assert rows["timestamp"].iloc[0] == NOW.replace(minute=0)
    assert rows["timestamp"].iloc[-1] == (NOW + 4 * DAY).replace(minute=0)
    assert (rows["issued_at"] == NOW).all()
    assert rows["temperature_celsius"].iloc[0] == pytest.approx(0.01 * 15)


def test_sites_without_a_place_and_places_that_were_just_asked_about_ask_nobody(world, make, supplier):
    world.cloud.sites.put(a_site("nowhere", latitude=None, longitude=None))
    service = make()
    assert fetch(service) == []
    move_in(world, "one")
    move_in(world, "two")
    (done,) = fetch(service)
    assert done.site_ids == ("one", "two")
    assert [place.rows for place in fetch(service, NOW + 5 * timedelta(minutes=1))] == [0]
    assert asked(supplier) == ["ahead"]


def test_a_new_forecast_adds_what_it_changed_and_what_was_known_then_stays(world, make, supplier):
    move_in(world)
    service = make()
    fetch(service)
    changed = sky(datetime(2026, 3, 10, tzinfo=UTC))
    changed.loc[changed["timestamp"] == datetime(2026, 3, 12, tzinfo=UTC), "ghi_w_m2"] = 777.0
    supplier.answer = open_meteo(changed)
    later = NOW + timedelta(hours=3)
    (done,) = fetch(service, later)
    assert done.rows == 3 + 1  # hours that came into reach, and the changed one
    read = lambda as_of: world.cloud.weather.read(place=BERLIN, interval=EVER, as_of=as_of).set_index("timestamp")["ghi_w_m2"]  # noqa: E731
    assert read(NOW)[pd.Timestamp("2026-03-12T00:00Z")] == 0.0
    assert read(later)[pd.Timestamp("2026-03-12T00:00Z")] == 777.0


def test_the_past_of_a_home_gets_what_was_forecast_of_it_one_two_and_three_days_before(world, make, supplier):
    start = NOW.replace(minute=0) - 5 * DAY
    supplier.answer = open_meteo(sky(datetime(2026, 3, 1, tzinfo=UTC)))
    move_in(world)
    world.cloud.readings.upsert(readings(site_id="home", start=start, hours=48), stored_at=NOW)
    fetch(make())
    assert asked(supplier) == ["ahead", *(f"_previous_day{lead} 2026-03-05" for lead in (1, 2, 3))]
    for lead, hours_ahead in ((1, 15), (2, 39), (3, 63)):
        rows = world.cloud.weather.read(place=BERLIN, interval=Interval(start=start, end=NOW - 2 * HOUR), ahead=hours_ahead * HOUR)
        assert ((rows["timestamp"] - rows["issued_at"]) == pd.Timedelta(hours=hours_ahead)).all(), lead
        assert len(rows) >= 24 * 5 - 2


def test_a_restart_fills_nothing_again(world, make, supplier):
    test_the_past_of_a_home_gets_what_was_forecast_of_it_one_two_and_three_days_before(world, make, supplier)
    before = world.cloud.weather.extent(place=BERLIN)
    fetch(make(), NOW + 5 * timedelta(minutes=1))
    assert world.cloud.weather.extent(place=BERLIN) == before


def test_a_home_of_long_ago_gets_the_weather_as_it_was_known_only_after_its_time(world, make, supplier):
    start = datetime(2018, 5, 1, tzinfo=UTC)
    supplier.answer = open_meteo(sky(start - DAY))
    move_in(world, live=False)
    world.cloud.readings.upsert(readings(site_id="home", start=start, hours=72), stored_at=NOW)
    (done,) = fetch(make(), site_now=start + 3 * DAY)
    rows = world.cloud.weather.read(place=BERLIN, interval=EVER)
    assert asked(supplier) == ["2018-05-01"]
    assert done.rows == len(rows) == 5 * 24
    assert (rows["issued_at"] - rows["timestamp"] == pd.Timedelta(days=7)).all()


def test_a_supplier_that_is_away_leaves_the_last_known_and_is_told_once_and_so_is_its_return(world, make, supplier):
    move_in(world)
    clock = SettableClock()
    handlers = parts(world.service(), clock=clock, interval=HOUR, weather=make())
    (timer,) = [timer for timer in handlers.timers if timer.name == "sync.weather"]
    good = supplier.answer
    with capture_logs() as lines:
        for minutes in range(0, 240, 5):
            clock.moment = NOW + timedelta(minutes=minutes)
            supplier.answer = good if not 180 <= minutes < 210 else lambda _question: Reply(status=503)
            said = timer.step()  # at 180 hours of the kept forecast have come into reach
            assert [type(event) for event in said] == ([SyncWindowCompleted] if minutes in {0, 180} else [])
            assert len(world.cloud.weather.read(place=BERLIN, interval=EVER, as_of=clock.moment)) >= 24 * 4
    assert [line["event"] for line in lines] == [
        "weather fetched",
        "weather fetched",
        "no newer weather; the last known stays in use and it is tried again",
        "weather is to be had again",
    ]
    assert "503" in lines[2]["error"]


def test_a_refusal_is_told_and_asked_again_after_an_hour(world, make, supplier):
    move_in(world)
    service = make()
    supplier.answer = lambda _question: Reply(status=400, body=b'{"error": true, "reason": "no such place"}')
    assert "400" in fetch(service)[0].problem
    assert "400" in fetch(service, NOW + timedelta(minutes=55))[0].problem
    assert len(supplier.asked) == 1
    fetch(service, NOW + timedelta(minutes=60))
    assert len(supplier.asked) == 2


def test_a_round_asks_about_a_few_places_and_the_next_about_others(world, make, supplier):
    for number in range(13):
        world.cloud.sites.put(a_site(f"home-{number:02}", latitude=50.0 + 0.01 * number, longitude=10.0))
    service = make()
    assert sum(place.rows > 0 for place in fetch(service)) == 10
    assert sum(place.rows > 0 for place in fetch(service)) == 3
    assert len(supplier.asked) == 13
