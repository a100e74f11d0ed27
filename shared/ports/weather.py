"""Weather: as it was at a place, as it is forecast, and as it was forecast then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from shared.domain.time import Interval
from shared.ports.origin import Origin

if TYPE_CHECKING:
    import pandas as pd

WEATHER_COLUMNS = ("timestamp", "temperature_celsius", "ghi_w_m2")
WEATHER_VALUES = (
    "temperature_celsius", "ghi_w_m2", "dni_w_m2", "dhi_w_m2", "cloud_cover_percent", "wind_speed_m_s",
    "relative_humidity_percent", "precipitation_mm",
)  # fmt: skip
"""Global horizontal, direct normal and diffuse horizontal irradiance; precipitation is the sum of the row's time."""
WEATHER_FORECAST_COLUMNS = ("timestamp", "issued_at", *WEATHER_VALUES)


class WeatherHistory(Protocol):
    """Air temperature and global horizontal irradiance.

    A row holds the means of the time that begins at its `timestamp` and lasts as long as the shortest distance of two rows: an
    adapter whose supplier stamps the end of an hour, or a moment, says so and converts. A value that is not known is NaN; a row
    that is not known is left out.
    """

    def read(self, *, latitude: float, longitude: float, interval: Interval) -> pd.DataFrame:
        """`WEATHER_COLUMNS` whose timestamps lie in the interval, sorted, none twice.

        Raises `InvalidValueError` for data that cannot be weather of that place, a `SupplierError` where there is none to be had.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WeatherAnswer:
    """Weather and where it comes from."""

    rows: pd.DataFrame
    """`WEATHER_FORECAST_COLUMNS`, rows as of `WeatherHistory`. `issued_at` is the moment from which a row was known: leakage-safe."""
    origin: Origin


class WeatherFeed(Protocol):
    """Weather of a supplier that is asked over the network, and may be away: then the answer is the last known and says so.

    Raises `UnavailableError` when nothing can be had now, another `SupplierError` for what a person must mend.
    """

    def observed(self, *, latitude: float, longitude: float, interval: Interval, now: datetime) -> WeatherAnswer:
        """As it was, by reanalysis of measurements; the last days are not known yet. Forecasts made with it have perfect weather."""
        ...

    def forecast(self, *, latitude: float, longitude: float, now: datetime) -> WeatherAnswer:
        """The newest forecast, from the present day on."""
        ...

    def forecast_then(self, *, latitude: float, longitude: float, interval: Interval, lead_days: int, now: datetime) -> WeatherAnswer:
        """What was forecast of an interval `lead_days` (1 to 7) before each of its hours."""
        ...
