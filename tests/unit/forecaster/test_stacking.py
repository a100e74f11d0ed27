import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.forecaster.model.stacking import DAYS, Day, shares

HOURS = 24


def day(truth, *points):
    return Day(points=np.array(points, dtype=float), actual=np.asarray(truth, dtype=float))


def error(days, weights):
    return np.mean([np.abs(weights @ each.points - each.actual).mean() for each in days])


def noisy(seed, *, spreads, count=30):
    rng = np.random.default_rng(seed)
    truths = rng.gamma(2.0, 0.5, (count, HOURS))
    return [day(truth, *(truth + rng.normal(0.0, spread, HOURS) for spread in spreads)) for truth in truths]


def test_before_anything_was_measured_the_first_part_speaks_nearly_alone():
    found = shares([], parts=3)
    assert found[0] == pytest.approx(0.9)
    np.testing.assert_array_equal(shares([day([np.nan] * HOURS, *np.ones((3, HOURS)))], parts=3), found)
    assert shares([], parts=1).tolist() == [1.0]


@given(seed=st.integers(0, 1000), spreads=st.lists(st.floats(0.05, 2.0), min_size=2, max_size=5))
def test_shares_are_a_division_of_one_and_no_error_of_any_part_makes_the_blend_worse_than_it(seed, spreads):
    days = noisy(seed, spreads=spreads)
    found = shares(days, parts=len(spreads))
    assert (found >= 0).all()
    assert found.sum() == pytest.approx(1.0)
    assert error(days, found) < 1.1 * min(error(days, one) for one in np.eye(len(spreads)))


def test_parts_that_err_in_opposite_ways_share_the_word():
    truth = np.linspace(1.0, 2.0, HOURS)
    days = [day(truth, truth + 0.5, truth - 0.5)] * 20
    found = shares(days, parts=2)
    assert found[1] > 0.3
    assert error(days, found) < 0.5 * error(days, np.array([1.0, 0.0]))


def test_what_is_long_past_is_forgotten():
    truth = np.linspace(1.0, 2.0, HOURS)
    early, late = [day(truth, truth + 1.0, truth)] * DAYS, [day(truth, truth, truth + 1.0)] * DAYS
    assert shares(early, parts=2)[0] < 0.1
    assert shares([*early, *late], parts=2).tolist() == [1.0, 0.0]


@given(seed=st.integers(0, 1000), unit=st.floats(0.1, 1000.0))
def test_the_unit_does_not_matter(seed, unit):
    days = noisy(seed, spreads=(0.3, 0.4), count=5)
    scaled = [Day(points=each.points * unit, actual=each.actual * unit) for each in days]
    np.testing.assert_allclose(shares(scaled, parts=2), shares(days, parts=2), atol=1e-6)
