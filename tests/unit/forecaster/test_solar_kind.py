from dataclasses import replace

import numpy as np
import pytest

from services.forecaster.model.answer import answer
from services.forecaster.model.quantile import UnreadableModelError
from services.forecaster.model.solar_kind import SolarKind, from_files
from services.forecaster.model.split import rolling_folds
from shared.domain.forecast import Target
from tests.unit.forecaster.tables import a_series, a_table

DAY = 24
NOW = 60 * DAY
FOLDS = rolling_folds(first=40 * DAY, end=NOW, per_day=DAY)
SERIES = a_series(Target.SOLAR, table=a_table(days=62))


def tried(series):
    fits = []
    trial = SolarKind().trial(series, FOLDS, now=NOW, rating_kw=5.0, seed=1, on_fit=lambda: fits.append(1))
    assert len(fits) == SolarKind().fits(len(FOLDS))
    return trial


@pytest.fixture(scope="module")
def trial():
    return tried(SERIES)


def test_a_lone_array_teaches_a_model_of_its_own_that_is_read_back_as_it_was(trial):
    issues = np.array([NOW - 7, NOW])
    again = from_files(trial.model.to_files())
    values = answer(SERIES, again, issues=issues, rating_kw=5.0)
    np.testing.assert_array_equal(values, answer(SERIES, trial.model, issues=issues, rating_kw=5.0))
    assert (values >= 0).all()
    assert values.max() > 0


def test_a_fold_knows_nothing_of_what_came_after_it_began(trial):
    cut = FOLDS[1].until
    later = np.where(np.arange(SERIES.count) < cut, SERIES.values, 3.0)
    other = tried(replace(SERIES, values=later))
    np.testing.assert_array_equal(trial.tested[0].quantiles, other.tested[0].quantiles)
    first = trial.tested[1].pairs.issue == cut
    np.testing.assert_array_equal(trial.tested[1].quantiles[first], other.tested[1].quantiles[first])


def test_files_of_which_a_part_is_missing_are_named_in_one_line(trial):
    files = dict(trial.model.to_files())
    del files["own-solar.json"]
    with pytest.raises(UnreadableModelError, match="train again"):
        from_files(files)
