import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from services.api.routes import examples
from services.forecaster.files.evaluation_page import evaluation_page
from services.forecaster.model.metrics import pit_density, reliability
from services.forecaster.model.promotion import train
from services.forecaster.model.scores import MODEL
from services.forecaster.service.evaluations import evaluation_of
from shared.contracts.evaluations import EvaluationDocument
from shared.domain.forecast import QUANTILE_LEVELS, Target
from tests.unit.forecaster.tables import a_series, a_table, now_of

NOW = now_of(a_table())


@pytest.fixture(scope="module")
def document() -> EvaluationDocument:
    """Of a model that learned the sun of forty days."""
    result = train(a_series(Target.SOLAR), now=40 * 24, rating_kw=None, test_share=0.1, seed=1, champion=None, on_fit=lambda: None)
    found = evaluation_of(result, target=Target.SOLAR, now=NOW)
    assert found is not None
    return found


def test_every_forecaster_is_scored_on_the_same_steps_of_every_slice(document):
    assert {each.name for each in document.forecasters} >= {MODEL, "yesterday", document.best_baseline}
    for part in ("by_lead", "by_hour"):
        shapes = [[(each.label, each.steps) for each in getattr(forecaster, part)] for forecaster in document.forecasters]
        assert all(shape == shapes[0] for shape in shapes)
        assert sum(steps for _, steps in shapes[0]) == document.forecasters[0].whole.steps
    assert len(document.forecasters[0].by_hour) == 24


def test_slices_add_up_to_the_whole(document):
    for forecaster in document.forecasters:
        for part in (forecaster.by_lead, forecaster.by_hour):
            mean = np.average([each.pinball for each in part], weights=[each.steps for each in part])
            assert mean == pytest.approx(forecaster.whole.pinball, abs=1e-5)


def test_skill_is_over_the_best_baseline_of_the_table(document):
    losses = {each.name: each.whole.pinball for each in document.forecasters}
    loss = losses.pop(MODEL)
    assert document.best_baseline == min(losses, key=losses.get)
    assert document.skill == pytest.approx(1 - loss / min(losses.values()), abs=1e-3)


def test_nights_are_left_out_of_the_calibration_of_solar(document):
    assert 0 < document.calibration.steps < 0.8 * document.forecasters[0].whole.steps
    assert sorted(document.calibration.observed) == document.calibration.observed


def test_what_is_stored_is_read_again(document):
    assert EvaluationDocument.model_validate_json(document.model_dump_json()) == document


def test_a_training_that_made_no_model_has_no_evaluation():
    result = train(a_series(), now=5 * 24, rating_kw=None, test_share=0.25, seed=1, champion=None, on_fit=lambda: None)
    assert evaluation_of(result, target=Target.LOAD, now=NOW) is None


def test_perfect_quantiles_are_reliable_and_their_pit_is_flat():
    actual = (np.arange(10_000) + 0.5) / 10_000
    quantiles = np.tile(QUANTILE_LEVELS, (len(actual), 1))
    np.testing.assert_allclose(reliability(actual, quantiles), QUANTILE_LEVELS, atol=1e-3)
    np.testing.assert_allclose(pit_density(actual, quantiles, QUANTILE_LEVELS), 1.0, atol=1e-2)


def test_bands_that_are_too_narrow_pile_up_at_the_edges_of_the_pit():
    actual = (np.arange(10_000) + 0.5) / 10_000
    density = pit_density(actual, np.tile(0.5 + 0.3 * (np.array(QUANTILE_LEVELS) - 0.5), (len(actual), 1)), QUANTILE_LEVELS)
    assert density[0] > 3
    assert density[-1] > 3
    widths = np.diff([0.0, *QUANTILE_LEVELS, 1.0])
    assert (density * widths).sum() == pytest.approx(1.0)


def test_the_page_holds_every_figure_and_loads_nothing(document):
    page = evaluation_page({"home": [document]})
    assert not re.search(r"""(src|href|url\()\s*=?\s*["']?(http|//)""", page)
    assert "<script" not in page
    assert document.verdict.split(":")[0] in page
    charts = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    assert len(charts) == 4
    for chart in charts:
        ET.fromstring(chart)  # noqa: S314 - our own text
    lines = charts[0].count("<polyline")
    assert lines == len(document.forecasters)


def test_figures_that_are_missing_break_a_line_and_leave_out_a_bar():
    document = EvaluationDocument.model_validate(examples.MODELS["evaluation"])
    gone = document.forecasters[0].by_hour[0].model_copy(update={"pinball": None})
    first = document.forecasters[0].model_copy(update={"by_hour": [gone]})
    calibration = document.calibration.model_copy(update={"observed": [None] * 3, "pit_density": [None] * 4})
    page = evaluation_page({"home": [document.model_copy(update={"forecasters": [first], "calibration": calibration, "skill": None})]})
    assert "not defined" in page
    assert "<rect" not in page


def test_words_of_others_are_text_on_the_page(document):
    page = evaluation_page({"<script>alert(1)</script>": [document]}, notes=["a < b"])
    assert "<script>" not in page
    assert "a &lt; b" in page
