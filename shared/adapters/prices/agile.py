"""Octopus Agile: half-hourly unit rates of Great Britain, by product and region.

https://docs.octopus.energy/rest/guides/endpoints: pages of rates, newest first, in pence per kWh. A series is
`PRODUCT:REGION`, such as `AGILE-24-10-01:C`; the product `AGILE-OUTGOING-19-05-13` pays for export.
"""

import re
from datetime import datetime, time, timedelta
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from shared.adapters.feeds.asking import Asking, RefusedError
from shared.adapters.feeds.json_answer import json_object, malformed
from shared.adapters.prices.supplier import Market, Quotes, quotes
from shared.domain.errors import InvalidValueError
from shared.domain.time import EPOCH, Interval, parse_instant
from shared.ports.errors import NotFoundError

REGIONS = "ABCDEFGHJKLMNP"
"""Grid supply points; there is no I and no O."""
PENCE = 100.0
PAGE = 1500
"""The longest that the API gives."""
MOST_PAGES = 20
_PRODUCT = re.compile(r"[A-Z0-9][A-Z0-9-]{2,60}")
_NOT_FOUND = 404
_DIRECT_DEBIT = (None, "DIRECT_DEBIT")


class Agile:
    """`PriceSupplier`."""

    name = "agile"
    market = Market(timezone="Europe/Berlin", announces=time(17))
    """From 16:00 in London, for the day of the European market: 23:00 to 23:00 in London."""
    currency = "GBP"
    tax = "the retail price of the product, with VAT; the standing charge is not in it"
    apart = timedelta(seconds=1)
    longest = timedelta(days=31)

    def __init__(self, asking: Asking, base: str = "https://api.octopus.energy") -> None:
        self._asking, self._base = asking, base.rstrip("/")

    def require(self, series: str) -> None:
        product, _, region = series.partition(":")
        if not _PRODUCT.fullmatch(product) or region not in REGIONS or len(region) != 1:
            raise InvalidValueError(
                "series", f"agile:{series}", f"must be agile:PRODUCT:REGION with a region of {REGIONS}, such as agile:AGILE-24-10-01:C"
            )

    def ask(self, series: str, interval: Interval) -> Quotes:
        product, _, region = series.partition(":")
        path = f"/v1/products/{product}/electricity-tariffs/E-1R-{product}-{region}/standard-unit-rates/"
        query: dict[str, str | int | float] = {
            "period_from": f"{interval.start:%Y-%m-%dT%H:%MZ}", "period_to": f"{interval.end:%Y-%m-%dT%H:%MZ}", "page_size": PAGE,
        }  # fmt: skip
        stamps: list[int] = []
        prices: list[float] = []
        for page in range(1, MOST_PAGES + 1):
            document = self._page(series, path, {**query, "page": page} if page > 1 else query)
            for rate in document["results"]:
                self._take(rate, interval, stamps, prices)
            if not document.get("next"):
                break
        # newest first: turned, so that the later of two rates of one time is the newer
        return quotes(
            self.name, stamps[::-1], np.array(prices[::-1]) / PENCE,
            attribution="Prices: Octopus Energy", licence_url="https://octopus.energy/terms-and-conditions/",
        )  # fmt: skip

    def _page(self, series: str, path: str, query: dict[str, str | int | float]) -> dict[str, Any]:
        """The next page is asked of the same server by its number: the address that an answer names is not followed."""
        try:
            document = json_object(self.name, self._asking.get(self.name, self._base + path, query))
        except RefusedError as problem:
            if problem.status == _NOT_FOUND:
                raise NotFoundError(
                    f"series 'agile:{series}': {urlsplit(self._base).hostname} knows no such product in that region;"
                    " see https://api.octopus.energy/v1/products/ for what is on sale"
                ) from None
            raise
        if not isinstance(document.get("results"), list):
            raise malformed(self.name, "JSON without results")
        return document

    def _take(self, rate: Any, interval: Interval, stamps: list[int], prices: list[float]) -> None:
        """One rate as half-hours: one may hold longer, and those of other payment methods are not ours."""
        try:
            if rate.get("payment_method") not in _DIRECT_DEBIT:
                return
            start = parse_instant(rate["valid_from"])
            end = parse_instant(rate["valid_to"]) if rate.get("valid_to") else interval.end
            price = float("nan") if rate["value_inc_vat"] is None else float(rate["value_inc_vat"])
        except (AttributeError, KeyError, TypeError, ValueError):
            raise malformed(self.name, "a rate that is none") from None
        moment = max(start, interval.start)
        while moment < min(end, interval.end):
            stamps.append(_seconds(moment))
            prices.append(price)
            moment += timedelta(minutes=30)


def _seconds(moment: datetime) -> int:
    return int((moment - EPOCH).total_seconds())
