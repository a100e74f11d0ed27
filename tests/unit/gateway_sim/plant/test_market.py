"""The market: what a lively and a wild one look like, and that every hour is its own."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway_sim.plant.equipment import Home, Supplier
from services.gateway_sim.plant.grid_price import price_at
from services.gateway_sim.plant.market import HIGHEST_FACTOR, LOWEST_FACTOR, market_at
from services.gateway_sim.plant.noise import HOUR_US, Floats
from services.gateway_sim.plant.weather import fronts_at
from shared.domain.time import local_clock, zone

YEARS_US = np.datetime64("2022-01-01", "us").astype(np.int64) + np.arange(3 * 365 * 24) * HOUR_US
HOMES = [
    Home(),
    Home(site_id="hof", timezone="Europe/Berlin", latitude=50.1, longitude=8.7),
    Home(site_id="farm", timezone="Australia/Sydney", latitude=-33.9, longitude=151.2),
]
each_home = pytest.mark.parametrize("home", HOMES, ids=lambda home: home.timezone)


def lag(values: Floats, hours: int) -> float:
    return float(np.corrcoef(values[hours:], values[:-hours])[0, 1])


def daily_spread(values: Floats) -> float:
    days = values.reshape(-1, 24)
    return float((days.max(axis=1) - days.min(axis=1)).mean() / values.mean())


@each_home
def test_a_lively_market_lies_within_what_european_day_ahead_prices_and_retail_tariffs_of_2012_to_2025_show(home: Home):
    price = price_at(home, YEARS_US).price_per_kwh
    assert 0.003 < (price < 0.0).mean() < 0.02
    assert 0.003 < (price > 3.0 * np.median(price)).mean() < 0.02
    assert 1.0 < daily_spread(price) < 1.55
    assert 0.76 < lag(price, 1) < 0.98  # the steps of its periods alone give 0.76
    assert 0.6 < lag(price, 24) < 0.83
    assert 0.42 < lag(price, 168) < 0.88
    weekend = local_clock(YEARS_US.astype("datetime64[us]"), zone(home.timezone)).weekday >= 5
    assert 0.6 < price[weekend].mean() / price[~weekend].mean() < 0.8


@each_home
def test_the_supplier_earns_the_same_in_a_lively_market_as_in_a_calm_one(home: Home):
    assert abs(market_at(home, YEARS_US).factor.mean() - 1.0) < 0.1


@each_home
def test_more_volatility_means_more_negative_hours_wider_days_and_no_factor_beyond_the_caps(home: Home):
    shares, spreads = [], []
    for volatility in (0.0, 0.05, 0.15, 0.4, 1.0):
        moved = replace(home, supplier=Supplier(volatility=volatility))
        price, factor = price_at(moved, YEARS_US).price_per_kwh, market_at(moved, YEARS_US).factor
        shares.append((price < 0.0).mean())
        spreads.append(daily_spread(price))
        assert LOWEST_FACTOR <= factor.min() <= factor.max() <= HIGHEST_FACTOR
    assert shares[0] == 0.0
    assert shares == sorted(shares)
    assert 0.1 < shares[-1] < 0.2
    assert spreads == sorted(spreads)


def test_without_volatility_the_factor_is_exactly_one():
    assert (market_at(Home(supplier=Supplier(volatility=0.0)), YEARS_US).factor == 1.0).all()


@each_home
def test_negative_hours_are_sunnier_and_asked_for_less_than_others(home: Home):
    market, fronts = market_at(home, YEARS_US), fronts_at(home, YEARS_US)
    negative = market.factor < 0.0
    assert market.scarcity[negative].mean() < market.scarcity.mean() - 1.0
    clock = local_clock(YEARS_US.astype("datetime64[us]"), zone(home.timezone))
    by_day = negative & (clock.hour >= 9.0) & (clock.hour < 17.0)
    assert fronts[by_day].mean() < fronts.mean() - 0.2
    assert (clock.weekday[negative] >= 5).mean() > 2.0 / 7.0


def test_a_spike_is_rare_comes_when_power_is_scarce_and_decays_over_hours():
    market = market_at(Home(), YEARS_US)
    top = np.flatnonzero(market.factor > 2.5)
    assert 0 < len(top) < 0.01 * len(YEARS_US)
    assert market.scarcity[top].mean() > market.scarcity.mean() + 0.5
    peak = int(np.argmax(market.factor))
    after = market.factor[peak : peak + 9]
    assert after[0] > after[2] > after[4]
    assert after[8] < after[0] / 3.0


def test_two_regions_have_two_markets():
    one, other = (market_at(Home(region=region), YEARS_US).factor for region in ("one", "other"))
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.7


@given(start=st.integers(0, 2000), length=st.integers(0, 60))
@settings(max_examples=40, deadline=None)
def test_an_hour_does_not_depend_on_which_hours_are_asked_for(start: int, length: int):
    home = Home(supplier=Supplier(volatility=1.0))
    whole, part = market_at(home, YEARS_US[:2100]), market_at(home, YEARS_US[start : start + length])
    np.testing.assert_array_equal(part.factor, whole.factor[start : start + length])
    np.testing.assert_array_equal(part.scarcity, whole.scarcity[start : start + length])
