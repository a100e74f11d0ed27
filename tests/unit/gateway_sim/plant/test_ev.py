"""The car's sessions."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway_sim.plant.equipment import Home, Household
from services.gateway_sim.plant.ev import ev_charging_kw, sessions_of
from services.gateway_sim.plant.living import Living
from services.gateway_sim.plant.noise import DAY_US, HOUR_US
from tests.unit.gateway_sim.plant.households import life_of, steps_over

NUMBERS = st.integers(0, 200)


def a_home(number: int, **household: float) -> Home:
    return Home(seed=11, site_id=f"home-{number}", household=Household(**household))  # type: ignore[arg-type]


@settings(max_examples=25)
@given(number=NUMBERS, kw=st.floats(1.0, 22.0))
def test_a_session_is_charged_between_arrival_and_departure_within_the_power(number: int, kw: float):
    living, steps = life_of(a_home(number, ev_charging_kw=kw), days=60)
    sessions = sessions_of(living)
    assert (sessions.arrival_us <= sessions.start_us).all()
    assert (sessions.start_us <= sessions.end_us).all()
    assert (sessions.end_us <= sessions.departure_us).all()
    assert sessions.stretch_kw.max(initial=0.0) <= kw
    assert (sessions.energy_kwh <= 0.85 * 78.0 + 1e-9).all()
    power = ev_charging_kw(sessions, steps)
    assert power.min() >= 0.0
    assert power.max() <= kw + 1e-9


@settings(max_examples=15)
@given(number=NUMBERS)
def test_sessions_follow_one_another(number: int):
    sessions = sessions_of(life_of(a_home(number), days=120)[0])
    assert (sessions.start_us[1:] >= sessions.end_us[:-1]).all()


@settings(max_examples=15)
@given(number=NUMBERS, first=st.integers(0, 40), days=st.integers(1, 20))
def test_charging_in_a_part_is_cut_out_of_the_whole(number: int, first: int, days: int):
    home = a_home(number)
    living, steps = life_of(home, days=60)
    whole = ev_charging_kw(sessions_of(living), steps)[288 * first : 288 * (first + days)]
    part_living, part = life_of(home, days=days, start=steps.grid.start + timedelta(days=first))
    np.testing.assert_array_equal(whole, ev_charging_kw(sessions_of(part_living), part))


def living_start(living: Living) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=int(living.days.calendar.index[0]) - 1)


def test_power_delivers_the_energy_of_the_sessions():
    home = a_home(1)
    living, _ = life_of(home, days=90)
    sessions = sessions_of(living)
    wide = steps_over(home, days=130, start=living_start(living))
    assert ev_charging_kw(sessions, wide).sum() / 12.0 == pytest.approx(sessions.energy_kwh.sum(), abs=1e-6)


def test_cars_are_driven_and_plugged_in_differently():
    a_year = [sessions_of(life_of(a_home(number), days=364)[0]) for number in range(25)]
    counts = np.array([len(sessions.start_us) for sessions in a_year]) / 52.0
    energy = np.array([sessions.energy_kwh.sum() for sessions in a_year]) / 365.0
    assert counts.min() < 3.0
    assert 5.0 < counts.max() <= 7.5
    assert 3.0 < energy.mean() < 9.0
    assert energy.std() / energy.mean() > 0.25


def test_some_charge_in_the_evening_and_some_at_night():
    hours = []
    for number in range(25):
        sessions = sessions_of(life_of(a_home(number), days=60)[0])
        hours.append(float(np.median((sessions.start_us % DAY_US / HOUR_US - 8.0) % 24.0)))
    assert sum(14.0 < hour < 22.0 for hour in hours) >= 5
    assert sum(hour >= 22.5 or hour < 3.0 for hour in hours) >= 5


def test_a_car_that_fills_up_takes_less_and_less():
    sessions = sessions_of(life_of(a_home(1), days=60)[0])
    assert (np.diff(sessions.stretch_kw, axis=1) < 0.0).all()
    full = sessions.end_us < sessions.departure_us
    assert (np.diff(sessions.stretch_end_us[full], axis=1) > 0).all()


def test_the_car_is_not_charged_while_its_people_are_away():
    for number in range(12):
        living, _ = life_of(a_home(number), days=364)
        occupancy, lattice = living.occupancy, living.lattice
        sessions = sessions_of(living)
        inside = (sessions.arrival_us >= lattice.first_us) & (sessions.arrival_us < lattice.first_us + lattice.count * 20 * 60_000_000)
        # whoever comes home in the middle of a cell is there in the next
        late = lattice.cells_of(sessions.arrival_us[inside] + HOUR_US // 2)
        assert not occupancy.away[late].any()


def test_no_car_and_no_power_make_no_session():
    for household in ({"has_ev": False}, {"ev_charging_kw": 0.0}):
        living, steps = life_of(replace(Home(), household=Household(**household)), days=30)  # type: ignore[arg-type]
        assert not len(sessions_of(living).start_us)
        assert (ev_charging_kw(sessions_of(living), steps) == 0.0).all()
