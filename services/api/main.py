"""Composition root of the api."""

import argparse
import asyncio
import json
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from fastapi import FastAPI

from services.api import handlers
from services.api.app import create_app, document
from services.api.routes.context import Check
from services.api.routes.live import Announcements
from services.api.service import ApiService
from services.api.settings import ApiSettings
from shared.runtime.command import Command, script
from shared.runtime.http_server import Server, bind, url_of
from shared.runtime.life import Companion, run_until_signalled
from shared.runtime.resources import Resources
from shared.runtime.settings import load
from shared.runtime.worker import Parts


def build(resources: Resources) -> ApiService:
    """The use cases on these resources."""
    return ApiService(
        sites=resources.sites,
        tariffs=resources.tariffs,
        readings=resources.readings,
        quarantine=resources.quarantine,
        forecasts=resources.forecasts,
        schedules=resources.schedules,
        savings=resources.savings,
        progress=resources.progress,
        models=resources.models,
    )


def create(resources: Resources, *, checks: Mapping[str, Check] | None = None) -> tuple[FastAPI, Parts]:
    """The application and its part of the worker, for one process and one event loop."""
    announcements = Announcements()
    app = create_app(
        build(resources),
        announcements=announcements,
        bus=resources.bus,
        clock=resources.clock,
        planner_timeout=timedelta(seconds=load(ApiSettings).planner_timeout_seconds),
        checks=checks,
    )
    return app, handlers.parts(announcements.announce)


def server(app: FastAPI, place: socket.socket, *, ready: Callable[[], None] = lambda: None) -> Companion:
    """Serves until the process is told to stop; open streams end first, so that it stops at once.

    `ready` is called when requests are taken.
    """

    async def serve(stop: asyncio.Event) -> None:
        running = Server(app, ready=ready)
        serving = asyncio.ensure_future(running.serve(sockets=[place]))
        stopping = asyncio.ensure_future(stop.wait())
        await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
        app.state.context.announcements.close()
        running.should_exit = True
        await serving
        stopping.cancel()

    return serve


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", help="where to listen: 127.0.0.1, ::1 or localhost (default 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on, 0 for any free one (default 8000)")


def _execute(options: argparse.Namespace, resources: Resources) -> int:
    settings = load(ApiSettings, host=options.host, port=options.port)
    place = bind(settings.host, settings.port, variable="PORT")
    app, parts = create(resources)
    url = url_of(settings.host, place)

    def ready() -> None:
        print(f"page: {url}   API: {url}docs", file=sys.stderr, flush=True)

    return run_until_signalled(resources, [parts], companions=[server(app, place, ready=ready)])


def _print_document(_options: argparse.Namespace, resources: Resources) -> None:
    app, _ = create(resources)
    print(json.dumps(document(app), indent=2, ensure_ascii=False))


API = Command(
    name="api",
    summary="Serve the page and the REST API alone, on the stores of the state folder.",
    examples="  der api\n  der api --port 8080\n",
    add_arguments=_add_arguments,
    execute=_execute,
)
OPENAPI = Command(
    name="openapi",
    summary="Print the OpenAPI document of the REST API.",
    examples="  der openapi > docs/openapi.json\n",
    add_arguments=lambda _parser: None,
    execute=_print_document,
)
COMMANDS: tuple[Command, ...] = (API, OPENAPI)


def cli(argv: Sequence[str] | None = None) -> int:
    """`python -m services.api.main`."""
    return script(API, argv)


if __name__ == "__main__":
    sys.exit(cli())
