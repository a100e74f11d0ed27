"""aWATTar: hourly prices of the exchange for Germany and Austria (https://www.awattar.de/services/api), in EUR/MWh without any tax."""

from datetime import time, timedelta

import numpy as np

from shared.adapters.feeds.asking import Asking
from shared.adapters.feeds.json_answer import json_object, malformed
from shared.adapters.prices.supplier import Market, Quotes, quotes
from shared.domain.errors import InvalidValueError
from shared.domain.time import EPOCH, Interval
from shared.domain.units import price_per_kwh_from_per_mwh

COUNTRIES = ("DE", "AT")
UNIT = "eur/mwh"


class Awattar:
    """`PriceSupplier`. A series is a country."""

    name = "awattar"
    market = Market(timezone="Europe/Berlin", announces=time(14))
    currency = "EUR"
    tax = "the exchange's price alone: without VAT, levies, grid fees and the seller's margin"
    apart = timedelta(seconds=2)
    """Fair use is 100 questions a day."""
    longest = timedelta(days=93)

    def __init__(self, asking: Asking, base: str = "https://api.awattar.{country}") -> None:
        self._asking, self._base = asking, base.rstrip("/")

    def require(self, series: str) -> None:
        if series not in COUNTRIES:
            raise InvalidValueError("series", f"awattar:{series}", "must be awattar:DE or awattar:AT")

    def ask(self, series: str, interval: Interval) -> Quotes:
        url = self._base.replace("{country}", series.lower()) + "/v1/marketdata"
        query = {
            name: int((moment - EPOCH) / timedelta(milliseconds=1)) for name, moment in (("start", interval.start), ("end", interval.end))
        }
        rows = json_object(self.name, self._asking.get(self.name, url, query)).get("data")
        if not isinstance(rows, list):
            raise malformed(self.name, "JSON without data")
        try:
            units = {str(row["unit"]).lower() for row in rows}
            stamps = [int(row["start_timestamp"]) // 1000 for row in rows]
            prices = np.array([np.nan if row["marketprice"] is None else float(row["marketprice"]) for row in rows], dtype=np.float64)
        except (KeyError, OverflowError, TypeError, ValueError):
            raise malformed(self.name, "a price that is none") from None
        if units - {UNIT}:
            raise malformed(self.name, f"prices in {', '.join(sorted(units))[:40]!r} instead of EUR/MWh")
        return quotes(
            self.name, stamps, price_per_kwh_from_per_mwh(prices),
            attribution=f"Prices: aWATTar {series}, EPEX Spot", licence_url=f"https://www.awattar.{series.lower()}/services/api",
        )  # fmt: skip
