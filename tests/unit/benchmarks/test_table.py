"""Inside or outside: the median simulated home and most of the others."""

import numpy as np
import pytest

from likeness.table import range_of, rows_of


def figures(*values: float) -> list[dict[str, float]]:
    return [{"x": value} for value in values]


def one_row(real, simulated):
    (row,) = rows_of({"x": "kWh"}, {"place": figures(*real)}, figures(*simulated))
    return row


def test_one_odd_home_among_many_does_not_set_the_range():
    low, high = range_of(np.array([*np.linspace(1.0, 2.0, 99), 1000.0]))
    assert 1.0 <= low < 1.1
    assert 1.9 < high <= 2.0


def test_few_homes_give_a_range_from_least_to_most():
    assert range_of(np.array([3.0, 1.0, 2.0])) == (1.0, 3.0)


@pytest.mark.parametrize(
    ("simulated", "inside"),
    [
        ([1.5] * 10, True),
        ([1.5] * 9 + [9.0], True),
        ([1.5] * 8 + [9.0] * 2, False),
        ([0.5] * 6 + [1.5] * 4, False),
    ],
)
def test_the_median_and_nine_tenths_must_lie_inside(simulated, inside):
    assert one_row([1.0, 2.0], simulated).inside is inside


def test_homes_without_the_measure_are_left_out():
    row = one_row([1.0, 2.0, float("nan")], [1.5, float("nan")])
    assert (row.real_high, row.share_inside) == (2.0, 1.0)


def test_a_measure_that_one_side_lacks_has_no_row():
    assert rows_of({"x": "kWh"}, {"place": figures(1.0)}, [{}]) == []


def test_real_homes_are_put_to_the_range_of_other_places():
    real = {"town": figures(1.0, 2.0), "coast": figures(1.5), "hills": figures(9.0)}
    (row,) = rows_of({"x": "kWh"}, real, figures(1.5))
    assert row.real_share_inside == pytest.approx(2 / 4)  # 2.0 and 1.5; 1.0 and 9.0 lie at the ends


def test_one_place_alone_has_no_others():
    assert one_row([1.0, 2.0], [1.5]).real_share_inside is None
