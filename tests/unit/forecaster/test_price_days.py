from dataclasses import replace
from datetime import timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from services.forecaster.model.price_days import HOURS, SUNDAY, filled, price_days
from tests.unit.forecaster.prices import AHEAD, a_market

SPRING = 83
"""The local day of 23 hours."""


def test_the_hour_that_is_skipped_in_spring_is_the_mean_of_its_neighbours():
    market = a_market()
    days = price_days(market)
    assert (days.day == SPRING).sum() == 23
    hours = days.hours(market.count)[SPRING]
    assert hours[2] == (hours[1] + hours[3]) / 2


def test_the_hour_that_is_repeated_in_autumn_is_the_mean_of_both():
    market = a_market(days=300)
    days = price_days(market)
    both = np.flatnonzero((days.day == 293) & (days.hour == 2))
    assert len(both) == 2
    assert days.hours(market.count)[293, 2] == market.values[both].mean()


def test_every_day_begins_at_local_midnight_on_its_weekday():
    days = price_days(a_market())
    assert list(days.hour[np.searchsorted(days.day, np.arange(1, days.count))]) == [0] * (days.count - 1)
    assert list(days.weekday[:8]) == [0, 1, 2, 3, 4, 5, 6, 0]


def test_a_public_holiday_counts_as_a_sunday():
    market = a_market(days=20)
    day = price_days(market).day
    festive = replace(market, ahead={"is_holiday": (day == 9).astype(float)})
    assert price_days(festive).weekday[9] == SUNDAY
    assert price_days(market).weekday[9] == 2


@settings(max_examples=20, deadline=None)
@given(known=st.integers(0, 20 * 24))
def test_hours_hold_nothing_of_what_is_not_known(known):
    market = a_market(days=20)
    changed = replace(market, values=np.where(np.arange(market.count) < known, market.values, 1e6))
    np.testing.assert_array_equal(price_days(market).hours(known), price_days(changed).hours(known))


def test_the_shape_within_hours_is_that_of_the_market():
    market = a_market(days=60, step=timedelta(minutes=15))
    shape = price_days(market).shape_within_hours(market.count).reshape(HOURS, 4)
    np.testing.assert_allclose(shape.mean(axis=0), 0.01 * (np.arange(4) / 4 - 0.375), atol=5e-4)
    assert np.abs(price_days(a_market(days=60)).shape_within_hours(60 * 24)).max() < 1e-12


def test_missing_hours_take_the_newest_value_at_that_hour():
    hours = np.arange(4.0 * HOURS).reshape(4, HOURS)
    gaps = hours.copy()
    gaps[0, 5] = gaps[2, 7] = gaps[3, 7] = np.nan
    gaps[:, 9] = np.nan
    full = filled(gaps)
    assert full[0, 5] == hours[1, 5]
    assert full[2, 7] == full[3, 7] == hours[1, 7]
    assert (full[:, 9] == 0.0).all()


def test_columns_known_ahead_stand_on_the_same_days():
    market = a_market(days=20)
    days = price_days(market, exogenous=AHEAD)
    step = 7 * 24 + 5
    assert days.exogenous[days.day[step], days.hour[step], 0] == market.ahead[AHEAD[0]][step]
