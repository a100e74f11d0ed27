"""A person's file of measurements, and what was understood of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from shared.domain.time import Interval

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeFile:
    """Readings of one site as read from a file, with the evidence for every guess."""

    readings: pd.DataFrame
    """`READING_COLUMNS`, on the file's resolution, gaps left out or NaN."""
    prices: pd.DataFrame | None
    """`timestamp`, `price_per_kwh` when the file has a price."""
    interval: Interval
    resolution: timedelta
    timezone: str
    columns: Mapping[str, str]
    """Our column: theirs, with the conversion in words, such as `total_load_kw: "load (W, divided by 1000)"`."""
    ignored_columns: tuple[str, ...]
    sites: tuple[str, ...]
    """Every site in the file; `readings` holds the chosen one."""
    site_in_file: str | None
    missing_share: Mapping[str, float]
    """Share of the interval's steps without a value, by our column."""
    gaps: tuple[Interval, ...]
    """The longest stretches without any row, longest first, at most ten."""
    notes: tuple[str, ...]


class HomeFileReader(Protocol):
    """Reads CSV, Parquet and the gateway's JSON lines."""

    def read(
        self,
        path: Path,
        *,
        site_id: str,
        site_in_file: str | None = None,
        timezone: str | None = None,
        columns: Mapping[str, str] | None = None,
    ) -> HomeFile:
        """Raises `InvalidValueError` with one line: what is wrong, where, and the remedy."""
        ...
