"""A bounded number of connections, opened when they are needed and shared by threads."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Generic, TypeVar

from shared.ports.errors import UnavailableError

Connection = TypeVar("Connection")


class Pool(Generic[Connection]):
    """Lends each connection to one borrower at a time; one that failed is closed, never lent again.

    Opened by the borrower himself: so he hears at once, and in the server's words, why it cannot be done.
    """

    def __init__(
        self, *, open_one: Callable[[], Connection], works: Callable[[Connection], bool], close_one: Callable[[Connection], None], size: int
    ) -> None:
        self._open, self._works, self._close = open_one, works, close_one
        self._size = size
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._guard = threading.Lock()
        self._places = threading.BoundedSemaphore(self._size)
        self._idle: list[Connection] = []

    @contextmanager
    def lend(self, *, wait: timedelta) -> Iterator[Connection]:
        """A connection that works. Raises `UnavailableError` when none is free in time."""
        if self._process != os.getpid():
            self._forget()
        places = self._places
        if not places.acquire(timeout=wait.total_seconds()):
            raise UnavailableError(f"all {self._size} connections to the database are busy; try again later")
        try:
            connection = self._working()
            try:
                yield connection
            except BaseException:
                self._discard(connection)
                raise
            with self._guard:
                self._idle.append(connection)
        finally:
            places.release()

    def close(self) -> None:
        """Close what is idle; the next use opens anew."""
        with self._guard:
            idle, self._idle = self._idle, []
        for connection in idle:
            self._discard(connection)

    def _working(self) -> Connection:
        while True:
            with self._guard:
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                return self._open()
            if self._works(connection):
                return connection
            self._discard(connection)

    def _discard(self, connection: Connection) -> None:
        with suppress(Exception):  # it is broken already, in whatever way its library reports that
            self._close(connection)

    def _forget(self) -> None:
        """After a fork the connections belong to the parent: neither used nor closed here."""
        _abandoned.append(self._idle)
        self._begin()


_abandoned: list[object] = []
"""Keeps a parent's connections from being closed by the child's garbage collection."""
