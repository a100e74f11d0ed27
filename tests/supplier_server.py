"""A local HTTP server in the place of public suppliers: real sockets, answers and faults by the test's choice."""

import gzip
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from shared.adapters.feeds.asking import Asking, Patience

HASTY = Patience(attempts=3, timeout_seconds=10.0, whole_seconds=60.0, first_delay_seconds=0.01, longest_delay_seconds=1.5)
"""Short pauses, and time enough for a machine that is busy with other tests."""
BRIEF = Patience(attempts=3, timeout_seconds=0.7, whole_seconds=60.0, first_delay_seconds=0.01, longest_delay_seconds=1.5)
"""For servers that do not answer."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a question is answered with."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    """The connection ends by a reset in the middle of the body."""
    silent: bool = False
    """Nothing is answered at all until the server ends."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What was asked."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]


Answering = Callable[[Question], Reply]


def as_json(document: object) -> Reply:
    return Reply(body=json.dumps(document).encode(), headers={"Content-Type": "application/json"})


def zipped(body: bytes) -> Reply:
    return Reply(body=gzip.compress(body), headers={"Content-Encoding": "gzip"})


class Supplier:
    """The server: `answer` may be changed at any time, `asked` is what it has heard."""

    def __init__(self, answer: Answering) -> None:
        self.answer, self.asked = answer, list[Question]()
        self.over = threading.Event()
        self.url = ""


@contextmanager
def supplying(answer: Answering) -> Iterator[Supplier]:
    """Serves while entered."""
    supplier = Supplier(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet: apart, each answer would wait 40 ms for an acknowledgement

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            question = Question(path=parts.path, query=query, headers=dict(self.headers))
            supplier.asked.append(question)
            reply = supplier.answer(question)
            if reply.silent:
                supplier.over.wait(30)
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            if reply.cut:
                self.wfile.write(reply.body[: len(reply.body) // 2])
                self.wfile.flush()
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                self.close_connection = True
                return
            self.wfile.write(reply.body)

        def log_message(self, *_line: object) -> None:
            """Quiet."""

        def finish(self) -> None:
            try:
                super().finish()
            except (OSError, ValueError):  # the asker, or a fault, has closed it
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # askers that go away are the test
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    supplier.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield supplier
    finally:
        supplier.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def hasty(*, most_bytes: int = 1_000_000, patience: Patience = HASTY) -> Iterator[Asking]:
    """A client that gives up soon."""
    asking = Asking(patience, most_bytes=most_bytes)
    try:
        yield asking
    finally:
        asking.close()


def without_sleep(_seconds: float) -> None:
    """How a test waits for its turn."""
