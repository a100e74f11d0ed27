"""What a project answers instead of what was asked, as our errors: one line each, never the key."""

import json
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

from shared.ports.errors import LeaseLostError, RefusedRowsError, SupplierError, UnavailableError

RUN_MIGRATE = "run: der migrate"

LEASE_LOST = "PT412"
"""Raised by `der.rest_require_lease`; the API makes it status 412."""
_PARTS_LOST = "PT410"
_NO_SCHEMA = ("PGRST202", "PGRST205", "3F000", "42P01", "42883", "42703", "42704")
_REFUSED_ROWS = ("22", "23502", "23514", "54")
_PAUSED = 540
_REMEDIES = {
    401: "refuses the key ({words}); give the project's secret key in SUPABASE_KEY",
    403: "forbids this key what it needs ({words}); give the project's secret key in SUPABASE_KEY",
    404: "has no REST API there ({words}); correct SUPABASE_URL, for example https://PROJECT.supabase.co",
    413: "refuses a request as too large ({words}); let its gateway accept bodies of 1 MB",
    _PAUSED: "is paused; restore the project in Supabase's dashboard, then try again",
}
_LONGEST_WORDS = 200


class Refusals:
    """The errors of one project."""

    def __init__(self, *, url: str, key: str) -> None:
        self.name = f"Supabase at {url}"
        self._key = key

    def of_silence(self, problem: httpx.RequestError) -> UnavailableError:
        """No answer, or half of one."""
        return UnavailableError(f"{self.name} does not answer ({_reason(problem)}); start it or check SUPABASE_URL, then try again")

    def of(self, response: httpx.Response) -> SupplierError:
        """An answer with a status that is no success; its body has been read."""
        status, (code, words) = response.status_code, self._said(response)
        if code == LEASE_LOST:
            return LeaseLostError(words)
        if code == _PARTS_LOST:
            return UnavailableError(f"{self.name} has lost parts of a batch ({words}); nothing was written, try again")
        if code.startswith(_REFUSED_ROWS):
            return RefusedRowsError(f"{self.name} cannot keep a value ({words})")
        if code in _NO_SCHEMA:
            return SupplierError(f"{self.name} lacks functions or tables of this program ({words}); {RUN_MIGRATE}")
        kind = UnavailableError if is_passing(status) or status == _PAUSED else SupplierError
        return kind(f"{self.name} {_remedy(status, words)}")

    def _said(self, response: httpx.Response) -> tuple[str, str]:
        """The code, and what was said in one line of bounded length."""
        try:
            body = response.json()
        except (json.JSONDecodeError, UnicodeDecodeError):
            body = None
        said = body if isinstance(body, dict) else {}
        words = " ".join(str(said.get("message") or response.reason_phrase or "no reason given").split()).replace(self._key, "***")
        return str(said.get("code") or ""), words if len(words) <= _LONGEST_WORDS else f"{words[:_LONGEST_WORDS]} ..."


def _remedy(status: int, words: str) -> str:
    if status in _REMEDIES:
        return _REMEDIES[status].format(words=words)
    if is_passing(status):
        return f"cannot serve now ({status}: {words}); try again later"
    if 300 <= status < 400:
        return f"points to another address ({status}); give that one in SUPABASE_URL"
    return f"refused a request ({status}: {words}); that is an error of this program, please report it"


def is_passing(status: int) -> bool:
    """Whether the same request may succeed later: too many, or a fault of the server's side that heals."""
    return status == 429 or (status >= 500 and status not in (501, 505, _PAUSED))


def retry_after(response: httpx.Response, *, now: datetime) -> timedelta | None:
    """How long the server asks to wait, in seconds or until a date; None where it does not say."""
    text = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,6}", text):
        return timedelta(seconds=int(text))
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(timedelta(0), moment.replace(tzinfo=moment.tzinfo or UTC) - now)


def _reason(problem: httpx.RequestError) -> str:
    match problem:
        case httpx.ConnectTimeout():
            return "no connection in time"
        case httpx.TimeoutException():
            return "no answer in time"
        case httpx.ConnectError():
            return " ".join(str(problem).split())[:_LONGEST_WORDS] or "no connection"
        case _:
            return "the connection broke"
