"""What a supplier of prices is to the feed: where it is asked, when its market publishes, and how one answer becomes rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shared.adapters.feeds.json_answer import malformed
from shared.domain.time import Interval, zone

MOST_PER_KWH = 20.0
"""In whole euros or pounds: five times the harmonised limit of the European day-ahead auction (4,000 EUR/MWh)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """A day-ahead market: the prices of a local day are published at once, on the day before."""

    timezone: str
    announces: time
    """By its own clock."""

    def announced_at(self, day: date) -> datetime:
        """When the prices of a day are published, as a rule."""
        return datetime.combine(day - timedelta(days=1), self.announces, tzinfo=zone(self.timezone)).astimezone(UTC)


CENTRAL_EUROPE = Market(timezone="Europe/Berlin", announces=time(13))
"""The coupled auction of Europe publishes at 12:57 by the clock of Central Europe, in every bidding zone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotes:
    """Prices of one answer, and what it says of them."""

    prices: pd.DataFrame
    """`timestamp`, `price_per_kwh`; sorted, none twice, none missing."""
    attribution: str
    licence_url: str


class PriceSupplier(Protocol):
    """One supplier. Its series are named by what it calls an area, a product or a zone."""

    name: str
    """As series ids begin."""
    market: Market
    currency: str
    tax: str
    apart: timedelta
    """Between two questions."""
    longest: timedelta
    """Of one question."""

    def require(self, series: str) -> None:
        """Raise `InvalidValueError` for the name of a series that cannot be one of its."""
        ...

    def ask(self, series: str, interval: Interval) -> Quotes:
        """Prices of whole market days. None at all is no error: they may not be published yet."""
        ...


def quotes(
    supplier: str, stamps: Sequence[int] | NDArray[np.int64], prices: NDArray[np.float64], *, attribution: str, licence_url: str
) -> Quotes:
    """From seconds since the epoch and prices per kWh, where NaN is none. Of two prices of one time the later counts.

    Raises `UnavailableError` for what cannot be a price or a time of one: then nothing of the answer is believed.
    """
    seconds = np.asarray(stamps, dtype=np.int64)
    known = np.isfinite(prices)
    if (np.abs(prices[known]) > MOST_PER_KWH).any():
        raise malformed(supplier, f"a price of {float(np.abs(prices[known]).max()):g} per kWh, which is in another unit")
    if len(seconds) and (seconds.min() < 0 or seconds.max() > _YEAR_2200):
        raise malformed(supplier, "times that are no seconds since 1970")
    rows = pd.DataFrame({
        "timestamp": pd.DatetimeIndex(seconds.view("datetime64[s]").astype("datetime64[us]")).tz_localize("UTC"),
        "price_per_kwh": prices,
    })  # fmt: skip
    rows = rows[known].drop_duplicates("timestamp", keep="last").sort_values("timestamp", ignore_index=True)
    return Quotes(prices=rows, attribution=attribution, licence_url=licence_url)


_YEAR_2200 = 7_258_118_400


def resolution_of(stamps: "pd.Series[pd.Timestamp]") -> timedelta:
    """The shortest distance of two rows; an hour where there are no two."""
    steps = stamps.diff().dropna()
    return timedelta(hours=1) if steps.empty else min(timedelta(hours=1), steps.min().to_pytimedelta())
