"""Features: named values of one site and step that a forecast may use, each with when it can be known."""

from dataclasses import dataclass
from enum import StrEnum

from shared.domain.errors import InvalidValueError


class Availability(StrEnum):
    """When the value of step `[t, t + step)` can be known."""

    AFTER_STEP = "after_step"
    """Measured: known from t + step on."""
    AHEAD = "ahead"
    """Known for any future step: calendar, sun position, a fixed tariff."""
    ANNOUNCED = "announced"
    """Known from its publication on (day-ahead prices, weather forecasts)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSpec:
    """One column of a feature table."""

    name: str
    unit: str
    availability: Availability
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureCatalog:
    """The columns of a feature table, in order; `version` changes whenever a name, a meaning or the order does."""

    version: str
    features: tuple[FeatureSpec, ...]

    def __post_init__(self) -> None:
        repeated = sorted({name for name in self.names if self.names.count(name) > 1})
        if repeated:
            raise InvalidValueError("features", ", ".join(repeated), "each name may stand once")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)
