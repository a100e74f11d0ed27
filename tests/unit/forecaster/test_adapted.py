from dataclasses import dataclass, replace

import numpy as np
import pytest

from services.forecaster.model.adapted import WORDS_FILE, Adapted, from_files
from services.forecaster.model.answer import answer
from services.forecaster.model.history import History
from services.forecaster.model.metrics import pinball
from services.forecaster.model.pooled_kind import PooledKind
from services.forecaster.model.quantile import UnreadableModelError
from services.forecaster.model.split import Pairs, rolling_folds
from shared.domain.forecast import QUANTILE_LEVELS, Target
from tests.unit.forecaster.shared_models import NORMAL, Wish
from tests.unit.forecaster.tables import a_series

DAY = 24
NOW = 40 * DAY
FIRST = 19 * DAY
FOLDS = rolling_folds(first=FIRST, end=NOW, per_day=DAY)


@dataclass(frozen=True)
class Habit:
    """The same hour a week ago, with a band."""

    width: float

    def quantiles(self, history: History, pairs: Pairs) -> np.ndarray:
        ago = history.series.values[np.maximum(pairs.step - 7 * DAY, 0)]
        return np.nan_to_num(ago, nan=0.5)[:, None] + self.width * NORMAL


def tried(shared, series=None, *, proof_end: int = FIRST):
    series = series or a_series(Target.LOAD)
    kind = PooledKind(proof=shared, proof_end=series.time_of(proof_end), whole=shared)
    return kind.trial(series, FOLDS, now=NOW, rating_kw=None, seed=1, on_fit=lambda: None)


def together(trial):
    rows = [(fold.actual, fold.quantiles, fold.baselines) for fold in trial.tested]
    usable = np.concatenate([np.isfinite(actual) for actual, _, _ in rows])
    actual = np.concatenate([actual for actual, _, _ in rows])[usable]
    return actual, np.concatenate([own for _, own, _ in rows])[usable], {
        name: np.concatenate([others[name] for _, _, others in rows])[usable] for name in rows[0][2]
    }  # fmt: skip


def test_what_the_shared_model_may_have_seen_is_no_test():
    begun = [int(fold.pairs.issue[0]) for fold in tried(Wish(), proof_end=FIRST + 1).tested]
    assert begun == [fold.until for fold in FOLDS[1:]]
    nothing = tried(Wish(), proof_end=NOW)
    assert (list(nothing.tested), nothing.model) == ([], None)


def test_a_good_shared_model_speaks_alone_and_a_bad_one_leaves_the_word_to_the_baselines():
    assert tried(Wish()).model.shares == {}
    bad = tried(Wish(error=3.0))
    assert sum(bad.model.shares.values()) > 0.9
    actual, own, others = together(replace(bad, tested=bad.tested[1:]))
    best = min(pinball(actual, each, QUANTILE_LEVELS) for each in others.values())
    assert pinball(actual, own, QUANTILE_LEVELS) < 1.15 * best


@pytest.mark.parametrize("width", [0.02, 2.0])
def test_a_band_that_was_learned_elsewhere_follows_the_site(width):
    trial = tried(Habit(width=width))
    raw, last = Habit(width=width), trial.tested[-1]
    rows = np.isfinite(last.actual)
    before = raw.quantiles(History(series=a_series(Target.LOAD), known=NOW), last.pairs)[rows]
    loss, at_first = (pinball(last.actual[rows], each, QUANTILE_LEVELS) for each in (last.quantiles[rows], before))
    assert loss < 0.9 * at_first


def test_a_fold_knows_nothing_of_what_came_after_it_began():
    series = a_series(Target.LOAD)
    cut = FOLDS[1].until
    values = series.values.copy()
    values[cut:] = 9.0
    first, second = tried(Habit(width=0.3), series), tried(Habit(width=0.3), replace(series, values=values))
    np.testing.assert_array_equal(first.tested[0].quantiles, second.tested[0].quantiles)
    beginning = first.tested[1].pairs.issue == cut
    np.testing.assert_array_equal(first.tested[1].quantiles[beginning][:DAY], second.tested[1].quantiles[beginning][:DAY])


def test_an_adapted_model_read_back_forecasts_the_same():
    series = a_series(Target.LOAD)
    model = tried(Wish(error=0.4)).model
    again = from_files(model.to_files(), model.shared)
    issues = np.array([NOW - 7, NOW])
    np.testing.assert_array_equal(answer(series, again, issues=issues), answer(series, model, issues=issues))
    assert again.to_files() == model.to_files()


def test_a_new_site_is_served_by_the_shared_model_as_it_is():
    series = a_series(Target.LOAD)
    plain = Adapted(shared=Wish(), target=Target.LOAD, limits=tried(Wish()).model.limits)
    values = answer(series, plain, issues=np.array([NOW - 60]))[0]
    np.testing.assert_allclose(values[3], series.values[NOW - 60 : NOW - 12])


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"format": 9}'])
def test_a_damaged_file_is_named_in_one_line(body):
    with pytest.raises(UnreadableModelError, match="train again"):
        from_files({WORDS_FILE: body}, Wish())
