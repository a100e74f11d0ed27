"""What a feed serves when its supplier is away, or talks nonsense: the last known, never silently."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from shared.adapters.feeds.asking import Asking
from shared.adapters.prices import price_feed
from shared.domain.time import Interval
from shared.ports.errors import UnavailableError
from shared.ports.origin import Freshness
from shared.ports.price_feed import PriceFeed
from tests.supplier_formats import PRICE_FORMATS, energy_charts
from tests.supplier_server import Reply, Supplier, as_json, hasty, supplying, without_sleep

NOON = datetime(2026, 3, 10, 13, tzinfo=UTC)
TODAY = Interval(start=datetime(2026, 3, 9, 23, tzinfo=UTC), end=datetime(2026, 3, 11, 23, tzinfo=UTC))
"""And tomorrow."""
SERIES = "energy-charts:DE-LU"


def rows(until: datetime = TODAY.end) -> pd.DataFrame:
    stamps = pd.date_range(TODAY.start, until, freq="h", inclusive="left").as_unit("us")
    return pd.DataFrame({"timestamp": stamps, "price_per_kwh": [0.01 * number for number in range(len(stamps))]})


@pytest.fixture(scope="module")
def asking() -> Iterator[Asking]:
    with hasty() as client:
        yield client


@pytest.fixture
def supplier() -> Iterator[Supplier]:
    with supplying(PRICE_FORMATS["energy-charts"].answering(rows())) as running:
        yield running


@pytest.fixture
def opened(asking: Asking, supplier: Supplier, tmp_path: Path) -> Callable[[], PriceFeed]:
    """A feed on the test's folder: opened again it is a restart."""

    def feed() -> PriceFeed:
        urls = dict.fromkeys(PRICE_FORMATS, supplier.url)
        return price_feed(asking, folder=tmp_path, urls=urls, entsoe_token=None, files=None, sleep=without_sleep)

    return feed


def broken() -> list[object]:
    return [
        pytest.param(Reply(status=500), "answered 500", id="error"),
        pytest.param(Reply(status=403, body=b"<html>blocked</html>"), "403: an HTML page", id="blocked"),
        pytest.param(Reply(body=b"<!DOCTYPE html><html>Wartung</html>"), "an HTML page", id="page"),
        pytest.param(Reply(body=b'{"unix_seconds": [1, 2'), "no whole JSON", id="cut"),
        pytest.param(Reply(body=b"[]"), "JSON that is no object", id="array"),
        pytest.param(as_json({"unix_seconds": [1], "price": [1, 2], "unit": "EUR/MWh"}), "do not belong together", id="lengths"),
        pytest.param(as_json({"unix_seconds": ["now"], "price": [1], "unit": "EUR/MWh"}), "a price that is none", id="text"),
        pytest.param(as_json({"unix_seconds": [1], "price": [[1]], "unit": "EUR/MWh"}), "a price that is none", id="nested"),
        pytest.param(as_json({"unix_seconds": [10**30], "price": [1], "unit": "EUR/MWh"}), "a price that is none", id="endless"),
        pytest.param(as_json({"unix_seconds": [1773097200], "price": [90_000], "unit": "EUR/MWh"}), "in another unit", id="absurd"),
        pytest.param(as_json({"unix_seconds": [1773097200], "price": [90], "unit": "EUR/kWh"}), "instead of EUR/MWh", id="unit"),
        pytest.param(Reply(body=b"\xff\xfe\x00"), "no whole JSON", id="bytes"),
    ]


@pytest.mark.parametrize(("fault", "words"), broken())
def test_an_outage_serves_the_last_known_with_its_age_and_the_reason(opened, supplier, fault, words):
    opened().read(SERIES, interval=TODAY, now=NOON)
    supplier.answer = lambda _question: fault
    later = NOON + timedelta(hours=7)
    answer = opened().read(SERIES, interval=TODAY, now=later)
    assert answer.origin.freshness is Freshness.LAST_KNOWN
    assert words in answer.origin.problem
    assert "\n" not in answer.origin.problem
    assert answer.origin.age(later) == timedelta(hours=7)
    assert len(answer.prices) == 48


@pytest.mark.parametrize(("fault", "words"), broken())
def test_an_outage_with_nothing_known_is_an_error_of_one_line(opened, supplier, fault, words):
    supplier.answer = lambda _question: fault
    with pytest.raises(Exception, match=words) as raised:
        opened().read(SERIES, interval=TODAY, now=NOON)
    assert "\n" not in str(raised.value)


def test_what_is_young_is_not_asked_for_again_and_says_so(opened, supplier):
    opened().read(SERIES, interval=TODAY, now=NOON)
    later = NOON + timedelta(minutes=30)
    answer = opened().read(SERIES, interval=TODAY, now=later)
    assert (answer.origin.freshness, answer.origin.age(later)) == (Freshness.CACHED, timedelta(minutes=30))
    assert len(supplier.asked) == 1


def test_days_that_are_over_and_complete_are_never_asked_for_again(opened, supplier):
    opened().read(SERIES, interval=TODAY, now=NOON)
    supplier.answer = lambda _question: pytest.fail("asked")
    answer = opened().read(SERIES, interval=TODAY, now=NOON + timedelta(days=200))
    assert answer.origin.freshness is Freshness.CACHED
    assert len(answer.prices) == 48


def test_tomorrow_before_its_publication_is_not_asked_for(opened, supplier):
    morning = NOON - timedelta(hours=5)
    answer = opened().read(SERIES, interval=TODAY, now=morning)
    assert answer.prices["timestamp"].max() == datetime(2026, 3, 10, 22, tzinfo=UTC)
    with pytest.raises(UnavailableError, match=r"has not published prices of 2026-03-11 yet; .* 13:00"):
        opened().read(SERIES, interval=Interval(start=TODAY.start + timedelta(days=2), end=TODAY.end + timedelta(days=2)), now=morning)


def test_a_pause_after_a_failure_asks_nothing_and_repeats_the_reason(opened, supplier):
    opened().read(SERIES, interval=TODAY, now=NOON)
    supplier.answer = lambda _question: Reply(status=429, headers={"Retry-After": "7200"})
    later = NOON + timedelta(hours=7)
    opened().read(SERIES, interval=TODAY, now=later)
    asked = len(supplier.asked)
    answer = opened().read(SERIES, interval=TODAY, now=later + timedelta(hours=1))
    assert len(supplier.asked) == asked
    assert "answered 429" in answer.origin.problem


def test_a_damaged_file_is_fetched_again(opened, supplier, tmp_path):
    before = opened().read(SERIES, interval=TODAY, now=NOON)
    for path in (tmp_path / "energy-charts").glob("*.json"):
        path.write_bytes(path.read_bytes()[:-20])
    after = opened().read(SERIES, interval=TODAY, now=NOON)
    assert after.origin.freshness is Freshness.FRESH
    pd.testing.assert_frame_equal(after.prices, before.prices)


def test_a_full_disk_is_told(opened, supplier, tmp_path):
    (tmp_path / "energy-charts").write_text("in the way")
    with pytest.raises(UnavailableError, match="cannot be kept in"):
        opened().read(SERIES, interval=TODAY, now=NOON)


def test_a_price_that_an_answer_leaves_out_stays(opened, supplier):
    opened().read(SERIES, interval=TODAY, now=NOON)
    supplier.answer = PRICE_FORMATS["energy-charts"].answering(rows(until=TODAY.end - timedelta(hours=5)))
    answer = opened().read(SERIES, interval=TODAY, now=NOON + timedelta(hours=7))
    assert len(answer.prices) == 48
    assert answer.prices["published_at"].max() == NOON


def test_an_outage_of_one_supplier_is_none_of_another(opened, supplier):
    awattar = PRICE_FORMATS["awattar"].answering(rows())
    supplier.answer = lambda question: Reply(status=500) if question.path == "/price" else awattar(question)
    with pytest.raises(UnavailableError):
        opened().read(SERIES, interval=TODAY, now=NOON + timedelta(hours=1))
    assert len(opened().read("awattar:AT", interval=TODAY, now=NOON + timedelta(hours=1)).prices) == 48


def test_the_licence_of_an_answer_is_its_attribution(opened, supplier):
    words = "for private and internal use only, from EPEX SPOT"
    supplier.answer = PRICE_FORMATS["energy-charts"].answering(rows())
    assert opened().read(SERIES, interval=TODAY, now=NOON).origin.licence_url.startswith("https://creativecommons.org/licenses/by/4.0")
    supplier.answer = energy_charts(rows(), licence=words)
    origin = opened().read(SERIES, interval=TODAY, now=NOON + timedelta(hours=7)).origin
    assert words in origin.attribution
    assert "creativecommons" not in origin.licence_url


def test_the_token_is_asked_for_by_its_name(opened):
    with pytest.raises(Exception, match="ENTSOE_TOKEN is not set"):
        opened().read("entsoe:10Y1001A1001A82H", interval=TODAY, now=NOON)
