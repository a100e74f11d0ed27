"""Homes are replayed with the prices, forecasts and plans that they could have had, and with nothing that came later."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from likeness.homes import FONTANA, KONSTANZ, LONDON
from saving.forecasts import Cache, Issued, fits_of, issued, issues_of
from saving.foresight import BATTERY, Foreseen, Known, Market
from saving.homes import OWN, Home, german_price, replayed
from saving.replayed import KNOWING, NONE, PART_DAYS, PLANNED, SELF, outcome, parts
from shared.domain.forecast import QUANTILE_LEVELS, Target
from shared.domain.time import TimeGrid

START = datetime(2024, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def home_of(days, *, step=HOUR, start=START, seed=0, place=KONSTANZ, own=None):
    """A home with an evening, a clouded array and a price that is dear in the evening."""
    per_day = timedelta(days=1) // step
    rng, hour = np.random.default_rng(seed), np.arange(days * per_day) % per_day * 24 / per_day
    cloud = np.repeat(rng.uniform(0.2, 1.0, days), per_day)
    return Home(
        name="home",
        place=place,
        grid=TimeGrid(start=start, step=step, count=days * per_day),
        load_kw=0.4 + 1.5 * (abs(hour - 19) < 2) + rng.uniform(0, 0.2, len(hour)),
        solar_kw=4.0 * cloud * np.clip(np.sin((hour - 5) * np.pi / 14), 0, None) * (hour > 5) * (hour < 19),
        spot=0.08 + 0.06 * (abs(hour - 18) < 3) + rng.uniform(0, 0.02, len(hour)),
        years_later=0,
        own=own,
    )


def told(home, target, *, level=1.0):
    """Forecasts of one value throughout, one an hour."""
    issues = np.arange(0, home.grid.count, home.per_day // 24)
    quantiles = np.full((len(issues), len(QUANTILE_LEVELS), 2 * home.per_day), level, dtype=np.float32)
    return Issued(home=home, target=target, issues=issues, quantiles=quantiles)


def nothing():
    """After a plan or a fit."""


def test_prices_are_known_to_the_end_of_the_day_and_from_one_oclock_to_the_end_of_the_next():
    home = home_of(60)  # summer time begins on the 31st of March
    local, published = home.local(), Market.of(home, "A").published
    ends = local[np.minimum(published, home.grid.count - 1)]
    for step in range(home.grid.count - 48):
        days = (ends[step].date() - local[step].date()).days
        assert (ends[step].hour, days) == (0, 2 if local[step].hour >= 13 else 1)


def test_a_tariff_that_is_no_dynamic_one_is_known_for_ever():
    home = home_of(5, place=FONTANA, own=np.arange(120.0))
    buy, _ = Market.of(home, OWN).ahead(3, 40)
    assert buy.tolist() == list(range(3, 43))
    assert (Market.of(replace(home, place=LONDON), OWN).published < home.grid.count).any()


@given(step=st.integers(24, 9 * 24), tariff=st.sampled_from(["A", "C"]))
def test_prices_that_are_not_published_yet_change_nothing(step, tariff):
    home = home_of(12)
    market = Market.of(home, tariff)
    known = int(market.published[step])
    later = Market.of(replace(home, spot=np.where(np.arange(home.grid.count) < known, home.spot, 9.0)), tariff)
    np.testing.assert_array_equal(market.ahead(step, 48), later.ahead(step, 48))
    np.testing.assert_array_equal(market.ahead(step, 48)[0][: known - step], market.buy[step : min(known, step + 48)])


def test_what_is_not_published_is_the_last_known_day_over_again():
    market = Market.of(home_of(12), "A")
    step = 5 * 24
    known = int(market.published[step])
    buy, _ = market.ahead(step, 48)
    np.testing.assert_array_equal(buy[known - step :][:24], market.buy[known - 24 : known])


def test_what_a_home_paid_is_never_less_than_it_gets_for_a_sale():
    buy, sell = home_of(2, own=np.tile([0.04, 0.6], 24)).prices(OWN)
    assert (sell <= buy).all()


def test_a_tariff_that_a_home_has_not_is_named():
    with pytest.raises(ValueError, match="tariff is 'own': home has A, C"):
        home_of(2).prices(OWN)


@given(days=st.integers(1, 500), whole=st.integers(1, 400), first=st.integers(0, 100))
def test_parts_are_whole_days_within_the_time_and_never_overlap(days, whole, first):
    found = parts(first, first + 24 * whole + 5, per_day=24, days=days)
    assert found[0].start >= first
    assert found[-1].stop <= first + 24 * whole
    assert all((part.stop - part.start) % 24 == 0 for part in found)
    assert all(one.stop <= two.start for one, two in pairwise(found))
    assert sum(part.stop - part.start for part in found) // 24 == (
        whole if days >= whole else days if days < PART_DAYS else days // PART_DAYS * PART_DAYS
    )


def test_the_german_price_is_that_of_the_same_hour_on_the_wall_some_whole_weeks_later():
    hours = pd.date_range("2015-01-05", "2018-01-01", freq="h", tz="UTC")
    local = hours.tz_convert("Europe/Berlin")
    german = pd.Series(local.day_of_week * 100.0 + local.hour, index=hours)
    index = pd.date_range("2013-07-01 07:00", periods=48, freq="h", tz="UTC")  # midnight in California
    prices, years = german_price(index, "America/Los_Angeles", german)
    assert years == 2
    assert prices.tolist() == [day * 100.0 + hour for day in (0, 1) for hour in range(24)]
    assert german_price(hours[:9000], "Europe/Zurich", german)[0].tolist() == german.iloc[:9000].tolist()


def test_of_homes_without_sun_some_are_replayed_and_of_the_others_all():
    dark = [replace(home_of(2, seed=k), solar_kw=np.zeros(48), name=f"{k}") for k in range(20)]
    assert 1 < len(replayed(dark)) < 10
    assert len(replayed([home_of(2, seed=k) for k in range(20)])) == 20


def test_the_newest_forecast_is_the_one_that_serves():
    home = home_of(3, step=timedelta(minutes=15))
    own = told(home, Target.LOAD)
    assert own.at(9).issued_at == START + 2 * HOUR
    assert own.at(8).issued_at == START + 2 * HOUR


def test_forecasts_know_nothing_of_what_comes_later():
    home = home_of(24)
    cut = 18 * 24
    later = replace(home, load_kw=np.where(np.arange(home.grid.count) < cut, home.load_kw, 5.0))
    one, two = (issued([own], [own], Target.LOAD, cache=Cache(folder=None), advance=nothing)[0] for own in (home, later))
    known = one.issues <= cut
    np.testing.assert_array_equal(one.quantiles[known], two.quantiles[known])
    assert (one.quantiles[~known] != two.quantiles[~known]).any()
    assert np.isfinite(one.quantiles).all()
    assert one.issues.tolist() == list(range(14 * 24, 24 * 24))


def test_forecasts_that_are_held_are_not_made_again_and_others_are_not_taken_for_them(tmp_path):
    home, cache = home_of(16), Cache(folder=tmp_path)
    made = issued([home], [home], Target.SOLAR, cache=cache, advance=nothing)[0]
    fits = []
    again = issued([home], [home], Target.SOLAR, cache=cache, advance=lambda: fits.append(1))[0]
    np.testing.assert_array_equal(made.quantiles, again.quantiles)
    assert not fits
    assert fits_of([home], [home], Target.SOLAR, cache=cache) == 0
    assert cache.held([home], home_of(16, seed=1), Target.SOLAR) is None
    assert cache.held([home], home, Target.LOAD) is None


def test_homes_of_a_large_set_wait_longer_for_their_first_forecast():
    home = home_of(60)
    assert issues_of([home] * 12, home)[0] > issues_of([home], home)[0]


def test_what_is_known_leaves_out_steps_without_data():
    home = home_of(8)
    home.load_kw[30:33] = np.nan
    seen = Known.of(Market.of(home, "A"))(28, 5.0)
    assert seen.steps[:4].tolist() == [28, 29, 33, 34]
    np.testing.assert_array_equal(seen.problem.load_kw, home.load_kw[seen.steps])
    assert seen.problem.initial_energy_kwh == pytest.approx(5.0)


@pytest.mark.parametrize("step", [HOUR, timedelta(minutes=15)])
def test_plans_that_know_what_comes_lose_nothing_to_forecasts(step):
    home = home_of(7, step=step)
    home.load_kw[50:60] = np.nan
    market = Market.of(home, "C")
    plans = []
    found = outcome(market, Known.of(market), [slice(home.per_day, home.grid.count)], advance=lambda: plans.append(1))
    assert found.share(KNOWING) == found.share(PLANNED)
    assert found.forecast_regret == 0.0
    assert abs(found.planning_regret) < 0.05
    assert found.share(NONE) == 0.0
    assert found.days == 6
    assert len(plans) <= 3 * 24 * 6


def test_a_month_counts_what_plans_saved_beyond_the_rule():
    home = home_of(6, start=datetime(2024, 4, 28, 22, tzinfo=UTC))
    market = Market.of(home, "C")
    sight = Foreseen(market=market, load=told(home, Target.LOAD, level=0.5), solar=told(home, Target.SOLAR))
    found = outcome(market, sight, parts(24, home.grid.count, per_day=24, days=None), advance=nothing)
    assert set(found.beyond_rule) == {"2024-04", "2024-05"}
    assert sum(found.beyond_rule.values()) == pytest.approx(found.totals[SELF] - found.totals[PLANNED])
    assert found.worst_month[1] == min(found.beyond_rule.values())
    assert found.planning_regret + found.forecast_regret == pytest.approx(1.0 - found.share(PLANNED))


def test_the_battery_is_the_one_of_the_published_table():
    assert (BATTERY.capacity_kwh, BATTERY.max_charge_rate_kw) == (13.5, 5.0)
    assert BATTERY.charge_efficiency * BATTERY.discharge_efficiency == pytest.approx(0.9)
