import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from services.forecaster.model.answer import answer
from services.forecaster.model.fallback import fallback
from services.forecaster.model.price import PriceModel, fit_price
from services.forecaster.model.price_days import price_days
from services.forecaster.model.price_files import PLAIN_FILE, WORDS_FILE, from_files, to_files
from services.forecaster.model.quantile import UnreadableModelError
from services.forecaster.model.series import Series
from shared.domain.forecast import QUANTILE_LEVELS
from tests.unit.forecaster.prices import AHEAD, a_market

NOW = 120 * 24 + 11
"""Noon of a summer's day, an hour before tomorrow's prices."""
MEDIAN = QUANTILE_LEVELS.index(0.5)


@pytest.fixture(scope="module")
def market() -> Series:
    return a_market()


@pytest.fixture(scope="module")
def informed(market) -> PriceModel:
    return fitted(market, exogenous=AHEAD)


@pytest.fixture(scope="module")
def plain(market) -> PriceModel:
    return fitted(market)


def fitted(market: Series, **options) -> PriceModel:
    model = fit_price(market, **{"until": NOW, "seed": 1, **options})
    assert model is not None
    return model


def error_on_following_days(model: PriceModel, market: Series) -> float:
    issues = NOW + 24 * np.arange(14)
    whole = model.answer(market, issues=issues)[:, MEDIAN, 11:35]
    return float(np.abs(whole - market.values[issues[:, None] + np.arange(11, 35)]).mean())


def test_it_learns_what_is_known_ahead_and_is_far_better_for_it_than_last_week(market, informed, plain):
    steps = NOW + 11 + np.arange(14 * 24)
    last_week = float(np.abs(market.values[steps] - market.values[steps - 7 * 24]).mean())
    assert error_on_following_days(informed, market) < 0.4 * error_on_following_days(plain, market)
    assert error_on_following_days(plain, market) < 0.9 * last_week


@pytest.mark.parametrize("hour", [0, 5, 13, 22])
def test_at_any_hour_announced_prices_are_passed_on_and_the_rest_is_an_ordered_band(market, informed, hour):
    issue = np.array([124 * 24 - 1 + hour])
    whole = informed.answer(market, issues=issue)[0]
    known = int(market.known_at(issue)[0]) - int(issue[0])
    assert 0 < known < 48
    np.testing.assert_array_equal(whole[:, :known], np.tile(market.values[issue[0] : issue[0] + known], (len(QUANTILE_LEVELS), 1)))
    assert np.isfinite(whole).all()
    assert (np.diff(whole[:, known:], axis=0) >= 0).all()
    assert (whole[-1, known:] > whole[0, known:]).all()


def test_nothing_that_was_not_known_changes_a_model_or_a_forecast(market, informed):
    known = int(market.known_at(np.array([NOW]))[0])
    changed = replace(market, values=np.where(np.arange(market.count) < known, market.values, -7.0))
    assert to_files(fitted(changed, exogenous=AHEAD)) == to_files(informed)
    issue = np.array([NOW])
    np.testing.assert_array_equal(informed.answer(changed, issues=issue), informed.answer(market, issues=issue))


def test_beyond_what_is_known_ahead_prices_alone_speak(market, informed):
    tomorrow = int(np.searchsorted(price_days(market).day, price_days(market).day[NOW] + 1))
    cut = replace(market, ahead={AHEAD[0]: np.where(np.arange(market.count) < tomorrow, market.ahead[AHEAD[0]], np.nan)})
    issue = np.array([NOW])
    alone = replace(informed, fitted=replace(informed.fitted, informed=None))
    np.testing.assert_array_equal(informed.answer(cut, issues=issue), alone.answer(market, issues=issue))
    assert (informed.answer(market, issues=issue) != alone.answer(market, issues=issue)).any()


def test_days_of_23_and_25_hours_are_forecast_in_local_time(informed):
    market = a_market(days=310)
    for day in (83, 293):
        days = price_days(market)
        steps = np.flatnonzero(days.day == day)
        assert len(steps) == (23 if day == 83 else 25)
        said = informed.quantiles(price_days(market, exogenous=AHEAD), known=int(steps[0]), steps=steps)[:, MEDIAN]
        assert np.abs(said - market.values[steps]).mean() < 0.012


def test_quarter_hours_take_the_shape_that_prices_have_within_hours():
    market = a_market(days=130, step=timedelta(minutes=15))
    model = fitted(market, until=4 * NOW)
    said = model.answer(market, issues=np.array([4 * NOW]))[0, MEDIAN, 44:140].reshape(24, 4)
    np.testing.assert_allclose((said - said.mean(axis=1, keepdims=True)).mean(axis=0), 0.01 * (np.arange(4) / 4 - 0.375), atol=1e-3)


def test_after_negative_prices_and_a_spike_forecasts_stay_near_what_was_seen(market):
    values = market.values - 0.08
    values[NOW - 30] = 4.0
    wild = replace(market, values=values)
    whole = fitted(wild).answer(wild, issues=NOW + 24 * np.arange(4))
    assert whole[:, MEDIAN].min() < 0.0
    assert np.abs(whole[:, MEDIAN, 11:]).max() < 0.5


def test_weeks_without_prices_are_bridged(market, plain):
    silent = replace(market, values=np.where(np.arange(market.count) < NOW - 18 * 24, market.values, np.nan))
    whole = plain.answer(silent, issues=np.array([NOW]))
    assert np.isfinite(whole).all()
    assert np.abs(whole[0, MEDIAN]).max() < 0.3
    held = replace(market, values=np.where(np.arange(market.count) // 24 % 5 == 0, np.nan, market.values))
    assert np.isfinite(fitted(held).answer(held, issues=np.array([NOW]))).all()


def test_of_an_unfinished_day_what_is_known_is_used(market, plain):
    measured = replace(market, published=None)
    days, steps = price_days(measured), NOW + np.arange(48)
    higher = replace(measured, values=measured.values + 0.1 * (np.arange(market.count) >= NOW - 5))
    usual = plain.quantiles(days, known=NOW, steps=steps)[:, MEDIAN]
    raised = plain.quantiles(price_days(higher), known=NOW, steps=steps)[:, MEDIAN]
    tomorrow = days.day[steps] == days.day[NOW] + 1
    assert (raised - usual)[tomorrow].mean() > 0.0


def test_two_weeks_of_prices_are_left_to_a_named_baseline():
    market = a_market(days=18)
    market = replace(market, values=market.values - 0.08)
    until = 15 * 24
    assert fit_price(market, until=until, exogenous=AHEAD, seed=1) is None
    stand_in = fallback(market, until=until, rating_kw=None)
    whole = answer(market, stand_in, issues=np.array([until]))
    assert stand_in.name in {"yesterday", "last_week", "mean_7d", "median_7d"}
    assert np.isfinite(whole).all()
    assert whole[0, MEDIAN].min() < 0.0


def test_one_price_throughout_is_nothing_to_learn(market):
    assert fit_price(replace(market, values=np.full(market.count, 0.3)), until=NOW, seed=1) is None


def test_the_band_holds_about_what_it_promises(market, informed):
    issues = NOW + 24 * np.arange(16)
    whole = informed.answer(market, issues=issues)[:, :, 11:35]
    actual = market.values[issues[:, None] + np.arange(11, 35)]
    inside = (actual >= whole[:, QUANTILE_LEVELS.index(0.1)]) & (actual <= whole[:, QUANTILE_LEVELS.index(0.9)])
    assert 0.7 < inside.mean() < 0.95


def test_the_middle_lies_between_its_parts_whatever_the_band_learned(market, informed):
    days, steps = price_days(market, exogenous=AHEAD), 122 * 24 - 1 + np.arange(24)
    day = int(days.day[steps[0]])
    linear, trees = informed.fitted.days(days, known=int(steps[0]), first=day, last=day, trees_share=informed.trees_share)
    middle = informed.quantiles(days, known=int(steps[0]), steps=steps)[:, MEDIAN]
    np.testing.assert_allclose(middle, informed.trees_share * trees[0, :, 1] + (1 - informed.trees_share) * linear[0], atol=1e-4)


def test_a_model_from_its_files_says_the_same(market, informed, plain):
    for model in (informed, plain):
        again = from_files(to_files(model))
        np.testing.assert_array_equal(again.answer(market, issues=np.array([NOW])), model.answer(market, issues=np.array([NOW])))


def test_files_that_are_no_model_are_named_in_a_line(plain):
    files = to_files(plain)
    words = json.loads(files[WORDS_FILE])
    broken = [
        {},
        {**files, WORDS_FILE: b"{"},
        {**files, PLAIN_FILE: b"trees"},
        {**files, WORDS_FILE: json.dumps({**words, "format": 0}).encode()},
        {**files, WORDS_FILE: json.dumps({**words, "plain": [{}]}).encode()},
    ]
    for each in broken:
        with pytest.raises(UnreadableModelError, match="train again") as told:
            from_files(each)
        assert "\n" not in str(told.value)
