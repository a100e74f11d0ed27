"""Each chemistry's tables mean what their laws say."""

from math import exp, sqrt

import numpy as np
import pytest

from services.gateway_sim.plant.cells import cells_of
from services.gateway_sim.plant.equipment import Chemistry


@pytest.mark.parametrize("chemistry", Chemistry)
def test_tables_go_one_way_over_the_whole_range(chemistry: Chemistry):
    cells = cells_of(chemistry)
    for table in (cells.rest_volts, cells.calendar, cells.cycle, -cells.acceptance):
        assert table.shape == (101,)
        assert (np.diff(table) >= 0.0).all()
    assert cells.cycle[0] == 0.0
    assert cells.lowest_volts < cells.rest_volts[0]
    assert cells.rest_volts[100] < cells.highest_volts
    assert (cells.calendar >= 0.0).all()


def test_ten_years_at_half_charge_and_25_celsius_lose_what_the_published_laws_say():
    seconds = 10.0 * 365.2425 * 86_400.0
    assert 10.0 * cells_of(Chemistry.LFP).calendar[50] == pytest.approx(1.2571e-5 * 0.60225 * sqrt(seconds))
    volts = float(cells_of(Chemistry.NMC).rest_volts[50])
    law = (7.543 * volts - 23.75) * 1e6 * exp(-6976.0 / 298.15) * 3652.425**0.75
    assert 10.0 * cells_of(Chemistry.NMC).calendar[50] == pytest.approx(law)


def test_ten_years_of_a_daily_cycle_lose_what_the_published_laws_say():
    full = (0.0630 * 0.3 + 0.0971) * (4.0253 * 0.4**3 + 1.0923) * sqrt(3650.0) / 100.0
    assert 3650.0 * cells_of(Chemistry.LFP).cycle[100] == pytest.approx(full)
    # 3,000 cycles of 80 percent are the life of the cells
    assert 3000.0 * cells_of(Chemistry.NMC).cycle[80] == pytest.approx(0.2, rel=0.01)


def test_deep_cycles_wear_more_for_their_energy_than_flat_ones_most_with_nickel():
    iron, nickel = (cells_of(chemistry).cycle for chemistry in (Chemistry.LFP, Chemistry.NMC))
    assert iron[80] / 80.0 > iron[20] / 20.0
    assert nickel[80] / nickel[20] > iron[80] / iron[20]
