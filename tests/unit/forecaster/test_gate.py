import dataclasses

import numpy as np
import pytest

from services.forecaster.model.gate import Duel, decide
from services.forecaster.model.promotion import Champion, planned_fits, train
from services.forecaster.model.split import days_of_test, rolling_folds
from services.forecaster.model.training import fit_at
from shared.domain.forecast import Target
from tests.unit.forecaster.tables import a_series

NOW = 40 * 24
BASELINES = {"yesterday": 1.0, "median_7d": 0.8}


def trained(champion: Champion | None = None, target: Target = Target.LOAD):
    return train(a_series(target), now=NOW, rating_kw=None, test_share=0.25, seed=1, champion=champion, on_fit=lambda: None)


def test_a_model_must_beat_the_best_baseline():
    assert decide(loss=0.79, baseline_losses=BASELINES, duel=None).promoted
    refused = decide(loss=0.8, baseline_losses=BASELINES, duel=None)
    assert not refused.promoted
    assert "median_7d" in refused.reason


@pytest.mark.parametrize(("own", "promoted"), [(0.49, True), (0.5, False), (0.6, False)])
def test_a_challenger_must_beat_the_champion_on_days_after_its_training(own, promoted):
    duel = Duel(challenger_loss=own, champion_loss=0.5, days=7.0)
    assert decide(loss=0.5, baseline_losses=BASELINES, duel=duel).promoted is promoted


def test_a_champion_too_fresh_to_be_judged_stays():
    duel = Duel(challenger_loss=0.1, champion_loss=0.5, days=1.0)
    assert not decide(loss=0.1, baseline_losses=BASELINES, duel=duel).promoted


def test_a_model_that_learned_the_habits_is_promoted_with_its_figures():
    result = trained()
    assert result.verdict.promoted
    assert result.skill is not None
    assert result.skill > 0.0
    assert 0.6 <= result.metrics["coverage_80"] <= 0.95
    assert {"pinball", "mae", "nmae", "pinball_yesterday", "pinball_median_7d"} <= set(result.metrics)
    assert {score.horizon for score in result.scores} == {"0-6 h", "6-24 h", "24-48 h", "0-48 h"}


def test_a_worse_challenger_is_not_promoted():
    series = a_series()
    fitted = fit_at(series, until=NOW, rating_kw=None, seed=1)
    assert fitted is not None
    # these trees have seen the test: nobody beats them there
    cheat = Champion(model=dataclasses.replace(fitted, shares={}), data_end=20 * 24)
    result = trained(cheat)
    assert not result.verdict.promoted
    assert "champion" in result.verdict.reason


def test_a_spoilt_champion_is_replaced():
    fitted = fit_at(a_series(), until=NOW, rating_kw=None, seed=1)
    assert fitted is not None
    offsets = fitted.trees.band.offsets + 50.0
    trees = dataclasses.replace(fitted.trees, band=dataclasses.replace(fitted.trees.band, offsets=offsets))
    spoilt = dataclasses.replace(fitted, trees=trees)
    assert trained(Champion(model=spoilt, data_end=20 * 24)).verdict.promoted


def test_short_history_makes_no_model_and_says_so():
    result = train(a_series(), now=6 * 24, rating_kw=None, test_share=0.25, seed=1, champion=None, on_fit=lambda: None)
    assert result.model is None
    assert "too little history" in result.verdict.reason


def test_test_days_leave_a_week_to_learn_from():
    assert days_of_test(60, 0.25) == 15
    assert days_of_test(9, 0.25) == 2
    assert days_of_test(8.9, 0.25) == 0
    assert days_of_test(1000, 0.5) == 60


def test_folds_cover_the_test_with_refits_at_most_weekly():
    folds = rolling_folds(first=100, end=100 + 20 * 24, per_day=24)
    assert [fold.until for fold in folds] == [100, 100 + 7 * 24, 100 + 14 * 24]
    issues = np.concatenate([fold.issues for fold in folds])
    assert issues.tolist() == list(range(100, 100 + 20 * 24, 6))
    assert all((fold.issues >= fold.until).all() for fold in folds)


@pytest.mark.parametrize("now", [6 * 24, 12 * 24, NOW])
def test_progress_adds_up_to_the_planned_fits(now):
    series, done = a_series(), []
    train(series, now=now, rating_kw=None, test_share=0.25, seed=1, champion=None, on_fit=lambda: done.append(1))
    assert len(done) == planned_fits(series, now=now, test_share=0.25)
