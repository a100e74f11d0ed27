"""Live announcements: from the bus (any thread) to every listener (on its event loop), bounded in number and length."""

import asyncio
import threading
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from shared.contracts.events import Event, ScheduleRunPublished

MAX_LISTENERS = 64
MAX_WAITING = 100
HEARTBEAT_SECONDS = 15.0


class TooManyListenersError(Exception):
    """Every place is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """One thing that happened."""

    id: str
    event: Event

    def body(self) -> dict[str, Any]:
        """As JSON: the type and the event's own fields."""
        return {"type": self.event.TYPE, **self.event.model_dump(mode="json")}


@dataclass(slots=True, eq=False)
class Listener:
    """One client. When it falls `MAX_WAITING` behind, its stream ends: on return it reads the stores afresh."""

    loop: asyncio.AbstractEventLoop
    queue: "asyncio.Queue[Announcement | None]" = field(default_factory=lambda: asyncio.Queue(MAX_WAITING))
    ended: bool = False

    def offer(self, announcement: Announcement | None) -> None:
        """On the listener's loop. None, or a full queue, ends the stream."""
        if self.ended:
            return
        if announcement is None or self.queue.full():
            self.ended = True
            while not self.queue.empty():
                self.queue.get_nowait()
            announcement = None
        self.queue.put_nowait(announcement)

    async def announcements(self, *, heartbeat_seconds: float = HEARTBEAT_SECONDS) -> AsyncIterator[Announcement | None]:
        """What happens, as it happens; None after each silent stretch, so that a dead connection is noticed."""
        while True:
            try:
                announcement = await asyncio.wait_for(self.queue.get(), timeout=heartbeat_seconds)
            except TimeoutError:
                yield None
                continue
            if announcement is None:
                return
            yield announcement


class Announcements:
    """Passes events on. `announce` and `close` may be called from any thread, the rest on an event loop."""

    def __init__(self, *, max_listeners: int = MAX_LISTENERS) -> None:
        self._max_listeners = max_listeners
        self._lock = threading.Lock()
        self._listeners: set[Listener] = set()
        self._plans: dict[str, tuple[asyncio.AbstractEventLoop, asyncio.Future[str]]] = {}
        self._closed = False

    def announce(self, event: Event, correlation_id: str | None) -> None:
        """Tell every listener, and whoever waits for the plan of this correlation id."""
        announcement = Announcement(id=str(uuid.uuid4()), event=event)
        with self._lock:
            listeners = tuple(self._listeners)
            plan = self._plans.get(correlation_id or "")
        for listener in listeners:
            _call(listener.loop, listener.offer, announcement)
        if plan is not None and isinstance(event, ScheduleRunPublished):
            loop, future = plan
            _call(loop, _settle, future, event.schedule_id)

    @contextmanager
    def listening(self) -> Iterator[Listener]:
        """A place among the listeners. Raises `TooManyListenersError` when none is left or the process stops."""
        listener = self.join()
        try:
            yield listener
        finally:
            self.leave(listener)

    def join(self) -> Listener:
        """Take a place. Raises `TooManyListenersError`."""
        with self._lock:
            if self._closed or len(self._listeners) >= self._max_listeners:
                raise TooManyListenersError
            listener = Listener(asyncio.get_running_loop())
            self._listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        """Give the place back."""
        with self._lock:
            self._listeners.discard(listener)

    @contextmanager
    def expecting_plan(self, correlation_id: str) -> Iterator["asyncio.Future[str]"]:
        """The id of the schedule that answers a request, once it is published."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[str] = loop.create_future()
        with self._lock:
            self._plans[correlation_id] = (loop, future)
        try:
            yield future
        finally:
            with self._lock:
                self._plans.pop(correlation_id, None)

    def close(self) -> None:
        """End every stream and take no new listener: the process stops."""
        with self._lock:
            self._closed = True
            listeners = tuple(self._listeners)
        for listener in listeners:
            _call(listener.loop, listener.offer, None)


def _call(loop: asyncio.AbstractEventLoop, function: Any, *arguments: Any) -> None:
    with suppress(RuntimeError):  # the loop has ended, and its listeners with it
        loop.call_soon_threadsafe(function, *arguments)


def _settle(future: "asyncio.Future[str]", schedule_id: str) -> None:
    if not future.done():
        future.set_result(schedule_id)
