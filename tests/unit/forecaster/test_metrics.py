import math

import numpy as np
import pytest

from services.forecaster.model import metrics


def test_pinball_is_the_mean_over_levels_of_the_weighted_miss():
    actual = np.array([2.0, 0.0])
    quantiles = np.array([[1.0, 3.0], [1.0, 1.0]])
    # row 1: 0.1 * 1 and 0.1 * 1; row 2: 0.9 * 1 and 0.1 * 1
    assert metrics.pinball_losses(actual, quantiles, (0.1, 0.9)) == pytest.approx([0.1, 0.5])
    assert metrics.pinball(actual, quantiles, (0.1, 0.9)) == pytest.approx(0.3)


def test_pinball_of_the_median_is_half_the_absolute_error():
    assert metrics.pinball(np.array([4.0]), np.array([[1.0]]), (0.5,)) == pytest.approx(1.5)


def test_mae_and_its_share_of_the_mean():
    actual, median = np.array([1.0, 3.0]), np.array([2.0, 3.0])
    assert metrics.mean_absolute_error(actual, median) == pytest.approx(0.5)
    assert metrics.normalised_mae(actual, median) == pytest.approx(0.25)


def test_normalised_mae_of_nothing_but_zeros_is_unknown():
    assert math.isnan(metrics.normalised_mae(np.zeros(3), np.ones(3)))


def test_coverage_counts_both_ends_of_the_band():
    actual = np.array([1.0, 2.0, 3.0, 3.1])
    assert metrics.coverage(actual, np.full(4, 1.0), np.full(4, 3.0)) == pytest.approx(0.75)
    assert metrics.mean_width(np.full(4, 1.0), np.full(4, 3.0)) == pytest.approx(2.0)


def test_skill_is_the_share_of_the_loss_that_was_avoided():
    assert metrics.skill(0.75, 1.0) == pytest.approx(0.25)
    assert metrics.skill(2.0, 1.0) == pytest.approx(-1.0)
    assert metrics.skill(1.0, 0.0) is None
    assert metrics.skill(float("nan"), 1.0) is None
