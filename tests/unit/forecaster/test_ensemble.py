import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.forecaster.model.answer import answer
from services.forecaster.model.baselines import baseline_names
from services.forecaster.model.ensemble import Ensemble, from_files, shares_by_loss
from services.forecaster.model.fallback import Fallback
from services.forecaster.model.hindcast import hindcast
from services.forecaster.model.promotion import OWN
from services.forecaster.model.split import Fold
from services.forecaster.model.training import fit_at, forecast_folds, tuned
from shared.domain.forecast import QUANTILE_LEVELS, Target
from tests.unit.forecaster.tables import a_series, a_table

NAMES = baseline_names(Target.SOLAR)
NOW = 40 * 24
ISSUES = np.array([NOW - 30, NOW - 7, NOW])
losses = st.floats(0.5, 2.0)


@pytest.fixture(scope="module")
def ensemble() -> Ensemble:
    fitted = fit_at(a_series(Target.SOLAR), until=NOW, rating_kw=8.0, seed=1)
    assert fitted is not None
    return fitted


def sharing(ensemble: Ensemble, **shares: float) -> Ensemble:
    return dataclasses.replace(ensemble, shares=shares)


def forecast(forecaster):
    return answer(a_series(Target.SOLAR), forecaster, issues=ISSUES)


def test_without_a_share_for_baselines_the_trees_speak_alone(ensemble):
    trees, others = np.ones((5, len(QUANTILE_LEVELS))), {name: np.zeros((5, len(QUANTILE_LEVELS))) for name in NAMES}
    np.testing.assert_array_equal(sharing(ensemble).average(trees, others), trees)
    np.testing.assert_array_equal(sharing(ensemble, yesterday=0.0).average(trees, others), trees)
    np.testing.assert_array_equal(forecast(sharing(ensemble, yesterday=0.0)), forecast(sharing(ensemble)))


@pytest.mark.parametrize("name", NAMES)
def test_a_baseline_with_the_whole_share_speaks_alone(ensemble, name):
    alone = Fallback(name=name, reasons=(), limits=ensemble.trees.limits, band=ensemble.bands[name])
    np.testing.assert_array_equal(forecast(sharing(ensemble, **{name: 1.0})), forecast(alone))


def test_the_average_lies_level_by_level_between_its_parts(ensemble):
    whole = forecast(sharing(ensemble, mean_7d=0.25))
    trees, baseline = forecast(sharing(ensemble)), forecast(sharing(ensemble, mean_7d=1.0))
    np.testing.assert_allclose(whole, 0.75 * trees + 0.25 * baseline)
    assert not np.allclose(trees, baseline)


@settings(max_examples=100, deadline=None)
@given(
    trees=losses,
    others=st.lists(losses, min_size=len(NAMES), max_size=len(NAMES)),
    seed=st.integers(0, 1000),
)
def test_quantiles_of_any_average_never_cross_and_stay_within_its_parts(ensemble, trees, others, seed):
    rng = np.random.default_rng(seed)
    parts = [np.sort(rng.normal(size=(5, len(QUANTILE_LEVELS))), axis=1) for _ in range(len(NAMES) + 1)]
    mixed = sharing(ensemble, **shares_by_loss(trees, dict(zip(NAMES, others, strict=True))))
    whole = mixed.average(parts[0], dict(zip(NAMES, parts[1:], strict=True)))
    assert (np.diff(whole, axis=1) >= 0).all()
    assert (whole >= np.min(parts, axis=0) - 1e-9).all()
    assert (whole <= np.max(parts, axis=0) + 1e-9).all()


@given(trees=losses, others=st.lists(losses, min_size=2, max_size=5), worse=st.floats(1.01, 3.0))
def test_shares_are_parts_of_one_and_fall_with_the_loss(trees, others, worse):
    names = NAMES[: len(others)]
    before = shares_by_loss(trees, dict(zip(names, others, strict=True)))
    assert all(share >= 0 for share in before.values())
    assert sum(before.values()) <= 1 + 1e-12
    after = shares_by_loss(trees, dict(zip(names, [others[0] * worse, *others[1:]], strict=True)))
    assert after[names[0]] < before[names[0]]
    ordered = sorted(names, key=lambda name: others[names.index(name)])
    assert [before[name] for name in ordered] == sorted(before.values(), reverse=True)


def test_a_perfect_forecaster_takes_everything():
    assert shares_by_loss(0.0, {"yesterday": 1.0}) == {"yesterday": 0.0}


def test_an_ensemble_read_back_keeps_its_shares_and_forecasts_the_same(ensemble):
    mixed = sharing(ensemble, yesterday=0.1, clear_sky_x_clearness=0.3, mean_7d=1 / 3)
    again = from_files(mixed.to_files())
    assert again.shares == mixed.shares
    np.testing.assert_array_equal(forecast(again), forecast(mixed))
    assert again.to_files() == mixed.to_files()


def _learned(series, until: int):
    """What two earlier folds teach a model by `until`."""
    folds = [Fold(until=until - 7 * 24 * back, issues=np.arange(until - 7 * 24 * back, until - 7 * 24 * (back - 1), 6)) for back in (2, 1)]
    fits = [fit_at(series, until=fold.until, rating_kw=None, seed=1) for fold in folds]
    final = fit_at(series, until=until, rating_kw=None, seed=1)
    assert final is not None
    return tuned(series, final, forecast_folds(series, folds, fits), until=until)


def test_shares_are_learned_from_what_was_known_alone():
    altered = a_table()
    altered.loc[35 * 24 :, "load_kw"] = 1e3
    before, after = _learned(a_series(), 35 * 24), _learned(a_series(table=altered), 35 * 24)
    assert before.shares == after.shares
    assert before.to_files() == after.to_files()
    altered.loc[35 * 24 - 30 : 35 * 24 - 6, "load_kw"] = 5.0
    assert _learned(a_series(table=altered), 35 * 24).shares != before.shares


def test_baselines_have_the_more_to_say_the_less_there_is_to_learn():
    table = a_table()
    rng = np.random.default_rng(3)
    table["load_kw"] = np.where(table["load_kw"].isna(), np.nan, rng.gamma(2.0, 0.5, len(table)))
    noise, habits = _learned(a_series(table=table), NOW), _learned(a_series(), NOW)
    assert sum(noise.shares.values()) > sum(habits.shares.values())


def test_hindcasts_are_the_ensembles_of_their_refits():
    series = a_series()
    until = 35 * 24
    issues = np.arange(until, until + 48, 12)
    served = hindcast(series, issues, kinds=(OWN,), rating_kw=None, refit_days=7, seed=1, on_fit=lambda: None)
    assert [each.model_name for each in served] == ["quantile_ensemble"]
    moments = [until - 7 * 24 * back for back in (3, 2, 1)]
    folds = [Fold(until=moment, issues=np.arange(moment, moment + 7 * 24, 6)) for moment in moments]
    fits = [fit_at(series, until=moment, rating_kw=None, seed=1) for moment in moments]
    final = fit_at(series, until=until, rating_kw=None, seed=1)
    assert final is not None
    mixed = tuned(series, final, forecast_folds(series, folds, fits), until=until)
    np.testing.assert_array_equal(served[0].quantiles, answer(series, mixed, issues=issues))
