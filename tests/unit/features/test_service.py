"""Building, refreshing and looking at feature tables, on real stores."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import numpy as np
import pandas as pd
import pytest

from services.features.service import HORIZON, STEP
from shared.domain.errors import InvalidValueError
from shared.domain.place import Place
from shared.domain.reading import Quality
from shared.domain.site import Site, SolarSpec
from shared.domain.tariff import DynamicPrice, TimeOfUsePrice, TouPeriod
from shared.domain.time import Interval
from shared.ports.errors import NotFoundError
from tests.contract.test_weather_store import weather
from tests.factories import NOON, a_site, a_tariff, readings
from tests.unit.features.conftest import World

START = datetime(2024, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
NOW = START + 20 * DAY
ALWAYS = Interval(start=START - 3650 * DAY, end=START + 3650 * DAY)
HISTORY = readings(start=START, hours=20 * 24, step=HOUR)
HOURLY = a_site(resolution=HOUR)
DYNAMIC = a_tariff(import_price=DynamicPrice(series_id="de"))


def settle(world: World, site: Site = HOURLY, rows: pd.DataFrame = HISTORY) -> None:
    world.cloud.sites.put(site)
    world.cloud.tariffs.put(site.site_id, a_tariff(holiday_calendar="DE-BW"))
    world.cloud.readings.upsert(rows, stored_at=NOW)


def stored(world: World, site_id: str = "home") -> pd.DataFrame:
    return world.cloud.features.read(site_id=site_id, catalog_version=None, interval=ALWAYS)


def same(left: pd.DataFrame, right: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(left, right, rtol=1e-9, atol=1e-9)


def test_a_build_writes_every_step_from_the_first_reading_to_49_hours_ahead(world: World):
    settle(world)
    result = world.service().build(site_id="home", now=NOW)
    assert result.interval == Interval(start=START, end=NOW + HORIZON)
    assert result.rows == 20 * 24 + 49
    table = stored(world)
    assert len(table) == result.rows
    assert table["load_kw"].notna().sum() == 20 * 24
    assert table["price_per_kwh"].notna().all()
    assert table.set_index("timestamp")["is_holiday"][pd.Timestamp("2024-05-09 12:00", tz="UTC")] == 1.0, "Ascension Day"
    progress = world.cloud.progress.get(step=STEP, site_id="home")
    assert progress is not None
    assert (progress.watermark, progress.updated_at, progress.rows) == (NOW, NOW, result.rows)


def test_a_build_reaches_as_far_back_as_it_is_asked_to(world: World):
    settle(world)
    result = world.service().build(site_id="home", now=NOW, lookback=3 * DAY)
    assert result.interval.start == NOW - 3 * DAY
    row = stored(world).iloc[0]
    assert row[["load_mean_7d_hour_kw", "load_mean_24h_kw"]].notna().all(), "what lies before it is context"


def test_a_refresh_writes_what_is_recent_and_ahead_alone(world: World):
    settle(world)
    service = world.service()
    service.build(site_id="home", now=NOW)
    world.cloud.readings.upsert(readings(start=NOW, hours=1, step=HOUR), stored_at=NOW + HOUR)
    result = service.refresh(site_id="home", now=NOW + HOUR)
    assert result.interval == Interval(start=NOW + HOUR - 2 * DAY, end=NOW + HOUR + HORIZON)
    refreshed = stored(world)
    service.build(site_id="home", now=NOW + HOUR)
    same(refreshed, stored(world))
    assert refreshed["load_kw"].notna().sum() == 20 * 24 + 1


@pytest.mark.parametrize("late_hours", [slice(100, 130), slice(5, 6), slice(470, 480)])
def test_late_rows_make_again_what_depends_on_them_and_the_table_is_as_if_they_had_been_in_time(world: World, late_hours: slice):
    late = HISTORY.iloc[late_hours]
    settle(world, rows=HISTORY.drop(index=late.index))
    service = world.service()
    service.build(site_id="home", now=NOW)
    world.cloud.readings.upsert(late, stored_at=NOW + HOUR)
    service.refresh(site_id="home", now=NOW)
    refreshed = stored(world)
    service.build(site_id="home", now=NOW)
    same(refreshed, stored(world))


def test_very_late_rows_do_not_make_the_whole_table_again(world: World):
    history = readings(start=NOW - 90 * DAY, hours=90 * 24, step=HOUR)
    settle(world, rows=history.drop(index=range(10, 15)))
    service = world.service()
    whole = service.build(site_id="home", now=NOW)
    world.cloud.readings.upsert(history.iloc[10:15], stored_at=NOW + HOUR)
    result = service.refresh(site_id="home", now=NOW)
    assert result.rows < 0.6 * whole.rows
    refreshed = stored(world)
    service.build(site_id="home", now=NOW)
    same(refreshed, stored(world))


def test_the_first_refresh_is_a_build_of_the_lookback(world: World):
    settle(world)
    assert world.service(lookback=5 * DAY).refresh(site_id="home", now=NOW).interval.start == NOW - 5 * DAY


def test_after_a_long_silence_no_step_is_left_out(world: World):
    settle(world)
    service = world.service()
    service.build(site_id="home", now=NOW)
    service.refresh(site_id="home", now=NOW + 10 * DAY)
    table = stored(world)
    assert len(table) == 30 * 24 + 49
    silent = table[(table["timestamp"] >= NOW) & (table["timestamp"] < NOW + 10 * DAY)]
    assert silent["load_kw"].isna().all()
    assert (silent["quality"] == 0).all()


def test_another_array_makes_the_whole_table_again(world: World):
    settle(world)
    service = world.service()
    service.build(site_id="home", now=NOW)
    before = stored(world)["clear_sky_kw"]
    world.cloud.sites.put(replace(HOURLY, solar=SolarSpec(capacity_kw=5.0)))
    assert service.refresh(site_id="home", now=NOW).interval.start == START
    np.testing.assert_allclose(stored(world)["clear_sky_kw"], before / 2)


def test_prices_published_since_the_last_build_appear(world: World):
    settle(world)
    world.cloud.tariffs.put("home", DYNAMIC)
    service = world.service()
    service.build(site_id="home", now=NOW)
    assert stored(world)["price_per_kwh"].isna().all()
    stamps = pd.date_range(NOW, periods=24, freq="h", unit="us")
    published = pd.DatetimeIndex([NOW + HOUR] * 24).as_unit("us")
    world.cloud.prices.put("de", pd.DataFrame({"timestamp": stamps, "price_per_kwh": 0.3, "published_at": published}))
    service.refresh(site_id="home", now=NOW)
    assert stored(world)["price_per_kwh"].isna().all(), "published later than now"
    service.refresh(site_id="home", now=NOW + HOUR)
    assert stored(world)["price_per_kwh"].notna().sum() == 24


def test_a_site_without_readings_gets_what_is_known_ahead(world: World):
    world.cloud.sites.put(HOURLY)
    result = world.service().refresh(site_id="home", now=NOW)
    assert (result.rows, result.interval.start) == (49, NOW)
    assert stored(world)["hour_sin"].notna().all()


def test_an_unknown_site_is_named_with_those_that_are_known(world: World):
    settle(world)
    with pytest.raises(NotFoundError, match=r"site 'hom' is not in the cloud store \(known: home\)"):
        world.service().build(site_id="hom", now=NOW)


def test_a_failure_is_noted_in_the_status_until_the_table_is_made_again(world: World):
    settle(world)
    world.cloud.tariffs.put("home", a_tariff(holiday_calendar="ZZ"))
    with pytest.raises(InvalidValueError, match="ZZ") as failure:
        world.service().refresh_noting(site_id="home", now=NOW)
    assert world.service().status(site_id="home")[0].last_error == str(failure.value)
    world.cloud.tariffs.put("home", a_tariff())
    assert world.service().refresh_noting(site_id="home", now=NOW).rows > 0
    assert world.service().status(site_id="home")[0].last_error is None


def test_status_tells_rows_period_quality_and_what_waits(world: World):
    settle(world)
    service = world.service()
    (empty,) = service.status()
    assert (empty.rows, empty.interval, empty.built_at, empty.good_share) == (0, None, None, None)
    assert empty.pending is not None
    service.build(site_id="home", now=NOW)
    (state,) = service.status()
    assert (state.rows, state.built_at, state.pending, state.good_share) == (20 * 24 + 49, NOW, None, 1.0)
    world.cloud.readings.upsert(readings(start=NOW, hours=1, step=HOUR), stored_at=NOW + HOUR)
    (waiting,) = service.status()
    assert waiting.pending is not None
    assert waiting.pending.start == NOW


def test_weather_that_comes_later_makes_the_rows_of_its_time_again_and_the_status_tells_its_issue(world):
    world.cloud.sites.put(a_site("home"))
    rows = readings(site_id="home", start=NOON - timedelta(days=10), hours=24 * 10)
    world.cloud.readings.upsert(rows, stored_at=NOON)
    service = world.service()
    service.refresh(site_id="home", now=NOON)
    place = Place.of(a_site("home"))
    world.cloud.weather.put(place, weather([12.0] * 48, start=NOON - timedelta(days=8), issued_at=NOON - timedelta(days=10)))
    service.refresh(site_id="home", now=NOON)
    early = Interval(start=NOON - timedelta(days=8), end=NOON - timedelta(days=7))
    built = world.cloud.features.read(site_id="home", catalog_version=None, interval=early)
    assert (built["temperature_celsius"] == 12.0).all()
    assert (built["weather_is_perfect"] == 0.0).all()
    assert service.status()[0].weather_issued_at == NOON - timedelta(days=10)


def test_holidays_of_the_country_are_no_holidays_of_a_tariff_that_names_no_calendar(world):
    world.cloud.sites.put(a_site("home"))
    workday = TouPeriod(name="workday", price_per_kwh=0.5, start=time(6), end=time(22), holidays=False)
    world.cloud.tariffs.put("home", a_tariff(import_price=TimeOfUsePrice(periods=(workday,), default_price_per_kwh=0.1)))
    labour_day = datetime(2024, 5, 1, 10, tzinfo=UTC)
    world.service().build(site_id="home", now=labour_day)
    rows = world.cloud.features.read(site_id="home", catalog_version=None, interval=Interval(start=labour_day, end=labour_day + HOUR))
    assert (rows["is_holiday"] == 1.0).all()
    assert (rows["price_per_kwh"] == 0.5).all()


def test_late_rows_make_their_windows_again_once(world: World):
    history = readings(start=NOW - 90 * DAY, hours=90 * 24, step=HOUR)
    settle(world, rows=history.drop(index=range(10, 15)))
    service = world.service()
    service.build(site_id="home", now=NOW)
    usual = service.refresh(site_id="home", now=NOW)
    world.cloud.readings.upsert(history.iloc[10:15], stored_at=NOW + HOUR)
    first, again = (service.refresh(site_id="home", now=NOW) for _ in range(2))
    assert first.rows > usual.rows
    assert first.interval.start == NOW - 90 * DAY + 10 * HOUR
    assert again == usual
    world.cloud.readings.upsert(history.iloc[10:15], stored_at=NOW + 2 * HOUR)
    assert service.refresh(site_id="home", now=NOW) == usual, "the same rows again are not late"


def test_many_sites_are_refreshed_together_as_each_would_be_alone(world: World):
    coarse, elsewhere = a_site("coarse", resolution=HOUR), a_site("elsewhere", resolution=HOUR, timezone="Asia/Tokyo")
    sites = [a_site("one", resolution=timedelta(minutes=30)), a_site("two", resolution=timedelta(minutes=30)), coarse, elsewhere]
    start = NOW - 10 * DAY
    for seed, site in enumerate([*sites, a_site("empty", resolution=HOUR)]):
        world.cloud.sites.put(site)
        if site.site_id != "empty":
            rows = readings(site_id=site.site_id, start=start, hours=240, step=timedelta(minutes=30), seed=seed)
            world.cloud.readings.upsert(rows, stored_at=NOW)
    world.cloud.tariffs.put("two", a_tariff(holiday_calendar="DE-BW"))
    world.cloud.weather.put(Place.of(sites[0]), weather([12.0] * 24 * 12, start=start, issued_at=start - 2 * DAY))
    late = NOW + timedelta(microseconds=1)  # clocks are read one after the other
    nows = {site.site_id: late if site is coarse else NOW for site in world.cloud.sites.list()}
    together = {table.site_id: table for table in world.service().refresh_many(nows)}
    tables = {site_id: stored(world, site_id) for site_id in nows}
    assert sorted(together) == sorted(nows)
    for site_id in nows:
        alone = world.service().build(site_id=site_id, now=NOW)
        assert together[site_id] == alone
        same(tables[site_id], stored(world, site_id))
    again = world.service().refresh_many({"one": NOW, "coarse": NOW})
    assert {table.site_id: table.interval.start for table in again} == {"one": NOW - 2 * DAY, "coarse": NOW - 2 * DAY}


def test_status_counts_the_flagged_steps_of_the_last_week(world: World):
    rows = HISTORY.copy()
    rows.loc[rows.index[-30:-27], "total_load_kw"] = 900.0
    rows.loc[rows.index[-20], "quality"] = int(Quality.IMBALANCE)
    rows.loc[rows.index[3], "quality"] = int(Quality.IMBALANCE)
    settle(world, rows=rows)
    service = world.service()
    assert service.status()[0].flagged == {}
    service.build(site_id="home", now=NOW)
    assert service.status()[0].flagged == {Quality.SPIKE: 3, Quality.IMBALANCE: 1}
