"""Rainflow counting: the standard's own example, nothing lost and nothing counted twice, and a count that goes on."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway_sim.plant.battery import turning_points
from services.gateway_sim.plant.battery_loop import close, turn

LEVELS = st.lists(st.floats(0.0, 100.0) | st.integers(0, 100).map(float), min_size=1, max_size=80)
DEPTHS = np.arange(101.0)


def counted(levels: Sequence[float], weight: np.ndarray, closes: frozenset[int] = frozenset()) -> float:
    """The weights of all cycles of a history, whose residue closes after some of its values and at its end."""
    points, count, total = np.zeros(len(levels) + 1), 0, 0.0
    for index, level in enumerate(levels):
        count, wear = turn(points, count, level, weight)
        total += wear
        if index in closes:
            total += close(points, count, weight)
            count = 1
    return total + close(points, count, weight)


@pytest.mark.parametrize(("depth", "cycles"), [(3, 0.5), (4, 1.5), (6, 0.5), (7, 0.0), (8, 1.0), (9, 0.5)])
def test_the_example_of_the_standard_is_counted_as_it_says(depth: int, cycles: float):
    history = np.array([-2.0, 1.0, -3.0, 5.0, -1.0, 3.0, -4.0, 4.0, -2.0])  # ASTM E1049-85, figure 6
    assert counted(history + 50.0, (depth == DEPTHS).astype(float)) == cycles


@given(levels=LEVELS, closes=st.frozensets(st.integers(0, 79)))
def test_the_ranges_of_all_half_cycles_together_are_the_whole_movement(levels: list[float], closes: frozenset[int]):
    assert 2.0 * counted(levels, DEPTHS, closes) == pytest.approx(np.abs(np.diff(levels)).sum(), abs=1e-9)


@given(levels=LEVELS, more=st.lists(st.floats(0.0, 1.0), min_size=80, max_size=80))
def test_points_on_the_way_between_two_turns_change_no_count(levels: list[float], more: list[float]):
    detailed = [levels[0]]
    for before, after, share in zip(levels, levels[1:], more, strict=False):
        detailed += [before + share * (after - before), after]
    deep = DEPTHS**2
    assert counted(detailed, deep) == pytest.approx(counted(levels, deep), rel=1e-9, abs=1e-9)


@given(levels=LEVELS)
def test_the_open_points_end_now_and_turn_at_each(levels: list[float]):
    points = turning_points(levels)
    assert points[-1] == levels[-1]
    moves = np.diff(points)
    assert (moves != 0.0).all()
    assert (np.sign(moves[1:]) == -np.sign(moves[:-1])).all()


@given(levels=LEVELS, again=LEVELS)
def test_a_history_of_its_open_points_is_counted_on_as_the_whole(levels: list[float], again: list[float]):
    assert turning_points(levels + again) == turning_points([*turning_points(levels), *again])
