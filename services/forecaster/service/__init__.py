"""The use cases of the forecaster: train, forecast, hindcast, evaluate, tell how things stand."""

from services.forecaster.service.forecasting import ForecastService
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
