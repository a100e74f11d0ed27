"""The api on a real socket in a thread of its own, to be stopped and started again on one port."""

import asyncio
import threading
from types import TracebackType
from typing import Self

from services.api.main import bind, create, server
from shared.contracts.events import Event
from shared.runtime.resources import Resources


class PageServer:
    """Serves while it is entered and started."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._port = 0
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/"

    def start(self) -> None:
        """Returns when requests are taken."""
        app, _ = create(self._resources)
        self._announcements = app.state.context.announcements
        place = bind("127.0.0.1", self._port, variable="PORT")
        self._port = place.getsockname()[1]
        ready = threading.Event()
        serve = server(app, place, ready=ready.set)

        async def live() -> None:
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            await serve(self._stop)

        self._thread = threading.Thread(target=lambda: asyncio.run(live()))
        self._thread.start()
        assert ready.wait(timeout=30), "the server did not start"

    def stop(self) -> None:
        """Returns when it is gone; open streams end with it."""
        if self._thread is None or self._loop is None or self._stop is None:
            return
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(timeout=30)
        assert not self._thread.is_alive(), "the server did not stop"
        self._thread = None

    def announce(self, event: Event) -> None:
        """As if the bus had brought it."""
        self._announcements.announce(event, None)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
