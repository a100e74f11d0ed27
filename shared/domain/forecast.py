"""A forecast: quantiles per step, with when it was made and what it knew."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from shared.domain.errors import InvalidValueError
from shared.domain.time import TimeGrid, as_utc, format_instant

QUANTILE_LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)


class Target(StrEnum):
    """What is forecast, with its unit: kW, kW, and the site's currency per kWh."""

    LOAD = "load"
    SOLAR = "solar"
    PRICE = "price"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Quantiles of one target of one site. Raises `InvalidValueError` for crossing, missing or misshapen values."""

    site_id: str
    target: Target
    issued_at: datetime
    data_as_of: datetime
    """End of the newest measurement it used."""
    model_name: str
    model_version: str
    grid: TimeGrid
    levels: tuple[float, ...]
    values: NDArray[np.float64]
    """Shape (levels, steps), non-decreasing along the first axis."""
    skill: float | None = None
    """1 - pinball loss / that of the best baseline, on the model's rolling-origin test; None when never measured."""
    degraded: tuple[str, ...] = ()
    """What was substituted, one sentence each; empty when nothing was."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "issued_at", as_utc(self.issued_at, "issued_at"))
        object.__setattr__(self, "data_as_of", as_utc(self.data_as_of, "data_as_of"))
        if self.values.shape != (len(self.levels), self.grid.count):
            raise InvalidValueError("forecast values", self.values.shape, f"must have shape {(len(self.levels), self.grid.count)}")
        if not np.isfinite(self.values).all():
            raise InvalidValueError("forecast values", "NaN or infinite", "must all be finite")
        if (np.diff(self.levels) <= 0).any() or 0.5 not in self.levels:
            raise InvalidValueError("levels", self.levels, "must be increasing and hold 0.5")
        if not (self.levels[0] > 0.0 and self.levels[-1] < 1.0):
            raise InvalidValueError("levels", self.levels, "must lie between 0 and 1, without them")
        if self.skill is not None and not np.isfinite(self.skill):
            raise InvalidValueError("skill", self.skill, "must be a finite number, or None when it was never measured")
        if (np.diff(self.values, axis=0) < 0).any():
            raise InvalidValueError("forecast values", "crossing", "quantiles must not decrease with their level")

    @property
    def forecast_id(self) -> str:
        """The natural key as text: the same run made twice is the same forecast."""
        return f"{self.site_id}:{self.target}:{format_instant(self.issued_at)}"

    @property
    def median(self) -> NDArray[np.float64]:
        """Shape (steps,)."""
        return self.quantile(0.5)

    def quantile(self, level: float) -> NDArray[np.float64]:
        """The quantile of that level, shape (steps,), linear between the levels that are there."""
        if level in self.levels:
            row: NDArray[np.float64] = self.values[self.levels.index(level)]
            return row
        if not self.levels[0] <= level <= self.levels[-1]:
            raise InvalidValueError("level", level, f"must be between {self.levels[0]} and {self.levels[-1]}")
        above = int(np.searchsorted(self.levels, level))
        share = (level - self.levels[above - 1]) / (self.levels[above] - self.levels[above - 1])
        between: NDArray[np.float64] = (1 - share) * self.values[above - 1] + share * self.values[above]
        return between
