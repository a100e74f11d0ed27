"""The use cases of the forecaster: train, forecast, hindcast, evaluate, tell how things stand."""

from services.forecaster.service.forecasting import ForecastService
from services.forecaster.service.pooling import LEAST_SITES
from services.forecaster.service.results import (
    Drift,
    Evaluation,
    ForecastRun,
    HindcastReport,
    NothingToForecastError,
    SiteStatus,
    TargetStatus,
    TargetTraining,
    TrainingReport,
    UnknownSiteError,
)

__all__ = [
    "LEAST_SITES",
    "Drift",
    "Evaluation",
    "ForecastRun",
    "ForecastService",
    "HindcastReport",
    "NothingToForecastError",
    "SiteStatus",
    "TargetStatus",
    "TargetTraining",
    "TrainingReport",
    "UnknownSiteError",
]
