"""The health page of a process: is it alive, can it do its work, what did it do."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from shared.ports.bus import MessageBus
from shared.runtime.http_server import Server, bind, url_of
from shared.runtime.logging import logger
from shared.runtime.metrics import Metrics
from shared.runtime.vitals import Vitals
from shared.runtime.worker import Parts

NOT_READY = 503


class HealthPage:
    """`/healthz`, `/readyz` and `/metrics` of this process. Its place is taken at once: raises `UsageError` when it cannot be had."""

    def __init__(self, host: str, port: int, vitals: Vitals) -> None:
        self._place: socket.socket = bind(host, port, variable="DER_HEALTH_PORT")
        self.url = url_of(host, self._place)
        self._vitals = vitals
        self._metrics = Metrics()
        self._bus = self._metrics.bus(vitals.bus)

    @property
    def bus(self) -> MessageBus:
        """The bus of the process; what passes is counted."""
        return self._bus

    def parts(self, parts: Sequence[Parts]) -> list[Parts]:
        """The parts of the process; their steps are counted."""
        return self._metrics.parts(parts)

    @asynccontextmanager
    async def served(self) -> AsyncIterator[None]:
        """Answers inside, to the last moment: a process that stops is not ready first."""
        routes = [Route("/healthz", self._alive), Route("/readyz", self._ready), Route("/metrics", self._measured)]
        server = Server(
            Starlette(routes=routes), ready=lambda: logger("runtime").info("health page", url=self.url, paths="healthz readyz metrics")
        )
        serving = asyncio.create_task(server.serve(sockets=[self._place]))
        try:
            yield
        finally:
            server.should_exit = True
            await serving
            self._place.close()

    async def _alive(self, _request: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def _ready(self, _request: Request) -> Response:
        problems = await self._vitals.problems()
        status = "not ready" if problems else "ready"
        return JSONResponse({"status": status, "problems": problems}, status_code=NOT_READY if problems else 200)

    async def _measured(self, _request: Request) -> Response:
        text = await self._metrics.text(self._bus, ready=not await self._vitals.problems())
        return PlainTextResponse(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)
