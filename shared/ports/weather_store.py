"""Weather of places as it was forecast, each value with the moment from which it was known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from shared.domain.place import Place
from shared.domain.time import Interval

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class WeatherExtent:
    """What is stored of a place."""

    interval: Interval
    """From the first to just after the last timestamp."""
    newest_issue: datetime


class WeatherStore(Protocol):
    """`WEATHER_FORECAST_COLUMNS` of a place; every issue of an hour is kept. Values that are not known are NaN."""

    def put(self, place: Place, rows: pd.DataFrame) -> int:
        """Upsert by timestamp and issue; returns the rows that are new or changed."""
        ...

    def read(self, *, place: Place, interval: Interval, as_of: datetime | None = None, ahead: timedelta | None = None) -> pd.DataFrame:
        """One row for each timestamp of the interval, sorted: of what was issued at or before `as_of` the newest (None: of all).

        With `ahead` the newest that was issued at least so long before the row's own timestamp: history as it was forecast.
        """
        ...

    def extent(self, *, place: Place) -> WeatherExtent | None:
        """None for a place of which nothing is stored."""
        ...

    def forget(self, *, place: Place, before: datetime) -> int:
        """Remove the rows of earlier timestamps; returns how many."""
        ...
