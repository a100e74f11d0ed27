"""Energy prices of public suppliers, by the name of a series such as `energy-charts:DE-LU`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from shared.domain.time import Interval
from shared.ports.origin import Origin

if TYPE_CHECKING:
    import pandas as pd

PRICE_FEED_COLUMNS = ("timestamp", "price_per_kwh", "published_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceAnswer:
    """Prices and where they come from."""

    prices: pd.DataFrame
    """`PRICE_FEED_COLUMNS`, sorted, no timestamp twice, none without a price. A price holds from its timestamp for the resolution.

    `published_at` is when we saw it, or, for a price first seen when its day had begun, when its market publishes.
    """
    currency: str
    """ISO 4217."""
    tax: str
    """What of taxes and fees is in the price; the rest is the tariff's, by its factor and surcharge."""
    origin: Origin


class PriceFeed(Protocol):
    """Prices of many suppliers."""

    def knows(self, series_id: str) -> bool:
        """Whether the series names a supplier. Any other is somebody else's, such as a gateway's own."""
        ...

    def read(self, series_id: str, *, interval: Interval, now: datetime) -> PriceAnswer:
        """What is known now of an interval; rows that are not published yet are left out.

        A supplier that is away is no error as long as anything is known: the answer says so. Raises `InvalidValueError` for a name
        that no supplier has, `UnavailableError` when nothing can be had now, another `SupplierError` for what a person must mend.
        """
        ...
