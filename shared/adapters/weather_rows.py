"""Rows of weather on their way into stores and out of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shared.adapters.embedded.columns import column_micros, require_columns, utc_column
from shared.ports.weather import WEATHER_FORECAST_COLUMNS, WEATHER_VALUES

Longs = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class WeatherRows:
    """Instants in microseconds since the epoch, shape (rows,), and `WEATHER_VALUES`, shape (rows, values)."""

    stamps: Longs
    issued: Longs
    values: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.stamps)


def rows_of(frame: pd.DataFrame) -> WeatherRows:
    """What to store of a frame: each pair of timestamp and issue once, the last one wins. Raises `InvalidValueError`."""
    require_columns(frame, WEATHER_FORECAST_COLUMNS)
    newest = frame[~frame.duplicated(["timestamp", "issued_at"], keep="last")]
    return WeatherRows(
        stamps=column_micros(newest, "timestamp"),
        issued=column_micros(newest, "issued_at"),
        values=newest[list(WEATHER_VALUES)].to_numpy(dtype=np.float64),
    )


def frame_of(stamps: Sequence[int] | Longs, issued: Sequence[int] | Longs, values: NDArray[np.float64]) -> pd.DataFrame:
    """`WEATHER_FORECAST_COLUMNS`; values of shape (rows, values)."""
    frame = pd.DataFrame(values.reshape(len(stamps), len(WEATHER_VALUES)), columns=list(WEATHER_VALUES))
    frame.insert(0, "timestamp", utc_column(stamps))
    frame.insert(1, "issued_at", utc_column(issued))
    return frame
