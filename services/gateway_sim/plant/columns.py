"""Readings of one device as arrays: what the plant makes, whatever they become."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from services.gateway_sim.plant.noise import Floats, Integers
from shared.domain.reading import READING_COLUMNS, TIME_OF_USE_PERIODS, VALUE_COLUMNS, Quality

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingArrays:
    """Consecutive readings, every array of shape (readings,)."""

    site_id: str
    device_id: str
    timestamp: NDArray[np.datetime64]
    """Naive UTC, `datetime64[us]`."""
    values: Mapping[str, Floats]
    """Each of `VALUE_COLUMNS`; NaN where a home has no such device."""
    period: Integers
    """Index in `TIME_OF_USE_PERIODS`."""

    def __len__(self) -> int:
        return len(self.timestamp)

    def frame(self) -> "pd.DataFrame":
        """The readings as stores take them: `READING_COLUMNS`."""
        import pandas as pd

        text = pd.StringDtype(na_value=np.nan)
        count = len(self)
        columns: dict[str, object] = {
            "site_id": pd.array([self.site_id], dtype=text).repeat(count),
            "device_id": pd.array([self.device_id], dtype=text).repeat(count),
            "timestamp": pd.DatetimeIndex(self.timestamp).tz_localize("UTC"),
            **self.values,
            "time_of_use_period": pd.array(TIME_OF_USE_PERIODS, dtype=text).take(self.period),
            "quality": np.full(count, int(Quality.SIMULATED), dtype=np.int64),
        }
        return pd.DataFrame(columns)[list(READING_COLUMNS)]


def no_readings(site_id: str = "", device_id: str = "") -> ReadingArrays:
    """None, with every array."""
    empty = np.zeros(0)
    return ReadingArrays(
        site_id=site_id,
        device_id=device_id,
        timestamp=np.zeros(0, dtype="datetime64[us]"),
        values=dict.fromkeys(VALUE_COLUMNS, empty),
        period=np.zeros(0, dtype=np.int64),
    )
