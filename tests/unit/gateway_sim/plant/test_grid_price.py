"""Prices: time of use, market, and when they are known."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway_sim.plant.equipment import Home, Supplier
from services.gateway_sim.plant.grid_price import known_until, price_at, price_list, published_at, whole_days
from shared.domain.tariff import hold_series
from shared.domain.time import Interval, TimeGrid, local_day

ZONES = ["America/Los_Angeles", "Asia/Kathmandu", "Australia/Lord_Howe", "Europe/Berlin"]
YEAR = Interval(start=datetime(2024, 1, 1, tzinfo=UTC), end=datetime(2025, 1, 1, tzinfo=UTC))


def test_without_volatility_the_price_is_that_of_its_period():
    home = Home(supplier=Supplier(volatility=0.0))
    price = price_at(home, TimeGrid.over(YEAR, timedelta(hours=1)).starts().astype(np.int64))
    np.testing.assert_array_equal(price.price_per_kwh, np.array([0.08, 0.15, 0.30])[price.period])


def test_volatility_spreads_prices_around_their_period_and_keeps_days_alike():
    instants = TimeGrid.over(YEAR, timedelta(hours=1)).starts().astype(np.int64)
    spreads = []
    for volatility in (0.05, 0.15, 0.4):
        price = price_at(Home(supplier=Supplier(volatility=volatility)), instants)
        relative = price.price_per_kwh / np.array([0.08, 0.15, 0.30])[price.period]
        assert abs(np.median(relative) - 1.0) < 0.15
        assert np.corrcoef(relative[1:], relative[:-1])[0, 1] > 0.4
        spreads.append(np.percentile(relative, 90) - np.percentile(relative, 10))
    assert spreads == sorted(spreads)


@pytest.mark.parametrize("zone", ZONES)
def test_announced_prices_hold_exactly_what_any_step_pays(zone: str):
    home = Home(timezone=zone)
    span = Interval(start=datetime(2024, 3, 29, tzinfo=UTC), end=datetime(2024, 4, 9, tzinfo=UTC))  # Lord Howe and Berlin change
    announced = price_list(home, whole_days(home, span))
    grid = TimeGrid.over(span, timedelta(minutes=5))
    held = hold_series(announced.timestamp, announced.price_per_kwh, grid)
    np.testing.assert_array_equal(held, price_at(home, grid.starts().astype(np.int64)).price_per_kwh)


@given(start=st.integers(0, 8000), length=st.integers(1, 100))
@settings(max_examples=30)
def test_a_price_does_not_depend_on_what_else_is_asked_for(start: int, length: int):
    instants = YEAR.start.timestamp() * 1e6 + np.arange(8100) * 3.6e9
    instants = instants.astype(np.int64)
    whole = price_at(Home(), instants)
    part = price_at(Home(), instants[start : start + length])
    np.testing.assert_array_equal(whole.price_per_kwh[start : start + length], part.price_per_kwh)
    np.testing.assert_array_equal(whole.carbon_intensity_g_kwh[start : start + length], part.carbon_intensity_g_kwh)


@pytest.mark.parametrize(("day", "hours"), [(date(2024, 3, 10), 23), (date(2024, 11, 3), 25), (date(2024, 6, 1), 24)])
def test_a_local_days_prices_are_as_many_as_its_hours_and_published_at_13_of_the_day_before(day: date, hours: int):
    zone = ZoneInfo("America/Los_Angeles")
    announced = price_list(Home(), local_day(day, zone))
    assert len(announced.timestamp) == hours
    moment = datetime.combine(day - timedelta(days=1), time(13), tzinfo=zone)
    assert set(announced.published_at.tolist()) == {moment.astimezone(UTC).replace(tzinfo=None)}


def test_tomorrow_is_known_from_13_local_time_on():
    home, zone = Home(), ZoneInfo("America/Los_Angeles")
    before = datetime(2024, 6, 15, 12, 59, tzinfo=zone)
    assert known_until(home, before) == datetime(2024, 6, 16, tzinfo=zone)
    assert known_until(home, before + timedelta(minutes=1)) == datetime(2024, 6, 17, tzinfo=zone)


@given(st.integers(0, 3 * 365 * 24 * 60))
def test_everything_known_now_was_published_by_now(minutes: int):
    now, home = datetime(2023, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes), Home()
    last_known = known_until(home, now) - timedelta(seconds=1)
    zone = ZoneInfo(home.timezone)
    stamp = np.datetime64(now.replace(tzinfo=None), "us")
    assert published_at(last_known.astimezone(zone).date(), zone) <= stamp
    assert published_at(known_until(home, now).astimezone(zone).date(), zone) > stamp


def test_carbon_moves_with_the_price_and_not_with_its_volatility():
    instants = TimeGrid.over(YEAR, timedelta(hours=1)).starts().astype(np.int64)
    calm, lively = (price_at(Home(supplier=Supplier(volatility=volatility)), instants) for volatility in (0.0, 0.15))
    np.testing.assert_array_equal(calm.carbon_intensity_g_kwh, lively.carbon_intensity_g_kwh)
    assert 0.4 < np.corrcoef(lively.carbon_intensity_g_kwh, lively.price_per_kwh)[0, 1] < 0.9


def test_carbon_is_lowest_under_the_sun_and_highest_in_the_evening():
    instants = TimeGrid.over(YEAR, timedelta(hours=1)).starts()
    local_hour = (instants.astype(np.int64) // 3_600_000_000 - 8) % 24
    carbon = price_at(Home(), instants.astype(np.int64)).carbon_intensity_g_kwh
    by_hour = [carbon[local_hour == hour].mean() for hour in range(24)]
    assert by_hour[12] < by_hour[3] < by_hour[19]
    assert abs(carbon.mean() - 380.0) < 40.0


def test_homes_of_one_region_pay_the_market_of_its_centre_to_the_last_bit():
    instants = TimeGrid.over(YEAR, timedelta(hours=1)).starts().astype(np.int64)
    one = Home(site_id="one", region="bay", region_centre=(37.8, -122.4), latitude=37.9, longitude=-122.5)
    other = replace(one, site_id="other", latitude=37.7, longitude=-122.3)
    np.testing.assert_array_equal(price_at(one, instants).price_per_kwh, price_at(other, instants).price_per_kwh)
    assert (price_at(replace(one, region="elsewhere"), instants).price_per_kwh != price_at(one, instants).price_per_kwh).mean() > 0.9


@pytest.mark.parametrize("level", [-100.0, 100.0])
def test_no_price_leaves_what_a_reading_may_hold(level: float):
    wild = Supplier(off_peak_price=level, shoulder_price=level, peak_price=level, volatility=1.0)
    price = price_at(Home(supplier=wild), TimeGrid.over(YEAR, timedelta(hours=1)).starts().astype(np.int64)).price_per_kwh
    assert np.abs(price).max() <= 1000.0


def test_no_instants_have_no_prices():
    assert len(price_at(Home(), np.zeros(0, dtype=np.int64)).price_per_kwh) == 0


def test_a_negative_price_stays_negative():
    home = replace(Home(), supplier=Supplier(off_peak_price=-0.05))
    price = price_at(home, TimeGrid.over(YEAR, timedelta(hours=1)).starts().astype(np.int64))
    assert (price.price_per_kwh[price.period == 0] <= 0.0).all()
