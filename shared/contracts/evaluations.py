"""How good a model's forecasts were on days that it had not seen, as it is stored with the model and served."""

from pydantic import Field

from shared.contracts.base import Instant, Wire
from shared.domain.forecast import Target

EVALUATION_FILE = "evaluation.json"
"""Its name among the files of a model."""

Figure = float | None


class SliceScores(Wire):
    """Some of the test's steps. Losses are in the unit of the target; null where there is nothing to score."""

    label: str = Field(description="lead times such as `0-6 h`, or local hours such as `07:00`")
    steps: int = Field(description="forecast steps whose outcome was measured")
    pinball: Figure = Field(description="mean quantile loss over the levels")
    mae: Figure = Field(description="mean absolute error of the median")
    nmae: Figure = Field(description="mae over the mean magnitude of what happened")
    coverage_80: Figure = Field(description="share of outcomes inside the band from 0.1 to 0.9; nights are left out of solar")
    width_80: Figure = Field(description="mean width of that band")


class ForecasterScores(Wire):
    """One forecaster on the whole test and on its slices; every forecaster is scored on the same steps."""

    name: str = Field(description="`model`, or the name of a baseline")
    whole: SliceScores
    by_lead: list[SliceScores]
    by_hour: list[SliceScores] = Field(description="by the local hour of the step")


class CalibrationDocument(Wire):
    """Whether the model's quantiles hold what they promise; steps at night are left out of solar."""

    levels: list[float]
    observed: list[Figure] = Field(
        description="share of outcomes at or below the quantile of each level: a calibrated one equals its level"
    )
    pit_edges: list[float] = Field(description="bounds of the bins of the probability integral transform: 0, the levels, 1")
    pit_density: list[Figure] = Field(description="share of outcomes in each bin over the bin's width: 1 throughout when calibrated")
    steps: int


class EvaluationDocument(Wire):
    """A rolling-origin test of a model beside the named baselines, with refits at most weekly and nothing known before its time."""

    target: Target
    unit: str
    evaluated_at: Instant
    test_days: int
    issue_every_hours: int
    verdict: str = Field(description="why the model was promoted, or why not")
    best_baseline: str
    skill: Figure = Field(description="1 - pinball loss / that of the best baseline; null when that is 0")
    bill_saving: Figure = Field(
        default=None,
        description="what planning by the model would have saved on the test's last days, beside what served before or the best "
        "baseline, over the magnitude of the bill; null where forecasts move no money and for models that were refused by their errors",
    )
    forecasters: list[ForecasterScores]
    calibration: CalibrationDocument
