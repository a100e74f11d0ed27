"""Prices on a site's grid, each with how long before its step it was known."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shared.domain.tariff import DynamicPrice, Tariff, hold_series
from shared.domain.time import TimeGrid, instant64

Values = NDArray[np.float64]

FIXED_KNOWN_HOURS = 8760.0
"""A tariff's own prices are known a year ahead."""

_HOLDS = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PricesOnGrid:
    """Prices of each step, each of shape (steps,); NaN where none is known."""

    series_per_kwh: Values
    """What there is to forecast of the import price: the raw series of a dynamic one, the price itself of any other."""
    export_per_kwh: Values
    """What is paid for a kWh exported."""
    known_ahead_hours: Values
    """From the publication of the import price to the start of its step; negative when it came later."""


def prices_on(
    grid: TimeGrid, *, tariff: Tariff | None, series: Mapping[str, pd.DataFrame], holidays: frozenset[date], as_of: datetime
) -> PricesOnGrid:
    """Prices of a tariff with the series it needs (`timestamp`, `price_per_kwh`, `published_at`), as known at `as_of`.

    Of several publications of one timestamp the newest that `as_of` knows counts.
    """
    nothing = np.full(grid.count, np.nan)
    if tariff is None:
        return PricesOnGrid(series_per_kwh=nothing, export_per_kwh=nothing, known_ahead_hours=nothing)
    known = {series_id: _known(prices, as_of) for series_id, prices in series.items()}

    def on_grid(series_id: str) -> Values:
        prices = known.get(series_id)
        return nothing if prices is None else hold_series(_stamps(prices, "timestamp"), _numbers(prices), grid)

    export = tariff.export_prices(grid, series=on_grid, holidays=holidays)
    if not isinstance(tariff.import_price, DynamicPrice):
        fixed = tariff.import_prices(grid, series=on_grid, holidays=holidays)
        return PricesOnGrid(series_per_kwh=fixed, export_per_kwh=export, known_ahead_hours=np.full(grid.count, FIXED_KNOWN_HOURS))
    raw = on_grid(tariff.import_price.series_id)
    published = _published_hours(known.get(tariff.import_price.series_id), grid)
    starts = (grid.starts() - np.datetime64(0, "us")) / np.timedelta64(1, "h")
    return PricesOnGrid(series_per_kwh=raw, export_per_kwh=export, known_ahead_hours=np.where(np.isfinite(raw), starts - published, np.nan))


def _known(prices: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    seen = prices[_stamps(prices, "published_at") <= instant64(as_of)]
    seen = seen[np.isfinite(seen["price_per_kwh"].to_numpy(dtype=np.float64))]
    newest: pd.DataFrame = seen.sort_values(["timestamp", "published_at"]).drop_duplicates("timestamp", keep="last")
    return newest


def _published_hours(prices: pd.DataFrame | None, grid: TimeGrid) -> Values:
    """When the price of each step was complete, hours since the epoch: the latest publication among those that make it up."""
    if prices is None or prices.empty or not grid.count:
        return np.full(grid.count, np.nan)
    hours = (_stamps(prices, "published_at") - np.datetime64(0, "us")) / np.timedelta64(1, "h")
    stamps, starts = _stamps(prices, "timestamp"), grid.starts()
    first = np.searchsorted(stamps, starts, side="right") - 1
    latest = np.where(first >= 0, hours[np.maximum(first, 0)], np.nan)
    step = np.timedelta64(int(grid.step.total_seconds() * 1e6), "us")
    index = ((stamps - starts[0]) // step).astype(np.int64)
    inside = (index >= 0) & (index < grid.count)
    np.fmax.at(latest, index[inside], hours[inside])
    return latest


def _stamps(frame: pd.DataFrame, column: str) -> NDArray[np.datetime64]:
    return frame[column].to_numpy(dtype="datetime64[us]")


def _numbers(prices: pd.DataFrame) -> Values:
    return prices["price_per_kwh"].to_numpy(dtype=np.float64)
