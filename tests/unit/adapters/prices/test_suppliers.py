"""What is special about each supplier's answers."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from shared.adapters.feeds.asking import Asking
from shared.adapters.prices.agile import Agile
from shared.adapters.prices.awattar import Awattar
from shared.adapters.prices.entsoe import Entsoe
from shared.domain.errors import InvalidValueError
from shared.domain.time import Interval
from shared.ports.errors import NotFoundError, SupplierError, UnavailableError
from tests.supplier_formats import GERMANY, TOKEN, acknowledgement, publication, series_of
from tests.supplier_server import Reply, Supplier, as_json, hasty, supplying

START = datetime(2026, 3, 9, 23, tzinfo=UTC)
DAY = Interval(start=START, end=START + timedelta(days=1))
HOUR, QUARTER = timedelta(hours=1), timedelta(minutes=15)
PRODUCT = "AGILE-24-10-01:C"


@pytest.fixture
def supplier() -> Iterator[Supplier]:
    with supplying(lambda _question: Reply(status=404)) as running:
        yield running


@pytest.fixture(scope="module")
def asking() -> Iterator[Asking]:
    with hasty() as client:
        yield client


@pytest.fixture
def entsoe(asking: Asking, supplier: Supplier) -> Callable[..., list[tuple[float, float]]]:
    def ask(body: bytes, *, series: str = GERMANY, status: int = 200) -> list[tuple[float, float]]:
        """Hours since the start, and prices per MWh."""
        supplier.answer = lambda _question: Reply(body=body, status=status)
        prices = Entsoe(asking, SecretStr(TOKEN), supplier.url).ask(series, DAY).prices
        hours = ((prices["timestamp"] - START) / HOUR).tolist()
        return list(zip(hours, (prices["price_per_kwh"] * 1000).round(6).tolist(), strict=True))

    return ask


def points(*prices: float, start: datetime = START, step: timedelta = HOUR, **changes: object) -> str:
    return series_of([(start + number * step, price / 1000) for number, price in enumerate(prices)], step, **changes)


def test_positions_left_out_of_a_held_curve_repeat_the_price_before(entsoe):
    text = points(10, 10, 10, -5, -5, 30)
    assert text.count("<Point>") == 3
    assert entsoe(publication(text)) == [(0, 10), (1, 10), (2, 10), (3, -5), (4, -5), (5, 30)]


def test_positions_left_out_at_the_end_repeat_it_too(entsoe):
    assert entsoe(publication(points(7, 7, 7))) == [(0, 7), (1, 7), (2, 7)]


def test_positions_left_out_of_a_sequential_curve_are_gaps(entsoe):
    text = points(10, 20, 30, curve="A01").replace("<Point><position>2</position><price.amount>20.0</price.amount></Point>", "")
    assert entsoe(publication(text)) == [(0, 10), (2, 30)]


def test_quarter_hours_are_read(entsoe):
    assert entsoe(publication(points(1, 2, 3, 4, step=QUARTER))) == [(0, 1), (0.25, 2), (0.5, 3), (0.75, 4)]


def test_of_two_resolutions_the_finer_counts_in_any_order(entsoe):
    hour, quarters = points(100, 200), points(1, 2, 3, 4, step=QUARTER)
    expected = [(0, 1), (0.25, 2), (0.5, 3), (0.75, 4), (1, 200)]
    assert entsoe(publication(hour + quarters)) == expected
    assert entsoe(publication(quarters + hour)) == expected


def test_auctions_are_never_mixed(entsoe):
    both = publication(points(1, 2, sequence=1) + points(8, 9, sequence=2))
    assert entsoe(both) == [(0, 1), (1, 2)]
    assert entsoe(both, series=f"{GERMANY}:2") == [(0, 8), (1, 9)]
    assert entsoe(publication(points(8, 9, sequence=2))) == [], "the coupled auction is not there yet, and EXAA is not it"


def test_intraday_auctions_are_left_out(entsoe):
    intraday = points(99).replace("<contract_MarketAgreement.type>A01", "<contract_MarketAgreement.type>A07")
    assert entsoe(publication(points(1) + intraday)) == [(0, 1)]


def test_what_lies_outside_of_what_was_asked_for_is_left_out(entsoe):
    assert entsoe(publication(points(1, 2, start=START - HOUR))) == [(0, 2)]


@pytest.mark.parametrize("status", [200, 400])
def test_no_matching_data_is_nothing(entsoe, status):
    assert entsoe(acknowledgement("999", "No matching data found for Data item ENERGY_PRICES"), status=status) == []


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (acknowledgement("999", "The amount of requested data exceeds allowed limit"), 400, "the refusal 'The amount"),
        (b"404 page not found", 404, "DER_FEED_URLS"),
        (b"<html><body>Scheduled maintenance</body></html>", 200, "a document 'html'"),
        (publication("")[:-9], 200, "no whole XML"),
        (b"", 200, "no whole XML"),
        (publication(points(1)).replace(b">EUR<", b">PLN<"), 200, "PLN/MWH instead of EUR/MWh"),
        (publication(points(1)).replace(b"PT60M", b"P1Y"), 200, "a period that is none"),
        (publication(points(1)).replace(b"PT60M", b"PT1S"), 200, "positions do not fit"),
        (publication(points(1)).replace(b"<position>1<", b"<position>9<"), 200, "positions do not fit"),
        (publication(points(1)).replace(b">1.0<", b">much<"), 200, "a period that is none"),
        (b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>', 200, "document type"),
        (b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>', 200, "document type"),
        ('<?xml version="1.0" encoding="utf-16"?><!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'.encode("utf-16"), 200, "document type"),
    ],
)
def test_what_is_no_answer_is_an_outage(entsoe, body, status, words):
    with pytest.raises(UnavailableError, match=words):
        entsoe(body, status=status)


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_token_is_named_and_not_shown(entsoe, status):
    with pytest.raises(SupplierError, match="ENTSOE_TOKEN is refused") as raised:
        entsoe(b"", status=status)
    assert TOKEN not in str(raised.value)


@pytest.mark.parametrize("series", ["DE-LU", "10Y1001A1001A82", f"{GERMANY}:", f"{GERMANY}:12", f"{GERMANY}&x=1", ""])
def test_codes_that_are_none_are_refused(asking, series):
    with pytest.raises(InvalidValueError, match="10Y1001A1001A82H"):
        Entsoe(asking, SecretStr(TOKEN)).require(series)


def agile(rates: list[dict[str, object]], asking: Asking, supplier: Supplier) -> list[tuple[float, float]]:
    supplier.answer = lambda _question: as_json({"count": len(rates), "next": None, "previous": None, "results": rates})
    prices = Agile(asking, supplier.url).ask(PRODUCT, DAY).prices
    return [((stamp - START) / HOUR, price) for stamp, price in zip(prices["timestamp"], prices["price_per_kwh"], strict=True)]


def rate(hours: float, pence: float | None, *, until: float | None, method: str | None = None) -> dict[str, object]:
    end = None if until is None else (START + until * HOUR).isoformat()
    return {
        "value_exc_vat": 1,
        "value_inc_vat": pence,
        "valid_from": (START + hours * HOUR).isoformat(),
        "valid_to": end,
        "payment_method": method,
    }


def test_pence_with_vat_become_pounds(asking, supplier):
    assert agile([rate(0.5, -3.5, until=1), rate(0, 21.0, until=0.5)], asking, supplier) == [(0, 0.21), (0.5, -0.035)]


def test_a_rate_of_another_payment_method_is_not_ours(asking, supplier):
    rates = [rate(0, 30, until=0.5, method="NON_DIRECT_DEBIT"), rate(0, 21, until=0.5, method="DIRECT_DEBIT")]
    assert agile(rates, asking, supplier) == [(0, 0.21)]


def test_a_rate_that_holds_for_longer_is_every_half_hour_of_it(asking, supplier):
    assert agile([rate(-1, 20, until=1)], asking, supplier) == [(0, 0.2), (0.5, 0.2)]
    assert len(agile([rate(23, 20, until=None)], asking, supplier)) == 2


def test_pages_are_asked_by_number_of_the_same_server(asking, supplier):
    def answer(question):
        page = int(question.query.get("page", 1))
        results = [rate(2 - page, 10.0 * page, until=2 - page + 0.5)]
        return as_json({"next": "http://elsewhere.example/steal?page=2" if page == 1 else None, "results": results})

    supplier.answer = answer
    assert len(Agile(asking, supplier.url).ask(PRODUCT, DAY).prices) == 2
    assert [question.query.get("page") for question in supplier.asked] == [None, "2"]


def test_pages_without_end_end(asking, supplier):
    supplier.answer = lambda _question: as_json({"next": "more", "results": []})
    Agile(asking, supplier.url).ask(PRODUCT, DAY)
    assert len(supplier.asked) == 20


def test_a_product_that_is_none_is_named(asking, supplier):
    supplier.answer = lambda _question: Reply(status=404, body=b'{"detail":"No EnergyProduct matches the given query."}')
    with pytest.raises(NotFoundError, match=r"'agile:AGILE-24-10-01:C'.*knows no such product"):
        Agile(asking, supplier.url).ask(PRODUCT, DAY)


@pytest.mark.parametrize("series", ["AGILE-24-10-01", "AGILE-24-10-01:I", "AGILE-24-10-01:CC", "AGILE-24-10-01:", "../x:C", "agile:C"])
def test_regions_that_are_none_are_refused(asking, series):
    with pytest.raises(InvalidValueError, match="agile:PRODUCT:REGION"):
        Agile(asking).require(series)


@pytest.mark.parametrize(
    "broken", [{}, {"value_inc_vat": 1}, None, {"value_inc_vat": "x", "valid_from": "2026-03-10T00:00:00Z", "valid_to": None}]
)
def test_a_rate_that_is_none_is_an_outage(asking, supplier, broken):
    with pytest.raises(UnavailableError, match="a rate that is none"):
        agile([broken], asking, supplier)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"start_timestamp": 1773097200000, "marketprice": 50, "unit": "ct/kWh"}, "'ct/kwh' instead of EUR/MWh"),
        ({"start_timestamp": 1773097200000, "marketprice": "dear", "unit": "Eur/MWh"}, "a price that is none"),
        ({"start_timestamp": 1773097200000, "unit": "Eur/MWh"}, "a price that is none"),
    ],
)
def test_awattar_in_other_units_or_words_is_an_outage(asking, supplier, row, words):
    supplier.answer = lambda _question: as_json({"data": [row]})
    with pytest.raises(UnavailableError, match=words):
        Awattar(asking, supplier.url).ask("DE", DAY)


def test_awattar_is_asked_in_its_country(asking):
    assert Awattar(asking)._base.replace("{country}", "at") == "https://api.awattar.at"
    with pytest.raises(InvalidValueError, match="awattar:DE or awattar:AT"):
        Awattar(asking).require("CH")
