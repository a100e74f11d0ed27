"""Energy-Charts of Fraunhofer ISE: day-ahead prices of Europe's bidding zones (https://api.energy-charts.info), in EUR/MWh.

The licence is in each answer: CC BY 4.0 for some zones, private and internal use for others.
"""

import re
from datetime import timedelta

import numpy as np

from shared.adapters.feeds.asking import Asking, RefusedError
from shared.adapters.feeds.json_answer import json_object, malformed
from shared.adapters.prices.supplier import CENTRAL_EUROPE, Quotes, quotes
from shared.domain.errors import InvalidValueError
from shared.domain.time import EPOCH, Interval
from shared.domain.units import price_per_kwh_from_per_mwh
from shared.ports.errors import NotFoundError

UNITS = ("eur/mwh", "eur / mwh")
_ZONE = re.compile(r"[A-Z]{2}[A-Za-z0-9-]{0,20}")
_NO_CONTENT, _BAD_REQUEST, _INVALID = 404, 400, 422
_MOST_WORDS = 300


class EnergyCharts:
    """`PriceSupplier`. A series is a bidding zone."""

    name = "energy-charts"
    market = CENTRAL_EUROPE
    currency = "EUR"
    tax = "the exchange's price alone: without VAT, levies, grid fees and the seller's margin"
    apart = timedelta(seconds=2)
    longest = timedelta(days=93)

    def __init__(self, asking: Asking, base: str = "https://api.energy-charts.info") -> None:
        self._asking, self._base = asking, base.rstrip("/")

    def require(self, series: str) -> None:
        if not _ZONE.fullmatch(series):
            raise InvalidValueError("series", f"energy-charts:{series}", "must name a bidding zone, such as energy-charts:DE-LU")

    def ask(self, series: str, interval: Interval) -> Quotes:
        start, end = (int((moment - EPOCH).total_seconds()) for moment in (interval.start, interval.end))
        try:
            content = self._asking.get(self.name, f"{self._base}/price", {"bzn": series, "start": start, "end": end - 1})
        except RefusedError as problem:
            if problem.status in {_BAD_REQUEST, _INVALID}:
                raise NotFoundError(
                    f"series 'energy-charts:{series}': no such bidding zone; see https://api.energy-charts.info for their names"
                ) from None
            if problem.status != _NO_CONTENT:
                raise
            content = b'{"unix_seconds":[],"price":[],"unit":"EUR/MWh"}'  # nothing published of that time
        document = json_object(self.name, content)
        stamps, prices = document.get("unix_seconds"), document.get("price")
        if not isinstance(stamps, list) or not isinstance(prices, list) or len(stamps) != len(prices):
            raise malformed(self.name, "times and prices that do not belong together")
        if str(document.get("unit", "")).lower() not in UNITS:
            raise malformed(self.name, f"prices in {str(document.get('unit'))[:20]!r} instead of EUR/MWh")
        try:
            seconds, values = np.array(stamps, dtype=np.int64), np.array(prices, dtype=np.float64)
            if seconds.ndim != 1 or values.ndim != 1:
                raise ValueError("nested")  # noqa: TRY301  # an answer that numpy takes and we do not
        except (OverflowError, TypeError, ValueError):
            raise malformed(self.name, "a price that is none") from None
        words = " ".join(str(document.get("license_info") or "").split())[:_MOST_WORDS]
        inside = (seconds >= start) & (seconds < end)
        return quotes(
            self.name, seconds[inside], price_per_kwh_from_per_mwh(values[inside]),
            attribution=f"Prices: Energy-Charts.info (Fraunhofer ISE); {words or 'licence as told by the supplier for this zone'}",
            licence_url="https://creativecommons.org/licenses/by/4.0/" if "CC BY 4.0" in words else "https://www.energy-charts.info",
        )  # fmt: skip
