"""A battery keeps its bounds and loses the same at every step length."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.storage import BATTERY_CYCLES, BATTERY_PRICE_PER_KWH, advance, wear_cost_per_kwh
from tests.factories import a_battery

energies = st.floats(0.0, 13.5)
powers = st.floats(-20.0, 20.0)
hours = st.sampled_from([1 / 12, 0.25, 0.5, 1.0])


@given(energies, powers, hours)
def test_a_step_never_leaves_the_band_further_than_it_began(energy: float, power: float, step_hours: float) -> None:
    spec = a_battery()
    after = advance(spec, energy_kwh=energy, power_kw=power, step_hours=step_hours).energy_kwh
    assert min(energy, spec.min_energy_kwh) - 1e-9 <= after <= max(energy, spec.max_energy_kwh) + 1e-9


@given(energies, powers, hours)
def test_power_never_exceeds_its_rate_nor_turns_round(energy: float, power: float, step_hours: float) -> None:
    spec = a_battery(max_charge_rate_kw=3.0, max_discharge_rate_kw=4.0)
    moved = advance(spec, energy_kwh=energy, power_kw=power, step_hours=step_hours).power_kw
    assert -4.0 <= moved <= 3.0
    assert moved * power >= 0.0


@given(st.floats(2.0, 10.0), st.floats(-1.0, 1.0))
def test_four_quarters_of_an_hour_move_what_one_hour_moves(energy: float, power: float) -> None:
    spec = a_battery()
    whole = advance(spec, energy_kwh=energy, power_kw=power, step_hours=1.0)
    stored = energy
    for _ in range(4):
        stored = advance(spec, energy_kwh=stored, power_kw=power, step_hours=0.25).energy_kwh
    if abs(whole.power_kw - power) < 1e-12:
        assert stored == pytest.approx(whole.energy_kwh)


def test_a_round_trip_loses_both_efficiencies() -> None:
    spec = a_battery(charge_efficiency=0.9, discharge_efficiency=0.8)
    up = advance(spec, energy_kwh=5.0, power_kw=2.0, step_hours=1.0)
    down = advance(spec, energy_kwh=up.energy_kwh, power_kw=-2.0 * 0.9 * 0.8, step_hours=1.0)
    assert down.energy_kwh == pytest.approx(5.0)


def test_wear_is_the_batterys_own_figure_or_price_over_lifetime_throughput() -> None:
    assert wear_cost_per_kwh(a_battery(wear_cost_per_kwh=0.0)) == 0.0
    usable = a_battery(min_soc_percent=10.0, max_soc_percent=90.0)
    assert wear_cost_per_kwh(usable) == pytest.approx(BATTERY_PRICE_PER_KWH / (2 * BATTERY_CYCLES * 0.8))
    assert wear_cost_per_kwh(a_battery(min_soc_percent=50.0, max_soc_percent=50.0)) == 0.0
