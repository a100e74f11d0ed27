"""Asking a public server: what is tried again, what is not, and what never leaves us."""

import gzip
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from shared.adapters.feeds.asking import Asking, BusyError, Patience, RefusedError
from shared.ports.errors import UnavailableError
from tests.supplier_server import BRIEF, HASTY, Reply, Supplier, hasty, supplying, zipped


@pytest.fixture
def supplier() -> Iterator[Supplier]:
    with supplying(lambda _question: Reply(body=b"fine")) as running:
        yield running


@pytest.fixture(scope="module")
def asking() -> Iterator[Asking]:
    with hasty() as client:
        yield client


def in_turn(*replies: Reply):
    """Each reply once, the last one for ever."""
    waiting = list(replies)
    return lambda _question: waiting.pop(0) if len(waiting) > 1 else waiting[0]


def test_an_answer_is_the_body_and_the_question_names_the_project(supplier, asking):
    assert asking.get("agile", supplier.url + "/rates", {"from": "2026-01-01T00:00Z", "n": 3}) == b"fine"
    question = supplier.asked[0]
    assert (question.path, question.query) == ("/rates", {"from": "2026-01-01T00:00Z", "n": "3"})
    assert question.headers["User-Agent"].startswith("predictive-optimization-der/")


@pytest.mark.parametrize("fault", [Reply(status=500), Reply(status=503), Reply(status=429), Reply(body=b"x" * 9000, cut=True)])
def test_what_may_pass_is_asked_again(supplier, asking, fault):
    supplier.answer = in_turn(fault, fault, Reply(body=b"well again"))
    assert asking.get("agile", supplier.url, {}) == b"well again"
    assert len(supplier.asked) == 3


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Reply(status=503), "answered 503"),
        (Reply(body=b"x" * 9000, cut=True), "out of reach"),
    ],
)
def test_what_does_not_pass_is_unavailable_after_three_attempts(supplier, asking, fault, words):
    supplier.answer = lambda _question: fault
    with pytest.raises(UnavailableError, match=words) as raised:
        asking.get("agile", supplier.url, {"securityToken": "geheim"})
    assert len(supplier.asked) == 3
    assert "geheim" not in str(raised.value)


def test_silence_is_asked_again_and_then_unavailable(supplier):
    with hasty(patience=BRIEF) as client:
        supplier.answer = in_turn(Reply(silent=True), Reply(body=b"well again"))
        assert client.get("agile", supplier.url, {}) == b"well again"
        supplier.answer = lambda _question: Reply(silent=True)
        with pytest.raises(UnavailableError, match="did not answer in time"):
            client.get("agile", supplier.url, {})


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_what_is_refused_is_not_asked_again(supplier, asking, status):
    supplier.answer = lambda _question: Reply(status=status, body=b'{"detail": "Not found."}')
    with pytest.raises(RefusedError, match=rf"refused the question with {status}: .*Not found") as raised:
        asking.get("agile", supplier.url, {})
    assert raised.value.status == status
    assert len(supplier.asked) == 1


def test_a_refusal_in_html_is_not_repeated_to_people(supplier, asking):
    supplier.answer = lambda _question: Reply(status=403, body=b"<!DOCTYPE html><html><script>bad()</script></html>")
    with pytest.raises(RefusedError, match="403: an HTML page"):
        asking.get("agile", supplier.url, {})


def test_retry_after_is_waited_for():
    slept: list[float] = []
    with supplying(in_turn(Reply(status=429, headers={"Retry-After": "1"}), Reply(body=b"now"))) as supplier:
        client = Asking(HASTY, sleep=slept.append)
        assert client.get("agile", supplier.url, {}) == b"now"
        client.close()
    assert 1.0 <= slept[0] <= 1.0 + HASTY.longest_delay_seconds


@pytest.mark.parametrize("as_date", [False, True])
def test_a_server_that_asks_for_a_long_pause_is_left_alone_at_once(supplier, asking, as_date):
    until = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True) if as_date else "3600"
    supplier.answer = lambda _question: Reply(status=429, headers={"Retry-After": until})
    with pytest.raises(BusyError) as raised:
        asking.get("agile", supplier.url, {})
    assert 3500 < raised.value.seconds <= 3600
    assert len(supplier.asked) == 1


def test_a_retry_after_that_is_no_time_is_ignored(supplier, asking):
    supplier.answer = in_turn(Reply(status=503, headers={"Retry-After": "soon"}), Reply(body=b"here"))
    assert asking.get("agile", supplier.url, {}) == b"here"


def test_pauses_are_drawn_from_zero_to_a_bound_that_doubles():
    slept: list[float] = []
    patience = Patience(attempts=9, timeout_seconds=1, whole_seconds=1e6, first_delay_seconds=1.0, longest_delay_seconds=16.0)
    with supplying(lambda _question: Reply(status=500)) as supplier:
        client = Asking(patience, sleep=slept.append)
        for _ in range(10):
            with pytest.raises(UnavailableError):
                client.get("agile", supplier.url, {})
        client.close()
    by_attempt = [slept[attempt::8] for attempt in range(8)]
    for attempt, delays in enumerate(by_attempt):
        assert all(0.0 <= delay <= min(16.0, 2.0**attempt) for delay in delays)
    assert max(by_attempt[5]) - min(by_attempt[5]) > 1.0


def test_a_gzipped_answer_is_unpacked(supplier, asking):
    supplier.answer = lambda _question: zipped(b"packed" * 100)
    assert asking.get("agile", supplier.url, {}) == b"packed" * 100


def test_an_answer_that_unpacks_without_end_is_not_read(supplier, asking):
    bomb = zipped(bytes(200_000_000))
    supplier.answer = lambda _question: bomb
    with pytest.raises(UnavailableError, match="more than 1 MB"):
        asking.get("agile", supplier.url, {})


def test_an_answer_that_is_too_long_is_not_read(supplier, asking):
    supplier.answer = lambda _question: Reply(body=b"x" * 1_000_001)
    with pytest.raises(UnavailableError, match="more than 1 MB"):
        asking.get("agile", supplier.url, {})
    assert len(supplier.asked) == 1


@pytest.mark.parametrize("body", [b"no gzip at all", gzip.compress(b"cut" * 1000, mtime=0)[:-20]])
def test_a_damaged_packing_is_unavailable(supplier, asking, body):
    supplier.answer = lambda _question: Reply(body=body, headers={"Content-Encoding": "gzip"})
    with pytest.raises(UnavailableError, match=r"damaged|cut its answer short"):
        asking.get("agile", supplier.url, {})


def test_an_encoding_that_was_not_asked_for_is_not_read(supplier, asking):
    supplier.answer = lambda _question: Reply(body=b"?", headers={"Content-Encoding": "br"})
    with pytest.raises(UnavailableError, match="'br'"):
        asking.get("agile", supplier.url, {})


def test_a_redirect_is_not_followed(supplier, asking):
    supplier.answer = lambda _question: Reply(status=302, headers={"Location": "http://elsewhere.example/?securityToken=geheim"})
    with pytest.raises(UnavailableError, match=r"redirect to elsewhere\.example") as raised:
        asking.get("agile", supplier.url, {})
    assert "geheim" not in str(raised.value)


def test_nobody_there_is_unavailable(asking):
    with supplying(lambda _question: Reply()) as supplier:
        gone = supplier.url
    with pytest.raises(UnavailableError, match="out of reach"):
        asking.get("agile", gone, {})


def test_all_attempts_together_take_a_bounded_time():
    with (
        supplying(lambda _question: Reply(silent=True)) as supplier,
        hasty(patience=replace(BRIEF, attempts=50, timeout_seconds=0.2, whole_seconds=0.7)) as client,
    ):
        with pytest.raises(UnavailableError, match="in time"):
            client.get("agile", supplier.url, {})
        assert len(supplier.asked) < 10


def test_no_log_line_holds_a_key(supplier, asking, caplog):
    caplog.set_level(logging.DEBUG)
    asking.get("entsoe", supplier.url, {"securityToken": "geheim"})
    assert supplier.asked[0].query == {"securityToken": "geheim"}
    assert "geheim" not in caplog.text
