"""Weather as it was at a place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from shared.domain.time import Interval

if TYPE_CHECKING:
    import pandas as pd

WEATHER_COLUMNS = ("timestamp", "temperature_celsius", "ghi_w_m2")


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
