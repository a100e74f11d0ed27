import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.forecaster.model.answer import answer
from services.forecaster.model.calibration import CORE_LEVELS, calibrate, uncalibrated
from services.forecaster.model.ensemble import ENSEMBLE_FILE, from_files
from services.forecaster.model.limits import Limits
from services.forecaster.model.quantile import WORDS_FILE, UnreadableModelError
from services.forecaster.model.training import fit_at
from shared.domain.forecast import QUANTILE_LEVELS, Target
from tests.unit.forecaster.tables import a_series

NOW = 40 * 24
numbers = st.floats(-1e3, 1e3)


def fitted(target: Target = Target.LOAD, seed: int = 1):
    result = fit_at(a_series(target), until=NOW, rating_kw=8.0, seed=seed)
    assert result is not None
    return result


@pytest.fixture(scope="module")
def load_model():
    return fitted()


@pytest.fixture(scope="module")
def solar_model():
    return fitted(Target.SOLAR)


@settings(max_examples=100, deadline=None)
@given(
    core=st.lists(st.tuples(numbers, numbers, numbers), min_size=1, max_size=20),
    outcome=st.floats(-1e3, 1e3),
    rating=st.one_of(st.none(), st.floats(0, 100)),
)
def test_calibrated_quantiles_never_cross_and_stay_within_limits(core, outcome, rating):
    values = np.sort(np.array(core), axis=1)
    lead = np.linspace(0, 47, len(values))
    learned = calibrate(values, np.full(len(values), outcome), lead, QUANTILE_LEVELS, floor=0.01, rows_per_day=1)
    quantiles = Limits(low=0.0, high=rating).apply(learned.apply(values, lead, 0.01), np.zeros(len(values), dtype=bool))
    assert (np.diff(quantiles, axis=1) >= 0).all()
    assert (quantiles >= 0).all()
    assert rating is None or (quantiles <= rating).all()


def test_calibration_widens_a_band_that_held_too_little():
    rng = np.random.default_rng(0)
    actual = rng.normal(scale=2.0, size=20_000)
    core = np.tile([-1.2816, 0.0, 1.2816], (20_000, 1))  # of a spread of 1
    lead = np.full(20_000, 12.0)
    learned = calibrate(core, actual, lead, QUANTILE_LEVELS, floor=0.0, rows_per_day=24)
    low, high = learned.apply(core, lead, 0.0)[0, [1, 5]]
    assert low == pytest.approx(-2.563, abs=0.1)
    assert high == pytest.approx(2.563, abs=0.1)
    untouched = learned.apply(core[:1], np.array([1.0]), 0.0)[0]
    assert untouched == pytest.approx(uncalibrated(QUANTILE_LEVELS).apply(core[:1], np.array([1.0]), 0.0)[0])


def test_before_anything_is_learned_each_side_of_the_band_is_widened_alike():
    core = np.array([[1.0, 2.0, 5.0]])
    spread = uncalibrated(CORE_LEVELS).apply(core, np.array([0.0]), 0.0)
    assert spread[0] == pytest.approx([2.0 - 1.3 * 1.0, 2.0, 2.0 + 1.3 * 3.0])


def test_the_sun_gives_nothing_at_night_and_never_more_than_the_rating(solar_model):
    series = a_series(Target.SOLAR)
    quantiles = answer(series, solar_model, issues=np.array([NOW]))[0]
    midnight = np.arange(NOW, NOW + 48) % 24 == 0
    assert (quantiles[:, midnight] == 0).all()
    assert (quantiles >= 0).all()
    assert (quantiles <= 1.05 * 8.0).all()
    assert quantiles[3].max() > 3.0


def test_equal_training_gives_equal_bytes_and_another_seed_others(load_model):
    assert fitted().to_files() == load_model.to_files()
    assert fitted(seed=2).to_files() != load_model.to_files()


def test_a_model_read_back_forecasts_the_same(load_model):
    series = a_series()
    again = from_files(load_model.to_files())
    issues = np.array([NOW - 30, NOW])
    np.testing.assert_array_equal(answer(series, load_model, issues=issues), answer(series, again, issues=issues))


@pytest.mark.parametrize(
    "damage", ["no words", "no trees", "another format", "not json", "words missing", "no shares", "shares of another kind"]
)
def test_unreadable_files_are_one_clear_error(load_model, damage):
    files = load_model.to_files()
    words = json.loads(files[WORDS_FILE])
    match damage:
        case "no words":
            del files[WORDS_FILE]
        case "no trees":
            files["trees.ubj"] = b"{}"
        case "another format":
            files[WORDS_FILE] = json.dumps(words | {"format": 99}).encode()
        case "not json":
            files[WORDS_FILE] = b"\x80pickle"
        case "words missing":
            files[WORDS_FILE] = json.dumps({"format": 1}).encode()
        case "no shares":
            del files[ENSEMBLE_FILE]
        case "shares of another kind":
            files[ENSEMBLE_FILE] = json.dumps({"format": 1, "bands": {}, "shares": [1.0]}).encode()
    with pytest.raises(UnreadableModelError, match="train again"):
        from_files(files)


def test_too_little_and_unchanging_history_give_no_model():
    series = a_series()
    assert fit_at(series, until=5 * 24, rating_kw=None, seed=1) is None


def test_many_issues_at_once_answer_as_each_alone(load_model):
    series = a_series()
    issues = np.array([700, 707, 731, 900])
    together = answer(series, load_model, issues=issues)
    for place, issue in enumerate(issues):
        np.testing.assert_array_equal(together[place], answer(series, load_model, issues=np.array([issue]))[0])
