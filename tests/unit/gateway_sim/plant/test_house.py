"""The house, its thermostat and its heat pump."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway_sim.plant.equipment import Home, Household
from services.gateway_sim.plant.house import _heating_cop, _live, cells_kw, hvac_kw
from services.gateway_sim.plant.lattice import CELL_US, SPIN_UP_CELLS, WEEK_CELLS
from services.gateway_sim.plant.noise import Floats
from shared.domain.time import TimeGrid
from tests.unit.gateway_sim.plant.households import NEW_YEAR, life_of

CELLS = SPIN_UP_CELLS + WEEK_CELLS


def lived(outdoor: Floats, *, compiled: bool = False, gains: float = 0.0, heat_to: float = 20.0, cool_to: float = 25.0) -> Floats:
    """Power in a week of a house that loses 0.2 kW/K with a heat pump of 3 kW."""
    power = np.zeros(CELLS)
    run = _live.compiled if compiled else _live.plain
    whole = [np.full(CELLS, value) for value in (gains, heat_to, cool_to)]
    run(outdoor, *whole, power, 1, WEEK_CELLS, SPIN_UP_CELLS, CELL_US / 3.6e9, 0.2, 1.5, 6.0, 1.0, 3.0)
    return power[SPIN_UP_CELLS:]


def test_a_steady_week_needs_what_the_house_loses_over_the_heat_pumps_cop():
    power = lived(np.full(CELLS, 0.0))
    assert power[-1] == pytest.approx(0.2 * 20.0 / _heating_cop(0.0), rel=0.15)  # walls store half of the loss, and settle slowly
    assert np.ptp(power[-72:]) < 0.02 * power.mean()


def test_the_heat_pump_never_draws_more_than_it_can():
    assert lived(np.full(CELLS, -60.0)) == pytest.approx(np.full(WEEK_CELLS, 3.0))


def test_cold_air_costs_more_than_its_degrees():
    mild, cold = lived(np.full(CELLS, 5.0))[-1], lived(np.full(CELLS, -10.0))[-1]
    assert cold / mild > 30.0 / 15.0 * 1.2


def test_it_cools_in_summer_and_rests_between():
    assert lived(np.full(CELLS, 38.0))[-1] > 0.3
    assert (lived(np.full(CELLS, 21.0)) == 0.0).all()


def test_sun_and_people_save_heat():
    assert lived(np.full(CELLS, 0.0), gains=1.0).sum() < 0.8 * lived(np.full(CELLS, 0.0)).sum()


def test_a_set_back_night_costs_less_than_a_warm_one():
    assert lived(np.full(CELLS, 0.0), heat_to=17.0).sum() < 0.9 * lived(np.full(CELLS, 0.0)).sum()


@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 1000))
def test_the_compiled_loop_gives_the_same_bits(seed: int):
    outdoor = np.random.default_rng(seed).normal(10.0, 15.0, CELLS)
    np.testing.assert_array_equal(lived(outdoor), lived(outdoor, compiled=True))


@settings(max_examples=10)
@given(number=st.integers(0, 100), first=st.integers(0, 3000), count=st.integers(1, 2000))
def test_the_power_of_a_part_is_cut_out_of_the_whole(number: int, first: int, count: int):
    home = Home(seed=3, site_id=f"home-{number}", timezone="Europe/Berlin", latitude=50.0)
    living, steps = life_of(home, days=20)
    whole = hvac_kw(living, steps)[first : first + count]
    grid = TimeGrid(start=steps.grid[first], step=steps.grid.step, count=len(whole))
    part_living, _ = life_of(home, days=len(whole) / 288, start=grid.start)
    np.testing.assert_array_equal(whole, hvac_kw(part_living, replace(steps, grid=grid)))


def test_cycles_of_the_compressor_keep_the_energy_of_their_cell():
    living, steps = life_of(Home(seed=3, timezone="Europe/Berlin", latitude=50.0), days=30)
    first = (int(steps.starts_us[0]) - living.lattice.first_us) // CELL_US
    cells = cells_kw(living)[first : first + 28 * 72]
    power = hvac_kw(living, steps)[: 28 * 288]
    np.testing.assert_allclose(power.reshape(-1, 4).mean(axis=1), cells, atol=1e-6)
    assert (power > 0.0).mean() < (cells > 0.0).mean()


def test_weeks_join_without_a_visible_seam():
    living, _ = life_of(Home(seed=3, timezone="Europe/Berlin", latitude=50.0), days=80)
    cells = cells_kw(living)[SPIN_UP_CELLS:-1]
    ramps = np.abs(np.diff(cells))
    seams = ramps[WEEK_CELLS - 1 :: WEEK_CELLS]
    assert seams.mean() < 3.0 * ramps.mean() + 0.05


def test_an_empty_house_is_kept_cool_in_winter():
    home = Home(seed=3, timezone="Europe/Berlin", latitude=52.0)
    winters = [life_of(replace(home, site_id=f"home-{number}"), days=60) for number in range(12)]
    lived_in, empty = [], []
    for living, _ in winters:
        power, away = cells_kw(living)[SPIN_UP_CELLS:-1], living.occupancy.away[SPIN_UP_CELLS:-1]
        lived_in += power[~away].tolist()
        empty += power[away].tolist()
    assert empty
    assert np.mean(empty) < 0.6 * np.mean(lived_in)


def test_no_heat_pump_draws_nothing():
    living, steps = life_of(Home(household=Household(hvac_capacity_kw=0.0)), days=2)
    assert (hvac_kw(living, steps) == 0.0).all()


def test_summer_in_the_south_is_in_january():
    def cold(latitude: float, month: int) -> float:
        living, steps = life_of(Home(seed=8, latitude=latitude), days=28, start=datetime(2024, month, 1, tzinfo=UTC))
        return float(hvac_kw(living, steps).mean())

    assert cold(50.0, 1) > 2.0 * cold(50.0, 7)
    assert cold(-50.0, 7) > 2.0 * cold(-50.0, 1)


def test_a_single_step_lives_through_ten_days_only():
    living, _ = life_of(Home(), days=1 / 288, start=NEW_YEAR + timedelta(days=3))
    assert living.lattice.count == CELLS + 1


@pytest.mark.parametrize(("latitude", "longitude"), [(52.5, 13.4), (69.6, 18.9)])
def test_few_heat_pumps_run_flat_out_for_days_wherever_they_stand(latitude: float, longitude: float):
    flat_out = []
    for seed in range(12):
        home = Home(seed=seed, timezone="Europe/Berlin", latitude=latitude, longitude=longitude)
        full = hvac_kw(*life_of(home, days=90, start=datetime(2023, 12, 1, tzinfo=UTC))) >= 0.98 * home.household.hvac_capacity_kw
        edges = np.flatnonzero(np.diff(np.concatenate([[0], full.astype(int), [0]])))
        hours_a_step = 90 * 24 / len(full)
        flat_out.append(hours_a_step * max((edges[1::2] - edges[::2]).tolist(), default=0))
    assert np.median(flat_out) < 12
    assert np.mean(np.array(flat_out) > 72) < 0.2
