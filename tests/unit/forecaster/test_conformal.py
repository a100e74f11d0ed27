import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from services.forecaster.model.conformal import LEAST, MOST, Band
from shared.domain.forecast import QUANTILE_LEVELS

LEVELS = np.array(QUANTILE_LEVELS)
NORMAL = np.array([-1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645])
HOURS = 24


def followed(width, *, days, seed=1):
    """A band that was told of days whose spread is 1 where the model says `width`; the share of outcomes below each level at the end."""
    rng, band, below = np.random.default_rng(seed), Band.untouched(QUANTILE_LEVELS), []
    for _ in range(days):
        quantiles = band.apply(np.tile(width * NORMAL, (HOURS, 1)))
        actual = rng.normal(size=HOURS)
        below.append((actual[:, None] < quantiles).mean(axis=0))
        band = band.learnt(quantiles, actual)
    return band, np.mean(below[days // 2 :], axis=0)


@pytest.mark.parametrize("width", [0.4, 1.0, 2.5])
def test_whatever_a_model_says_outcomes_come_to_lie_below_each_level_as_often_as_promised(width):
    band, below = followed(width, days=400)
    np.testing.assert_allclose(below, LEVELS, atol=0.025)
    assert ((band.factors < 1) == (width > 1))[[0, 1, 2, 4, 5, 6]].all() or width == 1.0


@given(quantiles=arrays(float, (5, 7), elements=st.floats(-10, 10)), actual=arrays(float, 5, elements=st.floats(-20, 20)))
def test_bands_stay_ordered_and_bounded_and_leave_the_median(quantiles, actual):
    quantiles = np.sort(quantiles, axis=1)
    band = Band.untouched(QUANTILE_LEVELS)
    for _ in range(60):
        band = band.learnt(band.apply(quantiles), actual)
    moved = band.apply(quantiles)
    assert (np.diff(moved, axis=1) >= 0).all()
    np.testing.assert_array_equal(moved[:, 3], quantiles[:, 3])
    assert ((band.factors >= LEAST) & (band.factors <= MOST)).all()


def test_what_was_not_measured_teaches_nothing():
    band = Band.untouched(QUANTILE_LEVELS)
    assert band.learnt(np.tile(NORMAL, (3, 1)), np.full(3, np.nan)) is band
