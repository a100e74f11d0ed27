"""Instants of tests, in microseconds since the epoch."""

import numpy as np
import pandas as pd

from services.gateway_sim.plant.noise import DAY_US, HOUR_US, Integers

YEAR_2024_US = 1_704_067_200_000_000


def instants(days: float = 366, minutes: int = 137, start_us: int = YEAR_2024_US) -> Integers:
    return start_us + np.arange(int(days * 1440 / minutes), dtype=np.int64) * minutes * 60_000_000


def on_day(day: int, minutes: int = 5, days: float = 1) -> Integers:
    """From midnight UTC, so many days into 2024, at the middle of each step."""
    return instants(days, minutes, YEAR_2024_US + day * DAY_US + minutes * 30_000_000)


def as_index(instants_us: Integers) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(instants_us.astype("datetime64[us]")).tz_localize("UTC")


def daily_means(values: np.ndarray, instants_us: Integers) -> np.ndarray:
    """Of each UTC day."""
    return pd.Series(values).groupby(instants_us // (24 * HOUR_US)).mean().to_numpy()
