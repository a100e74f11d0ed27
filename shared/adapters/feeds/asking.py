"""Asking a public server: with patience, within bounds, and without telling anybody the key.

No text of an error holds more of an address than its host, because keys are in queries.
"""

import logging
import random
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import urlsplit

import httpx

from shared.ports.errors import SupplierError, UnavailableError

PROJECT = "predictive-optimization-der"
MOST_BYTES = 16_000_000
"""Of an unpacked answer: a year of quarter-hours in the wordiest format is four times smaller."""
MOST_SHOWN = 160
_TOO_MANY = 429
_WBITS_GZIP = 31


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often and how long a server is waited for."""

    attempts: int = 3
    timeout_seconds: float = 10.0
    """Without a byte."""
    whole_seconds: float = 60.0
    """Of one question with all its attempts."""
    first_delay_seconds: float = 0.5
    """Upper bound of the first pause; each further one's is twice as long, and each is drawn from zero to its bound (full jitter)."""
    longest_delay_seconds: float = 15.0
    """A server that asks for more is left alone until then."""


class BusyError(UnavailableError):
    """The server asks to be left alone for a while."""

    def __init__(self, message: str, *, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(message)


class RefusedError(SupplierError):
    """The server does not take the question (4xx): asking again would not help."""

    def __init__(self, message: str, *, status: int, content: bytes) -> None:
        self.status, self.content = status, content
        super().__init__(message)


class _PassingError(Exception):
    """May be gone at the next attempt. `seconds` is what the server asks to wait."""

    def __init__(self, words: str, seconds: float | None = None) -> None:
        self.words, self.seconds = words, seconds
        super().__init__(words)


class Asking:
    """An HTTP/1.1 client for one process; connections are kept until `close`."""

    def __init__(
        self, patience: Patience | None = None, *, most_bytes: int = MOST_BYTES, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._patience = patience or Patience()
        self._most_bytes = most_bytes
        self._sleep = sleep

    def get(self, supplier: str, url: str, query: Mapping[str, str | int | float]) -> bytes:
        """The body of the answer. Raises `UnavailableError` (`BusyError`) for what may pass, `RefusedError` for what will not."""
        patience, host = self._patience, urlsplit(url).hostname or url
        ends = time.monotonic() + patience.whole_seconds
        for attempt in range(patience.attempts):
            try:
                return self._attempt(supplier, host, url, query, ends)
            except _PassingError as problem:
                words, asked = f"{supplier} at {host} {problem.words}", problem.seconds
            delay = self._delay(attempt, asked)
            if asked is not None and delay > patience.longest_delay_seconds:
                raise BusyError(f"{words}; it asks to be left alone for {asked:.0f} s", seconds=asked)
            if attempt + 1 == patience.attempts or time.monotonic() + delay > ends:
                break
            self._sleep(delay)
        raise UnavailableError(f"{words}; it is asked again later")

    def _delay(self, attempt: int, asked: float | None) -> float:
        bound = min(self._patience.longest_delay_seconds, self._patience.first_delay_seconds * 2**attempt)
        return random.uniform(0.0, bound) + (asked or 0.0)  # noqa: S311  # spreads load, guards nothing

    def _attempt(self, supplier: str, host: str, url: str, query: Mapping[str, str | int | float], ends: float) -> bytes:
        try:
            with self._client.stream("GET", url, params=dict(query)) as answer:
                if answer.is_redirect:
                    target = urlsplit(answer.headers.get("location", "")).hostname or host
                    raise UnavailableError(f"{supplier} at {host} answers with a redirect to {target}, which is not followed")
                content = self._body(supplier, host, answer, ends)
        except httpx.TimeoutException:
            raise _PassingError("did not answer in time") from None
        except httpx.TransportError as problem:
            raise _PassingError(f"is out of reach ({type(problem).__name__})") from None
        if answer.status_code == _TOO_MANY or answer.status_code >= 500:
            raise _PassingError(f"answered {answer.status_code}", _retry_after(answer.headers.get("retry-after")))
        if answer.is_client_error:
            raise RefusedError(
                f"{supplier} at {host} refused the question with {answer.status_code}: {_shown(content)}",
                status=answer.status_code, content=content,
            )  # fmt: skip
        return content

    def _body(self, supplier: str, host: str, answer: httpx.Response, ends: float) -> bytes:
        """Unpacked by ourselves, because a small answer can unpack to more than any memory holds."""
        encoding = answer.headers.get("content-encoding", "identity").lower()
        if encoding not in {"identity", "gzip"}:
            raise UnavailableError(f"{supplier} at {host} answered in the encoding {encoding[:20]!r}, which was not asked for")
        unpacker = zlib.decompressobj(_WBITS_GZIP) if encoding == "gzip" else None
        content = bytearray()
        for chunk in answer.iter_raw():
            try:
                content += unpacker.decompress(chunk, self._most_bytes + 1 - len(content)) if unpacker else chunk
            except zlib.error:
                raise _PassingError("gave a damaged answer") from None
            if len(content) > self._most_bytes:
                raise UnavailableError(
                    f"{supplier} at {host} answered with more than {self._most_bytes // 1_000_000 or 1} MB, which is not read"
                )
            if time.monotonic() > ends:
                raise _PassingError("did not finish its answer in time")
        if unpacker and not unpacker.eof:
            raise _PassingError("cut its answer short")
        return bytes(content)

    @cached_property
    def _client(self) -> httpx.Client:
        for name in ("httpx", "httpcore"):  # they would log addresses with their queries, and so with keys
            logging.getLogger(name).setLevel(logging.WARNING)
        return httpx.Client(
            headers={"User-Agent": f"{PROJECT}/{_version()}", "Accept-Encoding": "gzip"},
            timeout=self._patience.timeout_seconds,
            follow_redirects=False,
        )

    def close(self) -> None:
        """Let go of connections."""
        if "_client" in self.__dict__:
            self.__dict__.pop("_client").close()


def _version() -> str:
    try:
        return version(PROJECT)
    except PackageNotFoundError:
        return "0"


def _retry_after(text: str | None) -> float | None:
    """Seconds of a Retry-After header, which are a number or a date; None for anything else."""
    if not text:
        return None
    if text.strip().isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _shown(content: bytes) -> str:
    """What a server says, as a message may repeat it."""
    text = " ".join(content[: 4 * MOST_SHOWN].decode("utf-8", errors="replace").split())
    if text.lstrip().lower().startswith(("<!doctype", "<html")):
        return "an HTML page"
    return text[:MOST_SHOWN] or "without a word"
