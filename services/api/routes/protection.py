"""What every request passes before a route sees it: host, origin, size, identity; and what every answer carries."""

import re
import uuid
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.api.routes.problems import MEDIA_TYPE, problem_body
from shared.runtime.logging import correlation, logger

MAX_BODY_BYTES = 1_000_000
LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_TRACE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Guard:
    """The outermost layer. It refuses what must not come in, names every request, and lets no traceback out."""

    def __init__(self, app: ASGIApp, *, allowed_hosts: tuple[str, ...] = LOCAL_HOSTS, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        self._app = app
        self._allowed_hosts = allowed_hosts
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        trace_id = _trace_id(headers)
        scope["trace_id"] = trace_id
        exchange = _Exchange(scope, send, trace_id)
        with correlation(trace_id):
            refusal = self._refusal(scope, headers)
            if refusal is not None:
                await exchange.problem(*refusal)
                return
            try:
                await self._app(scope, receive, exchange.send)
            except Exception:  # the edge of the process: a bug is logged here and never shown
                log = logger("api")
                log.exception("request failed by a bug", method=scope["method"], path=scope["path"])
                if not exchange.started:
                    await exchange.problem(500, "internal_error", "This is our mistake; its trace_id is in the log.")

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str, str] | None:
        """Status, code and detail of why the request goes no further; None when it may."""
        if _hostname(headers.get("host", "")) not in self._allowed_hosts:
            return 421, "wrong_host", f"Ask for one of {', '.join(self._allowed_hosts)}."
        if scope["method"] not in _SAFE_METHODS and _is_cross_origin(headers):
            return 403, "cross_origin", "Send the request from a page of this server, or from a program without an Origin header."
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit():
            return 400, "bad_request", "The header Content-Length must be a whole number."
        if int(length) > self._max_body_bytes:
            return 413, "body_too_large", f"A body may have {self._max_body_bytes} bytes; send smaller batches."
        return None


class _Exchange:
    """The sending side of one request: adds the headers, remembers whether the answer has begun."""

    def __init__(self, scope: Scope, send: Send, trace_id: str) -> None:
        self._scope = scope
        self._send = send
        self._trace_id = trace_id
        self.started = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = self._trace_id
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
            if self._scope["path"].startswith(("/v1/", "/health/")):
                headers.setdefault("Cache-Control", "no-store")
        await self._send(message)

    async def problem(self, status: int, code: str, detail: str) -> None:
        body = problem_body(status, code, detail, instance=self._scope["path"], trace_id=self._trace_id)
        headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})


def _trace_id(headers: Headers) -> str:
    """The caller's id where it is harmless in a log, else a new one."""
    given = headers.get("x-request-id", "")
    return given if _TRACE_ID.fullmatch(given) else str(uuid.uuid4())


def _hostname(host: str) -> str:
    """The host header without its port: a page that got our address under another name gets nothing (DNS rebinding)."""
    name, separator, port = host.rpartition(":")
    return (name if separator and port.isdigit() else host).lower()


def _is_cross_origin(headers: Headers) -> bool:
    """Whether a browser sends this for a page of another origin."""
    site = headers.get("sec-fetch-site")
    if site is not None and site not in {"same-origin", "none"}:
        return True
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != headers.get("host")
