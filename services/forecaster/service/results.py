"""What the use cases say that they did."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from services.forecaster.model.scores import Score
from shared.contracts.evaluations import EvaluationDocument
from shared.domain.forecast import Forecast, Target
from shared.ports.errors import SupplierError


class UnknownSiteError(SupplierError):
    """No such site."""


class NothingToForecastError(SupplierError):
    """A site without features: nothing to learn from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A champion's errors or data have changed since its training."""

    model_version: str
    alarm: str
    still_serves: bool
    """False where the training replaced it, or it gave way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetTraining:
    """One target's training: tested, and serving from now on or not."""

    target: Target
    model_name: str
    model_version: str
    """Empty where no model could be made."""
    promoted: bool
    reason: str
    skill: float | None
    metrics: Mapping[str, float]
    scores: tuple[Score, ...]
    drift: Drift | None
    """Set when the champion of before this training was found to drift, and was not before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingReport:
    """All targets of a site."""

    site_id: str
    targets: tuple[TargetTraining, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The rolling-origin test of one target, trained as of now; `reason` tells why where there are no scores."""

    target: Target
    scores: tuple[Score, ...]
    test_days: int
    reason: str
    document: EvaluationDocument | None
    """All figures, with slices and calibration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastRun:
    """Forecasts of every target, issued together."""

    site_id: str
    issued_at: datetime
    forecasts: tuple[Forecast, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HindcastReport:
    """Forecasts stored as they would have been issued."""

    site_id: str
    issues: int
    targets: tuple[Target, ...]
    refits: int
    model_names: Mapping[Target, tuple[str, ...]]
    """What served each stretch between refits, by target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetStatus:
    """What serves a target, and its newest forecast."""

    target: Target
    model_name: str
    model_version: str
    trained_at: datetime | None
    skill: float | None
    bill_saving: float | None
    """Beside what served before, as a share of the bill; None where it was not judged in money."""
    issued_at: datetime | None
    data_as_of: datetime | None
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStatus:
    """What all sites share."""

    target: Target
    model_version: str
    trained_at: datetime
    sites: int
    """From which it was learned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteStatus:
    """How a site's forecasts stand."""

    site_id: str
    feature_rows: int
    features_until: datetime | None
    last_training: datetime | None
    targets: tuple[TargetStatus, ...]
