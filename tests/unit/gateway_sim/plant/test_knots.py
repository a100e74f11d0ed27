"""Quantities between knots."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.gateway_sim.plant.knots import Knots
from services.gateway_sim.plant.noise import HOUR_US


@given(start=st.integers(-(10**12), 10**12), step=st.integers(1, 10**10), count=st.integers(1, 200))
def test_a_line_between_knots_is_that_line(start: int, step: int, count: int):
    instants = start + np.arange(count, dtype=np.int64) * step
    knots = Knots.around(instants, HOUR_US)
    np.testing.assert_allclose(knots.between(3.0 + 2.0 * knots.instants_us), 3.0 + 2.0 * instants, rtol=1e-12, atol=1e-3)


@given(start=st.integers(-(10**15), 10**15), count=st.integers(1, 200), first=st.integers(0, 199))
def test_a_part_of_a_range_has_the_values_of_the_range(start: int, count: int, first: int):
    instants = start + np.arange(count, dtype=np.int64) * (HOUR_US // 7)
    whole, part = Knots.around(instants, HOUR_US), Knots.around(instants[first % count :], HOUR_US)
    np.testing.assert_array_equal(
        whole.between(np.sin(whole.instants_us / 1e10))[first % count :], part.between(np.sin(part.instants_us / 1e10))
    )


def test_no_instants_have_no_values():
    knots = Knots.around(np.zeros(0, dtype=np.int64), HOUR_US)
    assert knots.between(np.zeros(len(knots.instants_us))).shape == (0,)
