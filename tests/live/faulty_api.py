"""A gateway before a REST API that fails as gateways do: by a rule of the test, request by request."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What happens to a request. One that is passed on has its effect; then its answer is lost."""

    status: int | None = None
    """Answered in the API's place."""
    headers: dict[str, str] = field(default_factory=dict)
    body: str = "{}"
    passed_on: bool = False
    silence: float = 0.0
    """Seconds before the connection is cut."""


Rule = Callable[[int, str], Fault | None]
"""What happens to the request of a number, counted from 0, to a path; None: nothing."""


@dataclass(slots=True)
class FaultyApi:
    """Its address, and every request that came with what happened to it and when."""

    url: str
    seen: list[tuple[str, Fault | None, float]] = field(default_factory=list)

    def count(self, chosen: Callable[[Fault], bool]) -> int:
        return sum(fault is not None and chosen(fault) for _, fault, _ in self.seen)


@contextmanager
def failing(target: str, rule: Rule) -> Iterator[FaultyApi]:
    """Pass requests on to the target, but for what the rule says."""
    guard = threading.Lock()

    class Gateway(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            with guard:
                fault = rule(len(api.seen), self.path)
                api.seen.append((self.path, fault, time.monotonic()))
            if fault is not None and fault.status is not None:
                self._answer(fault.status, fault.headers, fault.body.encode())
                return
            if fault is None or fault.passed_on:
                headers = {name: self.headers[name] for name in ("apikey", "authorization", "content-type")}
                answer = client.post(f"{target}{self.path}", content=body, headers=headers)
                if fault is None:
                    self._answer(answer.status_code, {"content-type": answer.headers.get("content-type", "")}, answer.content)
                    return
            over.wait(fault.silence)
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: standard error is the tests' own."""

    over = threading.Event()
    with httpx.Client(timeout=60.0) as client, ThreadingHTTPServer(("127.0.0.1", 0), Gateway) as server:
        server.daemon_threads = True
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # who asked has gone: that is what is tested
        api = FaultyApi(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield api
        finally:
            over.set()
            server.shutdown()
            thread.join()
