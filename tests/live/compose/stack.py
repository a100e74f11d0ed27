"""The platform of deploy/docker-compose.yml in containers, for one test: with a name, a port and secrets of its own."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.live import influx_server, supabase_api
from tests.live.private_process import Missing, free_port

REPOSITORY = Path(__file__).resolve().parents[3]
DEPLOY = REPOSITORY / "deploy"
HERE = Path(__file__).parent
IMAGES = ("python:3.13-slim", "rabbitmq:4-management", "postgres:17", "node:20-slim")
SERVICES = ("gateway_sim", "sync", "features", "forecaster", "optimizer", "api")
SECRETS = re.compile(r"^(\w+(?:PASSWORD|TOKEN|SECRET|_KEY))=(\S+)$", re.MULTILINE)


def compose_commands() -> list[tuple[str, ...]]:
    """What there is of Compose v2 and docker-compose 1.29."""
    candidates = [("docker", "compose"), ("docker-compose",)]
    return [words for words in candidates if shutil.which(words[0]) and _ran([*words, "version"]).returncode == 0]


def require_engine() -> None:
    """Raises `Missing` unless an engine answers and has every image that stands in for a server."""
    if shutil.which("docker") is None or _ran(["docker", "info", "--format", "{{.ServerVersion}}"]).returncode != 0:
        raise Missing("left out: the whole platform in containers needs a Docker engine that answers")
    if absent := [image for image in IMAGES if _ran(["docker", "image", "inspect", image]).returncode != 0]:
        raise Missing(f"left out: the whole platform in containers needs: docker pull {' && docker pull '.join(absent)}")
    if not compose_commands():
        raise Missing("left out: the whole platform in containers needs Docker's compose plugin, or docker-compose 1.29")


@dataclass(slots=True, kw_only=True)
class Stack:
    """Not running before `up`."""

    compose: tuple[str, ...]
    environment: dict[str, str]
    settings: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def secrets(self) -> dict[str, str]:
        return {name: value for name, value in SECRETS.findall(self.settings.read_text()) if value != influx_server.TOKEN}

    def run(self, *words: str, seconds: float = 120.0) -> str:
        """Compose with these words; its output. Raises `AssertionError` with the output when it fails."""
        files = ["--env-file", str(self.settings), "-f", str(DEPLOY / "docker-compose.yml"), "-f", str(HERE / "docker-compose.yml")]
        done = _ran([*self.compose, *files, *words], environment=self.environment, seconds=seconds)
        assert done.returncode == 0, f"{' '.join(words)}:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    def containers(self, service: str | None = None) -> list[dict[str, Any]]:
        """What the engine says of each, those that have ended included."""
        label = "com.docker.compose.project=" + self.environment["COMPOSE_PROJECT_NAME"]
        wanted = ["--filter", f"label={label}", *(["--filter", f"label=com.docker.compose.service={service}"] if service else [])]
        ids = _ran(["docker", "ps", "--all", "--quiet", *wanted]).stdout.split()
        return json.loads(_ran(["docker", "inspect", *ids]).stdout) if ids else []

    def get(self, path: str) -> Any:
        """The API's answer, or None where it is not there yet."""
        try:
            answer = httpx.get(f"{self.url}{path}", timeout=10.0)
        except httpx.HTTPError:
            return None
        return answer.json() if answer.status_code == 200 else None

    def logs(self) -> str:
        return self.run("logs", "--no-color")


@contextmanager
def stack(folder: Path, compose: Sequence[str]) -> Iterator[Stack]:
    """Everything of it is removed at the end, whatever happened."""
    port, name = free_port(), f"der-test-{uuid.uuid4().hex[:8]}"
    made = Stack(
        compose=tuple(compose),
        settings=_settings(folder, {"API_PORT": str(port), "DER_VERSION": "tests", "COMPOSE_PROJECT_NAME": name}),
        port=port,
        environment={
            "COMPOSE_PROJECT_NAME": name,
            "REPOSITORY": str(REPOSITORY),
            "PACKAGES": str(supabase_api.packages()),
            "SCRATCH": str(folder),
            "DOCKER_BUILDKIT": "0",
            "COMPOSE_DOCKER_CLI_BUILD": "0",
        },
    )
    shutil.copy(DEPLOY / "rabbitmq.conf", folder)
    try:
        yield made
    except AssertionError:
        print(made.logs())
        raise
    finally:
        made.run("down", "--volumes", "--remove-orphans", "--timeout", "5")


def _settings(folder: Path, changes: dict[str, str]) -> Path:
    """An .env as deploy/make-env writes it, its pace that of a test."""
    path = folder / "settings.env"
    subprocess.run([sys.executable, DEPLOY / "make-env", path], check=True, capture_output=True)
    changes |= {"GATEWAY_INTERVAL_SECONDS": "60", "GATEWAY_HISTORY_DAYS": "2", "SYNC_INTERVAL_SECONDS": "5"}
    changes |= {"INFLUXDB_TOKEN": influx_server.TOKEN}
    text = path.read_text()
    for name, value in changes.items():
        text, found = re.subn(rf"^{name}=.*$", f"{name}={value}", text, flags=re.MULTILINE)
        assert found == 1, name
    path.write_text(text)
    return path


def eventually(what: str, look: Callable[[], Any], *, seconds: float = 150.0) -> Any:
    """What it sees as soon as that is true."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        time.sleep(0.5)
    return found


def _ran(words: Sequence[str], *, environment: dict[str, str] | None = None, seconds: float = 60.0) -> subprocess.CompletedProcess[str]:
    """With nothing of this process's own settings of Compose."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("COMPOSE_")}
    return subprocess.run(
        words, capture_output=True, text=True, check=False, timeout=seconds, stdin=subprocess.DEVNULL, env={**clean, **(environment or {})}
    )
