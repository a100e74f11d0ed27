"""Local time as features. Days of 23 and 25 hours come out right because each step asks its own wall clock."""

from collections.abc import Mapping
from datetime import date

import numpy as np
from numpy.typing import NDArray

from shared.domain.time import LocalClock

Values = NDArray[np.float64]

DAYS_A_YEAR = 365.2425


def calendar_features(clock: LocalClock, *, holidays: frozenset[date] = frozenset()) -> Mapping[str, Values]:
    """Wall clock and calendar at the start of each step, by feature name, each of shape (steps,)."""
    days_off = np.array(sorted(holidays), dtype="datetime64[D]")
    of_day = clock.hour / 24.0 * 2.0 * np.pi
    of_year = (clock.day_of_year - 1 + clock.hour / 24.0) / DAYS_A_YEAR * 2.0 * np.pi
    return {
        "hour_local": clock.hour,
        "minute_of_day": clock.hour * 60.0,
        "hour_sin": np.sin(of_day),
        "hour_cos": np.cos(of_day),
        "weekday": clock.weekday.astype(np.float64),
        "is_weekend": (clock.weekday >= 5).astype(np.float64),
        "is_holiday": np.isin(clock.date, days_off).astype(np.float64),
        "is_bridge_day": _bridge(clock.date, days_off).astype(np.float64),
        "year_sin": np.sin(of_year),
        "year_cos": np.cos(of_year),
    }


def _bridge(dates: NDArray[np.datetime64], holidays: NDArray[np.datetime64]) -> NDArray[np.bool_]:
    """Whether a day is a working day between two free ones."""

    def free(days: NDArray[np.datetime64]) -> NDArray[np.bool_]:
        # 1970-01-01 was a Thursday
        return np.isin(days, holidays) | ((days.astype(np.int64) + 3) % 7 >= 5)

    between: NDArray[np.bool_] = ~free(dates) & free(dates - 1) & free(dates + 1)
    return between
