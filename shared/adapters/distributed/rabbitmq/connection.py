"""One connection, opened when it is first needed, and again by itself whenever it is lost."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from contextvars import Context
from typing import Generic, Protocol, TypeVar

import aio_pika
import structlog
from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import InvalidFrameError, ProbableAuthenticationError
from yarl import URL

from shared.adapters.distributed.rabbitmq.failures import LinkLostError, link_errors, one_line
from shared.ports.errors import SupplierError, UnavailableError

log = structlog.get_logger(part="bus")

HEARTBEAT_SECONDS = 10
"""A link on which nothing comes is given up after three of them."""
ANSWER_SECONDS = 5.0
"""For any question to the broker but a publish."""
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0


class HasConnection(Protocol):
    """What is made anew with every connection."""

    @property
    def connection(self) -> AbstractConnection: ...


Session = TypeVar("Session", bound=HasConnection)


class Outages:
    """Says once that the broker is away and once that it is back, whatever number of links it takes down."""

    def __init__(self, address: str, failing: dict[str, str]) -> None:
        self._address = address
        self._failing = failing
        self._lost: set[str] = set()

    def begin(self, link: str, reason: str) -> None:
        if not self._lost:
            log.warning("link to RabbitMQ lost; connecting again until it answers", broker=self._address, reason=reason)
        self._lost.add(link)
        self._failing["bus"] = reason

    def end(self, link: str) -> None:
        self._lost.discard(link)
        if not self._lost:
            self._failing.pop("bus", None)
            log.info("link to RabbitMQ is back", broker=self._address)


class Link(Generic[Session]):
    """`prepare` makes the session of each new connection."""

    def __init__(
        self, url: URL, *, name: str, address: str, outages: Outages,
        prepare: Callable[[AbstractConnection], Coroutine[None, None, Session]],
        heartbeat_seconds: int = HEARTBEAT_SECONDS,
    ) -> None:  # fmt: skip
        self._url, self._name, self._address, self._heartbeat_seconds = url, name, address, heartbeat_seconds
        self._outages, self._prepare = outages, prepare
        self._session: Session | None = None
        self._ready = asyncio.Event()
        self._opening = asyncio.Lock()
        self._background: set[asyncio.Task[None]] = set()
        self._closed = False
        self.lost_at: float | None = None
        """By the event loop's clock; None while it is open, and before it was ever opened."""

    async def get(self) -> Session:
        """The open session. Raises `UnavailableError` when it was never open and cannot be opened, another `SupplierError`
        when it is refused; once lost, waits for its return."""
        if self._session is None and self.lost_at is None:
            async with self._opening:
                if self._session is None and self.lost_at is None:
                    # it outlives the message that first needs it: what is logged of it later is not about that one
                    await asyncio.create_task(self._open(), context=Context())
        while (session := self._session) is None:
            await self._ready.wait()
        return session

    def abandon(self, session: Session, reason: str) -> None:
        """Take a session that does not answer for lost."""
        self._lost(session, reason)

    async def close(self) -> None:
        self._closed = True
        session, self._session = self._session, None
        if session is not None:
            await _close(session.connection)
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)

    async def _open(self) -> None:
        if self._closed:
            raise UnavailableError("the bus is closed; this program is stopping")
        connection = await self._connect()
        try:
            with link_errors("preparing it"):
                async with asyncio.timeout(2 * ANSWER_SECONDS):
                    session = await _while_open(connection, self._prepare(connection))
        except BaseException:
            self._later(_close(connection))
            raise
        connection.close_callbacks.add(lambda _, problem: self._lost(session, one_line(problem) if problem else "closed"))
        self._session, self.lost_at = session, None
        self._ready.set()
        if not connection.connected.is_set():  # before anybody was there to hear of it
            self._lost(session, "closed at once")

    async def _connect(self) -> AbstractConnection:
        url = self._url.update_query(heartbeat=self._heartbeat_seconds)
        connection = aio_pika.Connection(url, client_properties={"connection_name": self._name})
        try:
            with link_errors("connecting"):
                async with asyncio.timeout(ANSWER_SECONDS):
                    await connection.connect(timeout=ANSWER_SECONDS)
        except BaseException as problem:
            await connection.close()  # costs nothing: there is no transport. Left open, it would close itself on a loop that is gone
            if isinstance(problem, LinkLostError):
                raise self._why(problem.__cause__) from None
            raise
        return connection

    def _why(self, cause: BaseException | None) -> SupplierError:
        """What keeps us out: a person must mend what waiting does not."""
        if isinstance(cause, ProbableAuthenticationError):
            return SupplierError(f"RabbitMQ at {self._address} refuses user {self._url.user!r} with this password; correct DER_BUS_URL")
        if isinstance(cause, InvalidFrameError):  # it closes the connection instead, and the library keeps its words to itself
            vhost = self._url.path.lstrip("/") or "/"
            return UnavailableError(
                f"RabbitMQ at {self._address} does not open virtual host {vhost!r} to user {self._url.user!r}: it is missing, not allowed, "
                "or still starting; make it, or correct DER_BUS_URL"
            )
        return UnavailableError(
            f"RabbitMQ at {self._address} does not answer ({one_line(cause or TimeoutError('timeout'))}); start it, or correct DER_BUS_URL"
        )

    def _lost(self, session: Session, reason: str) -> None:
        if self._closed or session is not self._session:
            return
        self._session, self.lost_at = None, asyncio.get_running_loop().time()
        self._ready.clear()
        self._outages.begin(self._name, reason)
        self._later(_close(session.connection))
        self._later(self._reopen())

    async def _reopen(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while not self._closed:
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  # spreads the return of many processes
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            try:
                await self._open()
            except SupplierError as problem:  # also a password changed meanwhile: it may be changed back
                self._outages.begin(self._name, str(problem))
            else:
                self._outages.end(self._name)
                return

    def _later(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


async def _while_open(connection: AbstractConnection, work: Coroutine[None, None, Session]) -> Session:
    """What the work returns. Raises `ConnectionError` as soon as the connection is lost: the library lets some questions hang then."""
    lost = asyncio.Event()
    connection.close_callbacks.add(lambda *_: lost.set())
    working, losing = asyncio.create_task(work), asyncio.create_task(lost.wait())
    try:
        await asyncio.wait([working, losing], return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ConnectionError("the connection was lost meanwhile")
        return await working
    finally:
        for task in (working, losing):
            task.cancel()
        await asyncio.gather(working, losing, return_exceptions=True)


async def _close(connection: AbstractConnection) -> None:
    """Within a bounded time, whatever state it is in."""
    with suppress(LinkLostError), link_errors("closing it"):
        async with asyncio.timeout(2.0):
            await connection.close()
