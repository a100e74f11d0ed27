"""A wire that can break: a TCP proxy in front of a server, switched while connections go through it.

with Wire(broker.host, broker.port) as wire:
    bus = RabbitBus(f"amqp://guest:guest@127.0.0.1:{wire.port}/")
    wire.swallow()      # nothing arrives any more, and nobody is told
    wire.heal()         # what was under way arrives now, as TCP sends it again
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Literal, Self

Direction = Literal["both", "to server", "to client"]
CHUNK_BYTES = 65_536
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER with no time left: closing sends RST, not FIN."""


class Wire:
    """Passes bytes until it is told otherwise. Its methods may be called from any thread; they return when the change holds."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wire", daemon=True)
        self._open: dict[str, asyncio.Event] = {}
        self._delay_seconds = 0.0
        self._listener: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.accepted = 0
        """Connections so far."""

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._listen())
        self.heal()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def connections(self) -> int:
        """Open now."""
        return len(self._ends) // 2

    def heal(self) -> None:
        """Pass everything again; bytes that were held arrive."""
        self._do(self._set(open_to={"to server", "to client"}))

    def swallow(self, direction: Direction = "both") -> None:
        """Let nothing through that way, and tell nobody: a dropped packet, a cut cable. Later connections hang, too."""
        self._do(self._set(open_to={"to server", "to client"} - {direction} if direction != "both" else set()))

    def delay(self, seconds: float) -> None:
        """Each chunk takes that much longer, either way."""
        self._do(self._set(open_to={"to server", "to client"}, delay_seconds=seconds))

    def refuse(self) -> None:
        """Nobody listens any more, and who was connected is reset: a process that has died. `heal` listens again."""
        self._do(self._refuse())

    def reset(self) -> None:
        """Reset (RST) what is connected now; later connections pass."""
        self._do(self._reset())

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=10)

    async def _listen(self) -> None:
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def _set(self, *, open_to: set[str], delay_seconds: float = 0.0) -> None:
        if self._listener is None:
            await self._listen()
        self._delay_seconds = delay_seconds
        for direction in ("to server", "to client"):
            event = self._open.setdefault(direction, asyncio.Event())
            if direction in open_to:
                event.set()
            else:
                event.clear()

    async def _refuse(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        await self._reset()

    async def _reset(self) -> None:
        for end in list(self._ends):
            _abort(end)
        self._ends.clear()

    async def _end(self) -> None:
        await self._refuse()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.accepted += 1
        self._ends.add(writer)
        ends = [writer]
        with suppress(OSError, asyncio.CancelledError):
            await self._open["to server"].wait()
            server_reader, server_writer = await asyncio.open_connection(*self._server)
            ends.append(server_writer)
            if writer in self._ends:
                self._ends.add(server_writer)
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._pass(reader, server_writer, "to server"))
                    both.create_task(self._pass(server_reader, writer, "to client"))
        for end in ends:
            self._ends.discard(end)
            _abort(end)
        self._tasks.discard(task)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: str) -> None:
        with suppress(OSError):
            while chunk := await reader.read(CHUNK_BYTES):
                await self._open[direction].wait()
                if self._delay_seconds:
                    await asyncio.sleep(self._delay_seconds)
                writer.write(chunk)
                await writer.drain()
        with suppress(OSError, RuntimeError):
            writer.write_eof()


def _abort(writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    writer.transport.abort()
