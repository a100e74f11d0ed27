"""What a household draws without its car."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway_sim.plant.appliances import APPLIANCES, runs_of
from services.gateway_sim.plant.equipment import Home, Household
from services.gateway_sim.plant.home import simulate
from services.gateway_sim.plant.home_load import HomeLoad, home_load_at
from services.gateway_sim.plant.living import living_in
from services.gateway_sim.plant.noise import Floats
from services.gateway_sim.plant.people import Role, habits_of
from shared.domain.time import TimeGrid
from tests.unit.gateway_sim.plant.households import a_home_of, life_of, steps_over

PARTS = ("hvac_kw", "appliances_kw", "lighting_kw", "other_kw")


def load(home: Home, *, days: float, minutes: float = 5) -> HomeLoad:
    steps = steps_over(home, days=days, minutes=minutes)
    return home_load_at(living_in(home, steps), steps)


def total(parts: HomeLoad) -> Floats:
    return sum((getattr(parts, name) for name in PARTS), start=np.zeros(1))


@settings(max_examples=25)
@given(
    number=st.integers(0, 500), base=st.floats(0.0, 1.0), peak=st.floats(1.0, 12.0), hvac=st.floats(0.0, 10.0), latitude=st.floats(-70, 70)
)
def test_the_parts_stay_below_the_peak_and_above_nothing(number: int, base: float, peak: float, hvac: float, latitude: float):
    household = Household(base_load_kw=base, peak_load_kw=peak, hvac_capacity_kw=hvac)
    parts = load(Home(seed=9, site_id=f"home-{number}", latitude=latitude, household=household), days=7)
    for name in PARTS:
        assert getattr(parts, name).min() >= 0.0, name
    assert total(parts).max() <= peak + 1e-9


@settings(max_examples=10)
@given(number=st.integers(0, 500), base=st.floats(0.05, 1.0))
def test_the_homes_share_of_the_base_load_never_rests(number: int, base: float):
    home = Home(seed=9, site_id=f"home-{number}", household=Household(base_load_kw=base, peak_load_kw=50.0))
    assert load(home, days=7).other_kw.min() >= habits_of(home).standby * base


def test_appliances_run_when_somebody_is_up():
    living, _ = life_of(Home(seed=9), days=60)
    appliances, electronics = runs_of(living)
    for runs in (appliances, electronics):
        assert (runs.end_us >= runs.start_us).all()
        assert (runs.power_kw > 0.0).all()
    # runs begin in the first of their phases, a little after somebody has pressed the button
    awake = living.occupancy.awake[living.lattice.cells_of(electronics.start_us)]
    assert (awake > 0).mean() > 0.99


def test_machines_go_through_phases_within_their_run():
    for appliance in APPLIANCES:
        begins, lengths, powers = np.array(appliance.phases).T
        assert (begins[1:] >= (begins + lengths)[:-1] - 1e-9).all(), appliance.name
        assert (begins + lengths).max() <= 1.0 + 1e-9, appliance.name
        assert powers.max() == 1.0, appliance.name
        assert powers.min() > 0.0, appliance.name


def test_a_home_without_its_people_draws_little_more_than_its_base():
    home = next(
        home for number in range(50) if habits_of(home := Home(seed=9, site_id=f"home-{number}", household=Household(hvac_capacity_kw=0.0)))
    )
    living, steps = life_of(home, days=364)
    away = living.occupancy.away[living.lattice.cells_of(steps.instants_us)]
    drawn = total(home_load_at(living, steps))
    assert away.sum() > 288
    assert drawn[away].mean() < 0.75 * drawn[~away].mean()
    assert drawn[away].mean() > habits_of(home).standby * home.household.base_load_kw


@pytest.mark.parametrize("minutes", [15, 60])
def test_longer_steps_tell_the_same_energy_of_every_part(minutes: int):
    home = Home(seed=9, timezone="Europe/Berlin", latitude=50.0)
    fine, coarse = load(home, days=14), load(home, days=14, minutes=minutes)
    for name in PARTS:
        energy = getattr(fine, name).reshape(14, -1).mean(axis=1)
        np.testing.assert_allclose(getattr(coarse, name).reshape(14, -1).mean(axis=1), energy, rtol=0.01, atol=1e-3, err_msg=name)


def test_a_fleet_is_as_diverse_as_a_real_one():
    grid = TimeGrid(start=datetime(2024, 1, 1, tzinfo=UTC), step=timedelta(hours=1), count=24 * 56)
    home = Home(seed=1, region="town", household=Household(has_ev=False), battery=None)
    fleet = np.array([simulate(replace(home, site_id=f"home-{n}"), grid).arrays.values["total_load_kw"] for n in range(40)])
    energy = fleet.mean(axis=1)
    assert 0.3 < energy.std() / energy.mean() < 0.8
    correlations = np.corrcoef(fleet)[np.triu_indices(len(fleet), 1)]
    assert 0.1 < correlations.mean() < 0.4
    assert correlations.max() < 0.9


def test_a_day_is_like_the_day_before_as_in_real_homes_neither_copied_nor_noise():
    grid = TimeGrid(start=datetime(2024, 3, 1, tzinfo=UTC), step=timedelta(hours=1), count=24 * 84)
    home = Home(seed=2, timezone="Europe/London", latitude=51.5, longitude=-0.1, battery=None)
    gas_heated = replace(home, household=Household(has_ev=False, hvac_capacity_kw=0.0, base_load_kw=0.15))
    days, hours = [], []
    for number in range(15):
        kw = simulate(replace(gas_heated, site_id=f"home-{number}"), grid).arrays.values["total_load_kw"]
        days.append(np.corrcoef(kw[24:], kw[:-24])[0, 1])
        hours.append(np.corrcoef(kw[1:], kw[:-1])[0, 1])
    assert 0.2 < np.median(days) < 0.6
    assert 0.4 < np.median(hours) < 0.75


def test_a_home_keeps_its_hours_from_season_to_season_and_its_neighbour_keeps_others():
    grid = TimeGrid(start=datetime(2024, 2, 5, tzinfo=UTC), step=timedelta(hours=1), count=24 * 112)
    home = Home(seed=6, household=Household(has_ev=False, hvac_capacity_kw=0.0), battery=None)
    street = [simulate(replace(home, site_id=f"home-{n}"), grid).arrays.values["total_load_kw"] for n in range(12)]
    # the mean day of the first and of the second eight weeks, less the street's
    early, late = (np.array([kw.reshape(2, -1, 24)[half].mean(axis=0) / kw.mean() for kw in street]) for half in (0, 1))
    alike = np.corrcoef(early - early.mean(axis=0), late - late.mean(axis=0))[:12, 12:]
    assert np.diag(alike).mean() > 0.5
    assert np.diag(alike).mean() > alike[~np.eye(12, dtype=np.bool_)].mean() + 0.4


def test_machines_with_a_clock_run_while_nobody_is_up():
    living, _ = life_of(a_home_of(Role.WORKER), days=120)
    idle = []
    for timers in (False, True):
        appliances, _ = runs_of(replace(living, habits=replace(living.habits, timers=timers)))
        idle.append((living.occupancy.awake[living.lattice.cells_of(appliances.start_us)] == 0).sum())
    assert idle[1] > idle[0] + 10


def test_a_home_with_more_that_never_rests_has_more_to_switch_on():
    energy = []
    for base in (0.1, 1.0):
        living, _ = life_of(Home(seed=9, household=Household(base_load_kw=base)), days=56)
        energy.append(sum(float(((runs.end_us - runs.start_us) * runs.power_kw).sum()) for runs in runs_of(living)))
    assert energy[1] > 1.4 * energy[0]
