"""The use cases of the forecaster: train, forecast, hindcast, evaluate, tell how things stand."""

from services.forecaster.model.adapted import MODEL_NAME as POOLED
from services.forecaster.service.forecasting import ForecastIssuer
from services.forecaster.service.hindcasting import Hindcaster
from services.forecaster.service.pooling import LEAST_SITES
from services.forecaster.service.results import (
    Drift,
    Evaluation,
    ForecastRun,
    HindcastReport,
    NothingToForecastError,
    PoolStatus,
    SiteStatus,
    TargetStatus,
    TargetTraining,
    TrainingReport,
    UnknownSiteError,
)
from services.forecaster.service.status import StatusTeller
from services.forecaster.service.training import Trainer

__all__ = [
    "LEAST_SITES",
    "POOLED",
    "Drift",
    "Evaluation",
    "ForecastRun",
    "ForecastService",
    "HindcastReport",
    "NothingToForecastError",
    "PoolStatus",
    "SiteStatus",
    "TargetStatus",
    "TargetTraining",
    "TrainingReport",
    "UnknownSiteError",
]


class ForecastService(Trainer, ForecastIssuer, Hindcaster, StatusTeller):
    """All use cases of the forecaster on the same stores."""
