from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.forecaster.model import pool, solar
from services.forecaster.model.history import History
from services.forecaster.model.pool import ROWS_TOGETHER, WORDS_FILE, Pool
from services.forecaster.model.pooled_design import UNKNOWN_LEVEL_KW, Asked, pooled_design, pooled_designs
from services.forecaster.model.quantile import UnreadableModelError
from services.forecaster.model.split import pairs
from shared.domain.forecast import QUANTILE_LEVELS, Target
from tests.unit.forecaster.tables import a_series, a_table

DAY = 24
NOW = 40 * DAY
ISSUES = np.array([30 * DAY + 7, 35 * DAY, NOW])


def homes(target: Target = Target.LOAD, *, count: int = 4) -> list[History]:
    """Of one kind, each of another size."""
    every = [a_series(target, table=a_table(seed=seed)) for seed in range(count)]
    return [History(series=replace(each, values=each.values * (1 + number)), known=NOW) for number, each in enumerate(every)]


@pytest.fixture(scope="module")
def load_pool() -> Pool:
    found = pool.fit(homes(), rows=6_000, seed=1)
    assert found is not None
    return found


def said(model, series, *, known: int = NOW):
    return model.quantiles(History(series=series, known=known), pairs(series, ISSUES))


def changed(series, *, since: int = 0, until: int | None = None, to: float = 50.0):
    values = series.values.copy()
    values[since:until] = to
    return replace(series, values=values)


@settings(max_examples=15, deadline=None)
@given(known=st.integers(1, NOW), ahead=st.integers(0, 47), age=st.integers(0, 35 * DAY))
def test_a_row_reads_nothing_after_it_was_known_nor_before_its_history_begins(known, ahead, age):
    series = a_series(Target.LOAD)
    since = max(0, known - age)
    row = {"known": np.array([known]), "step": np.array([known + ahead]), "since": np.array([since])}
    before = pooled_design(series, **row)
    for other in (changed(series, since=known), changed(series, until=since)):
        after = pooled_design(other, **row)
        # sums over other values round differently
        np.testing.assert_allclose(after.matrix, before.matrix, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(after.level, before.level)


@settings(max_examples=10, deadline=None)
@given(factor=st.floats(0.5, 20.0))
def test_a_site_that_is_larger_has_the_same_rows_but_for_its_size(factor):
    series = a_series(Target.LOAD)
    rows = pairs(series, ISSUES)
    small = pooled_design(series, known=rows.known, step=rows.step)
    large = pooled_design(replace(series, values=series.values * factor), known=rows.known, step=rows.step)
    size = small.names.index("log_level")
    np.testing.assert_allclose(np.delete(large.matrix, size, axis=1), np.delete(small.matrix, size, axis=1), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(large.level, small.level * factor)


def test_rows_are_the_same_in_whatever_company():
    series = a_series(Target.LOAD)
    rows = pairs(series, ISSUES)
    together = pooled_design(series, known=rows.known, step=rows.step)
    for place in (0, 50, len(rows) - 1):
        alone = pooled_design(series, known=rows.known[[place]], step=rows.step[[place]])
        np.testing.assert_array_equal(alone.matrix[0], together.matrix[place])


@settings(max_examples=10, deadline=None)
@given(sites=st.lists(st.tuples(st.integers(0, 5), st.integers(0, NOW), st.integers(0, 40)), min_size=1, max_size=5))
def test_rows_of_many_sites_are_those_of_each_to_the_last_bit(sites):
    asked = []
    for seed, known, days in sites:
        series = a_series(Target.LOAD, table=a_table(seed=seed))
        step = np.arange(known, min(known + 48, series.count))
        asked.append(Asked(series=series, known=np.full(len(step), known), step=step, since=np.full(len(step), max(0, known - days * DAY))))
    together = pooled_designs(asked)
    alone = [pooled_design(each.series, known=each.known, step=each.step, since=each.since) for each in asked]
    np.testing.assert_array_equal(together.matrix, np.concatenate([each.matrix for each in alone]))
    np.testing.assert_array_equal(together.level, np.concatenate([each.level for each in alone]))


def test_sites_forecast_together_are_forecast_as_each_alone(load_pool):
    coarse = a_series(Target.LOAD)
    finer = replace(coarse, step=timedelta(minutes=30))
    histories = [*homes(), History(series=finer, known=NOW), *homes(count=2)]
    often = np.arange(20 * DAY, NOW, 3)
    rows = [pairs(each.series, ISSUES if number % 2 else often, hours=20) for number, each in enumerate(histories)]
    assert sum(map(len, rows)) > ROWS_TOGETHER
    many = load_pool.quantiles_many(histories, rows)
    for said_together, history, wanted in zip(many, histories, rows, strict=True):
        np.testing.assert_allclose(said_together, load_pool.quantiles(history, wanted), rtol=1e-5, atol=1e-6)


def test_no_site_has_no_forecast(load_pool):
    assert load_pool.quantiles_many([], []) == []


def test_it_forecasts_a_site_that_it_has_never_seen_better_than_yesterday(load_pool):
    stranger = a_series(Target.LOAD, table=a_table(seed=99))
    issues = np.arange(20 * DAY, 37 * DAY, DAY)
    rows = pairs(stranger, issues, hours=24)
    median = load_pool.quantiles(History(series=stranger, known=20 * DAY), rows)[:, QUANTILE_LEVELS.index(0.5)]
    actual = stranger.values[rows.step]
    yesterday = stranger.values[rows.step - DAY]
    assert np.abs(actual - median).mean() < 0.8 * np.abs(actual - yesterday).mean()


@pytest.mark.parametrize("history", ["nothing", "an hour", "zeros", "one value", "gaps"])
def test_whatever_the_history_a_forecast_is_ordered_and_finite(load_pool, history):
    series = a_series(Target.LOAD)
    odd = {
        "nothing": changed(series, to=np.nan),
        "an hour": changed(series, until=ISSUES[0] - 1, to=np.nan),
        "zeros": changed(series, to=0.0),
        "one value": changed(series, to=2.0),
        "gaps": changed(series, since=10, until=ISSUES[0] - 30, to=np.nan),
    }[history]
    step = ISSUES[0] + np.arange(48)
    rows = replace(pairs(series, ISSUES[:1]), issue=np.repeat(ISSUES[:1], 48), known=odd.known_at(np.repeat(ISSUES[:1], 48)), step=step)
    quantiles = load_pool.quantiles(History(series=odd, known=int(ISSUES[0])), rows)
    assert np.isfinite(quantiles).all()
    assert (np.diff(quantiles, axis=1) >= 0).all()
    assert (quantiles >= 0).all()
    if history == "nothing":
        assert 0.1 * UNKNOWN_LEVEL_KW < quantiles[:, 3].mean() < 10 * UNKNOWN_LEVEL_KW


def test_the_same_rows_and_seed_make_the_same_pool():
    first, second = (pool.fit(homes(count=2), rows=1_500, seed=3) for _ in range(2))
    assert first.to_files() == second.to_files()


def test_too_little_to_learn_from_makes_no_pool():
    assert pool.fit([], rows=1_000, seed=1) is None
    young = [replace(each, known=3) for each in homes(count=2)]
    assert pool.fit(young, rows=1_000, seed=1) is None


def test_a_pool_read_back_says_the_same_to_the_last_bit(load_pool):
    series = a_series(Target.LOAD)
    np.testing.assert_array_equal(said(pool.from_files(load_pool.to_files()), series), said(load_pool, series))


def test_a_solar_model_read_back_says_the_same_to_the_last_bit():
    model = solar.fit(homes(Target.SOLAR, count=2), rows=2_000, seed=1)
    assert model is not None
    series = a_series(Target.SOLAR)
    np.testing.assert_array_equal(said(solar.from_files(model.to_files()), series), said(model, series))


@pytest.mark.parametrize(
    "name", [WORDS_FILE, "weight_0.npy"]
)  # the store checks the digest of the trees, on which the library ends the process
@pytest.mark.parametrize("damage", [b"", b"{}"])
def test_damaged_files_are_named_in_one_line(load_pool, name, damage):
    with pytest.raises(UnreadableModelError, match="train again"):
        pool.from_files({**load_pool.to_files(), name: damage})
