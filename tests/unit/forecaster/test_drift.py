import dataclasses

import numpy as np
import pytest

from services.forecaster.model.drift import PSI_LIMIT, Reference, alarms, daily, error_alarm, reference_of, stability_index
from services.forecaster.model.gate import LEAST_RETURN_DAYS, RETURN_MARGIN, Record, step_back
from services.forecaster.model.promotion import Champion, train
from services.forecaster.model.training import fit_at
from tests.unit.forecaster.tables import a_series, a_table

DAY = 24
NOW = 40 * DAY
TEST_DAYS, WATCHED_DAYS, HOMES = 30, 60, 1000


def watched(rng: np.random.Generator, *, worse: float = 1.0) -> str | None:
    """An alarm over two months of days whose losses are skewed, as those of homes are, after a test of one month."""
    test, after = rng.gamma(6.0, 1.0, TEST_DAYS), worse * rng.gamma(6.0, 1.0, WATCHED_DAYS)
    return error_alarm(after, mean=float(test.mean()), spread=float(test.std(ddof=1)))


def test_days_like_those_of_the_test_hardly_ever_alarm():
    rng = np.random.default_rng(1)
    assert np.mean([watched(rng) is not None for _ in range(HOMES)]) < 0.05


def test_days_that_are_twice_as_bad_always_alarm():
    rng = np.random.default_rng(2)
    assert all(watched(rng, worse=2.0) for _ in range(HOMES))


def test_a_feast_alone_is_no_alarm_and_the_alarm_ends_with_its_cause():
    quiet = np.full(20, 1.0)
    assert error_alarm(np.append(quiet, 1e6), mean=1.0, spread=0.2) is None
    bad = np.append(quiet, np.full(5, 2.0))
    assert error_alarm(bad, mean=1.0, spread=0.2) is not None
    assert error_alarm(np.append(bad, np.full(20, 1.0)), mean=1.0, spread=0.2) is None


@pytest.mark.parametrize("spread", [0.0, float("nan")])
def test_without_a_spread_nothing_is_told(spread):
    assert error_alarm(np.full(9, 9.0), mean=1.0, spread=spread) is None


def test_losses_are_averaged_by_the_day_of_their_step():
    step = np.array([0, 1, 2, 3, 4, 5, 6, 7, 8])
    losses = np.array([1.0, 1.0, 1.0, 1.0, 3.0, 3.0, 3.0, 3.0, 99.0])
    assert daily(losses, step, per_day=4).tolist() == [1.0, 3.0]
    assert len(daily(losses[:0], step[:0], per_day=4)) == 0


def test_a_reference_comes_back_from_its_bytes():
    known = reference_of(a_series(), until=NOW, daily_losses=np.arange(9.0))
    assert Reference.from_bytes(known.to_bytes()) == known
    short = Reference.from_bytes(reference_of(a_series(), until=NOW, daily_losses=np.arange(2.0)).to_bytes())
    assert np.isnan(short.loss_spread)


def test_equal_values_are_stable_and_moved_ones_are_not():
    rng = np.random.default_rng(3)
    values = rng.gamma(2.0, 1.0, 5000)
    edges = np.quantile(values, np.arange(1, 10) / 10)
    assert stability_index(rng.gamma(2.0, 1.0, 672), edges) < 0.1
    assert stability_index(4.0 * rng.gamma(2.0, 1.0, 672), edges) > PSI_LIMIT
    assert stability_index(values[:0], edges) == 0.0


def test_a_meter_of_coarse_steps_is_stable_too():
    rng = np.random.default_rng(4)
    values = np.round(rng.gamma(2.0, 0.3, 5000))
    edges = np.quantile(values, np.arange(1, 10) / 10)
    assert stability_index(rng.permutation(values)[:672], edges) < 0.3
    assert stability_index(np.zeros(672), np.zeros(9)) < PSI_LIMIT


def the_alarms(table, *, since_days: int = 20, days: int = 40) -> tuple[str, ...]:
    series = a_series(table=table)
    known = reference_of(series, until=since_days * DAY, daily_losses=np.ones(2))
    return alarms(known, series, since=since_days * DAY, now=days * DAY, daily_losses=np.ones(0))


def test_data_that_moved_or_went_missing_are_told_and_others_are_not():
    assert the_alarms(a_table()) == ()
    moved = a_table()
    moved.loc[20 * DAY :, "load_kw"] *= 4
    assert any("spread otherwise" in sentence for sentence in the_alarms(moved))
    hole = a_table()
    hole.loc[hole.index[20 * DAY :][::2], "load_kw"] = np.nan
    assert any("missing since the training" in sentence for sentence in the_alarms(hole))


def a_record(**changes) -> Record:
    return Record(**({"champion_loss": 1.0, "baseline_losses": {"median_7d": 1.1}, "previous_loss": 1.2, "days": 14.0} | changes))


def test_a_champion_that_does_well_stays():
    assert step_back(a_record()) is None
    assert step_back(a_record(champion_loss=1.1 * RETURN_MARGIN * 0.999)) is None


def test_a_champion_that_is_worse_than_its_forerunner_gives_way_to_it():
    found = step_back(a_record(previous_loss=0.9))
    assert found is not None
    assert found.to_previous


def test_a_champion_that_is_worse_than_a_baseline_gives_way_to_it():
    for previous in (None, 1.2):
        found = step_back(a_record(champion_loss=1.2, previous_loss=previous))
        assert found is not None
        assert not found.to_previous
        assert "median_7d" in found.reason


def test_a_few_days_decide_nothing():
    assert step_back(a_record(champion_loss=9.0, days=LEAST_RETURN_DAYS - 0.25)) is None


def spoilt(fitted):
    band = dataclasses.replace(fitted.trees.band, offsets=fitted.trees.band.offsets + 50.0)
    return dataclasses.replace(fitted, trees=dataclasses.replace(fitted.trees, band=band), shares={})


def test_a_training_finds_that_a_champion_drifts_and_what_should_serve_instead():
    table = a_table()
    rng = np.random.default_rng(5)
    table.loc[28 * DAY : NOW - 1, "load_kw"] = rng.gamma(1.0, 1.0, 12 * DAY)  # no habit is left to learn
    series = a_series(table=table)
    fitted = fit_at(series, until=28 * DAY, rating_kw=None, seed=1)
    assert fitted is not None
    used_to = reference_of(series, until=28 * DAY, daily_losses=np.random.default_rng(6).normal(0.03, 0.005, 9))
    champion = Champion(model=spoilt(fitted), data_end=28 * DAY, reference=used_to)
    previous = Champion(model=fitted, data_end=20 * DAY)
    result = train(series, now=NOW, rating_kw=None, test_share=0.3, seed=1, champion=champion, previous=previous, on_fit=lambda: None)
    assert result.champion_alarms
    assert "errors have grown" in result.champion_alarms[0]
    assert result.verdict.promoted or (result.champion_return is not None)
