"""Forecasts, as they were issued."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from shared.domain.forecast import Forecast, Target
from shared.domain.time import Interval


class ForecastStore(Protocol):
    """By site, target and moment of issue. `run` tells live forecasts from ones made afterwards for a replay."""

    def put(self, forecasts: Sequence[Forecast], *, run: str = "live") -> None:
        """Create or replace, all or none."""
        ...

    def latest(self, *, site_id: str, target: Target, as_of: datetime | None = None, run: str = "live") -> Forecast | None:
        """The newest issued at or before `as_of` (None: the newest of all)."""
        ...

    def issued(self, *, site_id: str, target: Target, interval: Interval, run: str = "live") -> list[datetime]:
        """Moments of issue in an interval, sorted."""
        ...
