"""The application on the embedded adapters, asked without a socket."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from services.api.main import create
from shared.domain.site import Site
from shared.runtime.resources import Resources, open_resources
from shared.runtime.settings import RuntimeSettings, load
from tests.unit.api.homes import a_home


class Client:
    """Asks the application, one request after the other. Bugs come back as a server would send them."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return await client.request(method, path, **options)

        return asyncio.run(ask())

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)

    def put(self, path: str, **options: Any) -> httpx.Response:
        return self.request("PUT", path, **options)

    def patch(self, path: str, **options: Any) -> httpx.Response:
        return self.request("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> httpx.Response:
        return self.request("DELETE", path, **options)


@pytest.fixture
def resources(tmp_path: Path) -> Iterator[Resources]:
    with open_resources(load(RuntimeSettings, state_dir=tmp_path)) as opened:
        yield opened


@pytest.fixture
def app(resources: Resources) -> FastAPI:
    return create(resources)[0]


@pytest.fixture
def client(app: FastAPI) -> Client:
    return Client(app)


@pytest.fixture
def home(resources: Resources) -> Site:
    """A site with history that ended on 2024-06-15, its forecasts, schedule and savings."""
    return a_home(resources, live=False)
