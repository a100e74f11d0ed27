"""Requests to one InfluxDB 2 server: bounded patience, and errors of one line that never hold the token."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from influxdb_client import InfluxDBClient
from influxdb_client.client.exceptions import InfluxDBError
from urllib3 import exceptions as transport

from shared.domain.errors import InvalidValueError
from shared.ports.errors import NotFoundError, SupplierError, UnavailableError

Answer = TypeVar("Answer")

_BUSY = {429, 500, 502, 503, 504}
_LONGEST_WORDS = 200
_REFUSALS = {
    0: "cannot be reached safely ({words}); correct INFLUXDB_URL or its certificate",
    401: "refuses the token ({words}); give one that may read and write in INFLUXDB_TOKEN",
    403: "forbids this token what it needs ({words}); give one that may read and write in INFLUXDB_TOKEN",
}


class UnknownToServerError(NotFoundError):
    """A 404. `said` is what the server calls missing: a bucket, an organization, or a page where it is no InfluxDB 2."""

    def __init__(self, message: str, said: str) -> None:
        self.said = said
        super().__init__(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a request may take, and how often it is made again. The defaults end within about 40 seconds."""

    attempts: int = 3
    first_wait: timedelta = timedelta(milliseconds=200)
    """Doubles with each attempt; the wait is drawn between nothing and that (full jitter)."""
    longest_wait: timedelta = timedelta(seconds=5)
    """A server that asks for more (Retry-After) is unavailable."""
    connect: timedelta = timedelta(seconds=3)
    read: timedelta = timedelta(seconds=10)


class Connection:
    """A server. Every request of ours may be made twice without harm, so all are retried alike."""

    def __init__(self, *, url: str, token: str, org: str, patience: Patience) -> None:
        self.url = url
        self._token = token
        self._patience = patience
        milliseconds = (int(patience.connect.total_seconds() * 1000), int(patience.read.total_seconds() * 1000))
        try:
            # its own batching loses data silently, and it retries nothing by itself: both is ours
            self.client = InfluxDBClient(url=url, token=token, org=org, timeout=milliseconds, enable_gzip=True, debug=False)
        except ValueError as problem:
            raise InvalidValueError("INFLUXDB_URL", url, f"is no address of a server ({problem})") from None

    def close(self) -> None:
        self.client.close()

    def call(self, request: Callable[[], Answer], *, attempts: int | None = None) -> Answer:
        """The answer to a request. Raises `UnavailableError` when the server stays away, refuses for now or breaks,
        `NotFoundError` for a 404, `SupplierError` for any other answer that another attempt would not change.
        """
        left, wait = attempts or self._patience.attempts, self._patience.first_wait
        while True:
            left -= 1
            try:
                return request()
            except transport.HTTPError as problem:
                failure = UnavailableError(f"{self._server} does not answer ({_reason(problem)}); start it, or correct INFLUXDB_URL")
                asked = None
            except InfluxDBError as problem:
                refusal = self._refused(problem)
                if not isinstance(refusal, UnavailableError):
                    raise refusal from None
                failure, asked = refusal, _retry_after(problem)
            except (AttributeError, KeyError, TypeError, ValueError) as problem:
                # the library's reader of answers met something else than InfluxDB's
                raise SupplierError(f"{self._server} does not answer as InfluxDB 2 does ({problem}); correct INFLUXDB_URL") from None
            pause = asked or wait * random.random()  # noqa: S311  # spreads load, hides nothing
            if left <= 0 or pause > self._patience.longest_wait:
                raise failure from None
            time.sleep(pause.total_seconds())
            wait = min(2 * wait, self._patience.longest_wait)

    def without_organization(self, org: str, problem: UnknownToServerError) -> SupplierError:
        """What a 404 means that is not about a bucket."""
        if problem.said.startswith("organization"):
            return SupplierError(f"{self._server} has no organization {org!r}; correct INFLUXDB_ORG, or make it there")
        return SupplierError(f"{self.url} is no InfluxDB 2 ({problem.said}); correct INFLUXDB_URL")

    @property
    def _server(self) -> str:
        return f"InfluxDB at {self.url}"

    def _refused(self, problem: InfluxDBError) -> SupplierError:
        status, words = getattr(problem, "status", None) or 0, self._words(problem)
        if status == 404:
            return UnknownToServerError(f"{self._server} does not know that ({words})", words)
        # older servers answer 500 to readings that they will never take
        if status in _BUSY and "partial write" not in words:
            return UnavailableError(f"{self._server} cannot serve now ({status}: {words}); it is tried again later")
        if 300 <= status < 400:
            return SupplierError(f"{self._server} points to another address ({status}); give that one in INFLUXDB_URL")
        refusal = _REFUSALS.get(status, "refused a request ({status}: {words})")
        return SupplierError(f"{self._server} {refusal.format(status=status, words=words)}")

    def _words(self, problem: InfluxDBError) -> str:
        """What the server said, in one line of bounded length."""
        said = problem.message if isinstance(problem.message, str) else getattr(problem, "reason", None)
        words = " ".join(str(said or getattr(problem, "reason", None) or "no reason given").split())
        words = words.replace(self._token, "***") if self._token else words
        return words if len(words) <= _LONGEST_WORDS else f"{words[:_LONGEST_WORDS]} ..."


def _reason(problem: transport.HTTPError) -> str:
    """Why nothing came back, without addresses of objects."""
    cause = problem.__cause__ or problem.__context__
    match problem:
        case transport.NewConnectionError():  # is a kind of the next one, too
            return cause.strerror if isinstance(cause, OSError) and cause.strerror else "no connection"
        case transport.ConnectTimeoutError():
            return "no connection in time"
        case transport.TimeoutError():
            return "no answer in time"
        case _:
            return cause.strerror if isinstance(cause, OSError) and cause.strerror else "the connection broke"


def _retry_after(problem: InfluxDBError) -> timedelta | None:
    """How long the server asks to wait; None where it does not say so in seconds."""
    text = str(problem.retry_after or "").strip()
    return timedelta(seconds=int(text)) if text.isascii() and text.isdigit() and len(text) < 6 else None
