"""ENTSO-E Transparency Platform: day-ahead prices (document A44) of Europe's bidding zones by their EIC codes.

https://transparencyplatform.zendesk.com (RESTful API guide). A token comes with a free account. An answer can hold several
auctions, told apart by a sequence: 1 is the coupled auction of Europe, 2 in Germany and Austria that of EXAA at 10:15. They are
never mixed: a series is an EIC code, and another sequence than 1 behind a colon.
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from xml.etree.ElementTree import Element

import numpy as np
from pydantic import SecretStr

from shared.adapters.feeds.asking import Asking, RefusedError
from shared.adapters.feeds.json_answer import malformed
from shared.adapters.feeds.xml_answer import xml_root
from shared.adapters.prices.supplier import CENTRAL_EUROPE, Quotes, quotes
from shared.domain.errors import InvalidValueError
from shared.domain.time import EPOCH, Interval, parse_duration, parse_instant
from shared.domain.units import price_per_kwh_from_per_mwh
from shared.ports.errors import SupplierError, UnavailableError

TOKEN_VARIABLE = "ENTSOE_TOKEN"  # noqa: S105  # its name
FIRST = "1"
STEPS = (timedelta(minutes=15), timedelta(minutes=30), timedelta(hours=1))
MOST_POSITIONS = 4 * 24 * 400
HELD_CURVE = "A03"
"""Positions whose price equals the one before are left out; in other curves a position left out is a gap."""
DAY_AHEAD, NO_DATA = "A01", "999"
_EIC = re.compile(r"[0-9]{2}[XYZTWV][A-Z0-9-]{12}[A-Z0-9]")
_DENIED = (401, 403)


class Entsoe:
    """`PriceSupplier`."""

    name = "entsoe"
    market = CENTRAL_EUROPE
    currency = "EUR"
    tax = "the auction's price alone: without VAT, levies, grid fees and the seller's margin"
    apart = timedelta(seconds=1)
    longest = timedelta(days=93)

    def __init__(self, asking: Asking, token: SecretStr | None, base: str = "https://web-api.tp.entsoe.eu/api") -> None:
        self._asking, self._token, self._base = asking, token, base

    def require(self, series: str) -> None:
        area, colon, sequence = series.partition(":")
        if not _EIC.fullmatch(area) or (colon and not (sequence.isdigit() and len(sequence) == 1)):
            raise InvalidValueError(
                "series", f"entsoe:{series}", "must be entsoe:EIC with the code of a bidding zone, such as entsoe:10Y1001A1001A82H"
            )
        if self._token is None:
            raise SupplierError(
                f"{TOKEN_VARIABLE} is not set: ENTSO-E asks for a security token; make one in your account at https://transparency.entsoe.eu"
            )

    def ask(self, series: str, interval: Interval) -> Quotes:
        area, _, sequence = series.partition(":")
        rows: dict[int, tuple[float, float]] = {}
        for found in _auctions(self._document(area, interval), sequence or FIRST):
            for second, step_seconds, price in _points(found):
                if second not in rows or step_seconds <= rows[second][0]:  # of two resolutions the finer counts
                    rows[second] = (step_seconds, price)
        start, end = (int((moment - EPOCH).total_seconds()) for moment in (interval.start, interval.end))
        stamps = np.array(sorted(second for second in rows if start <= second < end), dtype=np.int64)
        prices = np.array([rows[second][1] for second in stamps.tolist()], dtype=np.float64)
        return quotes(
            self.name, stamps, price_per_kwh_from_per_mwh(prices),
            attribution="Prices: ENTSO-E Transparency Platform", licence_url="https://transparency.entsoe.eu/terms-and-conditions",
        )  # fmt: skip

    def _document(self, area: str, interval: Interval) -> Element:
        assert self._token is not None  # noqa: S101  # `require` has asked for it
        query = {
            "securityToken": self._token.get_secret_value(), "documentType": "A44", "businessType": "A62",
            "contract_MarketAgreement.type": DAY_AHEAD, "in_Domain": area, "out_Domain": area,
            "periodStart": f"{interval.start:%Y%m%d%H%M}", "periodEnd": f"{interval.end:%Y%m%d%H%M}",
        }  # fmt: skip
        try:
            content = self._asking.get(self.name, self._base, query)
        except RefusedError as problem:
            if problem.status in _DENIED:
                raise SupplierError(
                    f"{TOKEN_VARIABLE} is refused by ENTSO-E: copy the token of your account again, or ask for API access"
                ) from None
            content = problem.content  # 400 is an acknowledgement with the reason; so was an outage of January 2026
            if b"Acknowledgement_MarketDocument" not in content:
                # 404 has been an outage and a move of the service: neither is the person's to mend at once
                raise UnavailableError(f"{problem}; if it lasts, see whether the service has moved (DER_FEED_URLS)") from None
        return xml_root(self.name, content)


def _auctions(document: Element, sequence: str) -> Iterator[Element]:
    """Series of the auction. Raises `UnavailableError` for a document that is an error, nothing where it says that there is no data."""
    if document.tag == "Acknowledgement_MarketDocument":
        codes = {reason.findtext("code") for reason in document.iter("Reason")}
        words = " ".join((document.findtext("Reason/text") or "no reason").split())
        if codes == {NO_DATA} and "no matching data" in words.lower():
            return
        raise malformed("entsoe", f"the refusal {words[:120]!r}")
    if document.tag != "Publication_MarketDocument":
        raise malformed("entsoe", f"a document {document.tag[:40]!r}")
    for series in document.findall("TimeSeries"):
        kind = series.findtext("contract_MarketAgreement.type") or DAY_AHEAD
        number = series.findtext("classificationSequence_AttributeInstanceComponent.position") or FIRST
        if kind == DAY_AHEAD and number == sequence:
            yield series


def _points(series: Element) -> Iterator[tuple[int, float, float]]:
    """Start in seconds, length in seconds and price of each position. Raises `UnavailableError` for other units."""
    unit = (series.findtext("currency_Unit.name"), series.findtext("price_Measure_Unit.name"))
    if unit != ("EUR", "MWH"):
        raise malformed("entsoe", f"prices in {unit[0]}/{unit[1]} instead of EUR/MWh"[:80])
    held = (series.findtext("curveType") or HELD_CURVE) == HELD_CURVE
    for period in series.findall("Period"):
        try:
            start, end = (parse_instant(period.findtext(f"timeInterval/{edge}") or "") for edge in ("start", "end"))
            step = parse_duration(period.findtext("resolution") or "")
            given = {int(point.findtext("position") or ""): _price(point) for point in period.findall("Point")}
        except ValueError:
            raise malformed("entsoe", "a period that is none") from None
        count = (end - start) // step if step in STEPS else 0
        if not 0 < count <= MOST_POSITIONS or any(not 1 <= position <= count for position in given):
            raise malformed("entsoe", "a period whose positions do not fit its times")
        first, price = int((start - EPOCH).total_seconds()), float("nan")
        for position in range(1, count + 1):
            price = given.get(position, price if held else float("nan"))
            yield first + (position - 1) * int(step.total_seconds()), step.total_seconds(), price


def _price(point: Element) -> float:
    text = point.findtext("price.amount")
    return float(text) if text else float("nan")
