"""Who lives in a home, and when they are there."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway_sim.plant.equipment import Home
from services.gateway_sim.plant.lattice import CELL_US
from services.gateway_sim.plant.people import Role, days_of, habits_of
from services.gateway_sim.plant.steps import LocalDays
from shared.domain.time import zone
from tests.unit.gateway_sim.plant.households import NEW_YEAR, a_home_of, life_of

YEAR = LocalDays.between(19_723, 19_723 + 365, zone("Europe/Berlin"))
"""2024."""


def homes(count: int) -> list[Home]:
    return [Home(seed=5, site_id=f"home-{number}", timezone="Europe/Berlin", latitude=52.0) for number in range(count)]


def test_a_street_has_every_kind_of_household():
    roles = [habits_of(home).roles for home in homes(300)]
    assert {members[0] for members in roles} == {Role.AT_HOME, Role.WORKER, Role.HOME_OFFICE, Role.SHIFT}
    assert {len(members) for members in roles} == {1, 2, 3, 4, 5}


def test_frugal_and_lavish_homes_differ_by_a_factor_of_real_fleets():
    gusto = [habits_of(home).gusto for home in homes(300)]
    low, high = np.quantile(gusto, [0.05, 0.95])
    assert 4.0 < high / low < 12.0
    assert np.mean(gusto) == pytest.approx(1.0, abs=0.15)


def test_people_are_away_some_weeks_of_a_year_longest_in_summer():
    nights = dict.fromkeys(range(1, 13), 0)
    stays = []
    for home in homes(100):
        days = days_of(home, habits_of(home), YEAR)
        stays.append(days.away.sum())
        for day in YEAR.index[days.away]:
            nights[(date(1970, 1, 1) + timedelta(days=int(day))).month] += 1
    assert 8 < np.mean(stays) < 35
    assert max(nights, key=lambda month: nights[month]) in {7, 8}


def test_the_south_goes_on_holiday_in_its_own_summer():
    south = [replace(home, latitude=-34.0) for home in homes(60)]
    away = np.array([days_of(home, habits_of(home), YEAR).away for home in south])
    assert away[:, :45].mean() > 1.5 * away[:, 180:240].mean()


@settings(max_examples=20)
@given(first=st.integers(-3000, 40_000), length=st.integers(12, 60), cut=st.integers(0, 30), number=st.integers(0, 50))
def test_the_plan_of_a_day_does_not_depend_on_the_days_asked_for(first: int, length: int, cut: int, number: int):
    home, tz = Home(seed=2, site_id=f"home-{number}"), zone("America/Los_Angeles")
    habits = habits_of(home)
    whole = days_of(home, habits, LocalDays.between(first, first + length + cut, tz))
    part = days_of(home, habits, LocalDays.between(first + cut, first + length + cut, tz))
    # the first day does not know the night shift before it, the last not the holiday after it
    for name in ("away", "activity", "out", "leaves_hour", "returns_hour", "wakes_hour", "sleeps_hour"):
        np.testing.assert_array_equal(getattr(whole, name)[cut + 1 : -1], getattr(part, name)[1:-1], err_msg=name)


def test_a_public_holiday_is_lived_like_a_sunday():
    wednesday = date(2024, 5, 1)
    row = (wednesday - date(1970, 1, 1)).days - int(YEAR.index[0])
    home = a_home_of(Role.WORKER)
    usual, festive = (days_of(each, habits_of(home), YEAR) for each in (home, replace(home, holidays=frozenset({wednesday}))))
    assert not usual.rest[row]
    assert festive.rest[row]
    assert festive.wakes_hour[row, 0] > usual.wakes_hour[row, 0]
    others = np.arange(len(YEAR.index)) != row
    np.testing.assert_array_equal(usual.leaves_hour[others], festive.leaves_hour[others])


def test_nobody_is_there_in_the_weeks_away_and_everybody_sleeps_at_night():
    living, _ = life_of(a_home_of(Role.WORKER), days=365)
    assert living.occupancy.away.any()
    assert (living.occupancy.present[living.occupancy.away] == 0).all()
    assert (living.occupancy.awake <= living.occupancy.present).all()
    assert living.occupancy.present.max() == living.habits.occupants
    hour = ((living.lattice.middles_us // CELL_US) % 72 / 3.0 - 8.0) % 24.0  # San Francisco, winter
    assert living.occupancy.awake[(hour > 3.0) & (hour < 4.0)].mean() < 0.1 * living.occupancy.awake[(hour > 18.0) & (hour < 19.0)].mean()


@pytest.mark.parametrize(("role", "low", "high"), [(Role.AT_HOME, 0.6, 1.0), (Role.WORKER, 0.0, 0.45)])
def test_pensioners_are_at_home_when_workers_are_not(role: Role, low: float, high: float):
    living, _ = life_of(a_home_of(role), days=120, start=datetime(2024, 1, 8, tzinfo=UTC))
    weekday = (living.lattice.middles_us // (72 * CELL_US) + 3) % 7 < 5
    hour = ((living.lattice.middles_us // CELL_US) % 72 / 3.0 - 8.0) % 24.0
    noons = weekday & (hour > 13.0) & (hour < 15.0) & ~living.occupancy.away
    alone = living.occupancy.present[noons] / living.habits.occupants
    assert low <= alone.mean() <= high


def test_a_night_shift_is_slept_off_by_day():
    home = a_home_of(Role.SHIFT)
    days = days_of(home, habits_of(home), YEAR)
    nights = np.flatnonzero(days.out[:-1, 0] & (days.leaves_hour[:-1, 0] > 20.0))
    assert len(nights) > 50
    assert (days.sleeps_hour[nights, 0] > 29.0).all()
    assert (days.wakes_hour[nights + 1, 0] > 12.0).all()


def test_the_new_year_has_a_plan():
    living, _ = life_of(Home(seed=4), days=1, start=NEW_YEAR)
    assert np.isfinite(living.days.activity).all()


def test_what_never_rests_is_about_what_is_configured():
    shares = [habits_of(Home(seed=seed)).standby for seed in range(200)]
    assert 0.95 < np.median(shares) < 1.15
    assert min(shares) > 0.5
    assert max(shares) < 1.8
