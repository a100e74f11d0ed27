"""Counter-based randomness."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.gateway_sim.plant.noise import HOUR_US, Stream

DAYS = np.arange(20_000, 24_000)


def test_numbers_of_a_day_do_not_depend_on_which_other_days_are_asked_for():
    stream = Stream.of(1, "home", "cloud")
    np.testing.assert_array_equal(stream.normal(DAYS, 3)[100:103], stream.normal(DAYS[100:103], 3))


def test_uniform_numbers_fill_the_interval_evenly():
    numbers = Stream.of(1, "home", "cloud").uniform(DAYS, 10).ravel()
    assert numbers.min() > 0.0
    assert numbers.max() < 1.0
    counts, _ = np.histogram(numbers, bins=20, range=(0, 1))
    # chi-square with 19 degrees of freedom is below 43.8 in 99.9 percent of fair draws
    assert ((counts - 2000) ** 2 / 2000).sum() < 43.8


def test_normal_numbers_have_mean_zero_variance_one_and_no_memory():
    numbers = Stream.of(1, "home", "cloud").normal(DAYS, 4)
    assert abs(numbers.mean()) < 0.03
    assert abs(numbers.std() - 1.0) < 0.03
    assert abs(np.corrcoef(numbers[1:, 0], numbers[:-1, 0])[0, 1]) < 0.06
    assert abs(np.corrcoef(numbers[:, 0], numbers[:, 1])[0, 1]) < 0.06


@given(seed=st.integers(0, 2**40), other=st.integers(0, 2**40))
def test_seed_site_and_name_each_make_another_stream(seed: int, other: int):
    here = Stream.of(seed, "home", "cloud")
    assert here.key != Stream.of(seed, "house", "cloud").key
    assert here.key != Stream.of(seed, "home", "wind").key
    assert (here.key == Stream.of(other, "home", "cloud").key) == (seed == other)


@given(start=st.integers(-(10**6), 10**6), length=st.integers(1, 300), cut=st.integers(0, 299))
def test_a_persistent_process_cut_out_equals_the_whole(start: int, length: int, cut: int):
    stream = Stream.of(3, "home", "air")
    instants = (start + np.arange(length, dtype=np.int64)) * (HOUR_US // 3)
    whole = stream.persistent(instants, spacing_us=HOUR_US, memory_us=6 * HOUR_US)
    part = stream.persistent(instants[cut % length :], spacing_us=HOUR_US, memory_us=6 * HOUR_US)
    np.testing.assert_array_equal(whole[cut % length :], part)


def test_a_persistent_process_remembers_for_its_memory_and_no_longer():
    hours = np.arange(50_000, dtype=np.int64) * HOUR_US
    air = Stream.of(3, "home", "air").persistent(hours, spacing_us=HOUR_US, memory_us=10 * HOUR_US)
    assert abs(air.std() - 1.0) < 0.05
    assert 0.25 < np.corrcoef(air[10:], air[:-10])[0, 1] < 0.48  # 1/e is 0.37
    assert abs(np.corrcoef(air[60:], air[:-60])[0, 1]) < 0.06


def test_half_way_between_knots_a_persistent_process_deviates_a_little_less():
    half_hours = np.arange(100_000, dtype=np.int64) * (HOUR_US // 2)
    air = Stream.of(3, "home", "air").persistent(half_hours, spacing_us=HOUR_US, memory_us=HOUR_US)
    assert abs(air[::2].std() - 1.0) < 0.02
    assert abs(air[1::2].std() - ((1.0 + np.exp(-1.0)) / 2.0) ** 0.5) < 0.02
