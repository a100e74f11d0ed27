"""HTTP from a process of ours: a place to listen that is taken first, and a server that leaves signals to the process."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from shared.runtime.cli import UsageError

EVERYWHERE = "0.0.0.0"  # noqa: S104  # what a container listens on; the deployment decides who reaches it


def bind(host: str, port: int, *, variable: str) -> socket.socket:
    """A listening place, taken before anything else starts. Raises `UsageError` when it cannot be had, naming the variable."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    place = socket.socket(family, socket.SOCK_STREAM)
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        place.bind((host, port))
        place.listen()
    except OSError as problem:
        place.close()
        raise UsageError(f"port {port} on {host} cannot be used ({problem.strerror}); choose another with {variable}=") from None
    return place


def url_of(host: str, place: socket.socket) -> str:
    """Where a browser finds what listens there."""
    name = "localhost" if host == EVERYWHERE else f"[{host}]" if ":" in host else host
    return f"http://{name}:{place.getsockname()[1]}/"


class Server(uvicorn.Server):
    """Tells when it takes requests, and leaves the signals to the process."""

    def __init__(self, app: Callable[..., object], *, ready: Callable[[], None] = lambda: None) -> None:
        config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=3, server_header=False)
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
