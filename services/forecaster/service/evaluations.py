"""From a training to the document that is stored with its model."""

import math
from collections.abc import Sequence
from datetime import datetime

from services.forecaster.model.promotion import Training
from services.forecaster.model.scores import MODEL, WHOLE, Score
from services.forecaster.model.split import ISSUE_EVERY_HOURS
from shared.contracts.evaluations import CalibrationDocument, EvaluationDocument, ForecasterScores, SliceScores
from shared.contracts.forecasts import UNITS
from shared.domain.forecast import QUANTILE_LEVELS, Target


def evaluation_of(training: Training, *, target: Target, now: datetime) -> EvaluationDocument | None:
    """None for a training that made no model."""
    details = training.details
    if details is None:
        return None
    whole = {score.name: score for score in training.scores if score.horizon == WHOLE}
    baselines = [name for name in whole if name != MODEL]
    return EvaluationDocument(
        target=target,
        unit=UNITS[target],
        evaluated_at=now,
        test_days=training.test_days,
        issue_every_hours=ISSUE_EVERY_HOURS,
        verdict=training.verdict.reason,
        best_baseline=min(baselines, key=lambda name: whole[name].pinball),
        skill=training.skill,
        bill_saving=_rounded(training.bills.saving) if training.bills else None,
        forecasters=[
            ForecasterScores(
                name=name,
                whole=_slice(score),
                by_lead=_slices(name, details.by_lead),
                by_hour=_slices(name, details.by_hour),
            )
            for name, score in whole.items()
        ],
        calibration=CalibrationDocument(
            levels=list(QUANTILE_LEVELS),
            observed=[_rounded(share) for share in details.reliability],
            pit_edges=[0.0, *QUANTILE_LEVELS, 1.0],
            pit_density=[_rounded(share) for share in details.pit_density],
            steps=details.bright_rows,
        ),
    )


def _slices(name: str, scores: Sequence[Score]) -> list[SliceScores]:
    return [_slice(score) for score in scores if score.name == name]


def _slice(score: Score) -> SliceScores:
    return SliceScores(
        label=score.horizon,
        steps=score.rows,
        pinball=_rounded(score.pinball),
        mae=_rounded(score.mae),
        nmae=_rounded(score.nmae),
        coverage_80=_rounded(score.coverage_80),
        width_80=_rounded(score.width_80),
    )


def _rounded(figure: float) -> float | None:
    """To six digits after the point, None for nothing to score."""
    return round(float(figure), 6) if math.isfinite(figure) else None
