"""A RabbitMQ for tests: the one of RABBITMQ_TEST_URL; else a private process of the installed server, which starts fastest; else a
container, where a Docker engine answers and has the image (nothing is pulled). RABBITMQ_TEST_CONTAINER=1 puts the container first."""

import os
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import docker
import httpx
from docker.errors import DockerException, ImageNotFound
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from tests.live.private_process import Missing, free_port, start, stop, wait_until

SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
IMAGE = "rabbitmq:4-management"
REMEDY = (
    "no RabbitMQ is installed; on Debian: apt-get install rabbitmq-server, or have Docker with the image "
    f"{IMAGE}, or set RABBITMQ_TEST_URL and RABBITMQ_TEST_API"
)


@dataclass(slots=True)
class Broker:
    """A running broker. Each test gets a virtual host of its own."""

    host: str
    port: int
    api: str
    """Of the management plugin, with user and password."""
    user: str = "guest"
    password: str = "guest"  # noqa: S105  # of a private process on this machine's loopback
    folder: Path | None = None
    process: subprocess.Popen[bytes] | None = None
    container: DockerContainer | None = None
    environment: dict[str, str] = field(default_factory=dict)

    def url(self, vhost: str) -> str:
        return f"amqp://{self.user}:{self.password}@{self.host}:{self.port}/{quote(vhost, safe='')}"

    def new_vhost(self) -> str:
        name = f"test-{uuid.uuid4().hex[:12]}"
        self.request("PUT", f"/api/vhosts/{name}")
        return name

    @contextmanager
    def vhost(self) -> Iterator[str]:
        """The address of a virtual host that lives as long as the context."""
        name = self.new_vhost()
        try:
            yield self.url(name)
        finally:
            self.drop_vhost(name)

    def drop_vhost(self, name: str) -> None:
        self.request("DELETE", f"/api/vhosts/{name}")

    def request(self, method: str, path: str, **options: object) -> httpx.Response:
        """Of the management API."""
        answer = httpx.request(method, f"{self.api}{path}", auth=(self.user, self.password), timeout=20.0, **options)
        answer.raise_for_status()
        return answer

    def begin(self) -> None:
        """Start the private process, again after `kill` with the data that it had."""
        assert self.folder is not None
        log = self.folder / "server.log"
        self.process = start([SERVER], log=log, environment=self.environment)
        wait_until(self.answers, self.process, log=log)

    def kill(self) -> None:
        assert self.process is not None
        stop(self.process, signal.SIGKILL)

    def end(self) -> None:
        """Nothing in it is worth the seconds that it takes to say farewell."""
        if self.process is not None:
            self.kill()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
        if self.container is not None:
            self.container.stop(force=True)

    def answers(self) -> bool:
        """Whether it speaks AMQP and its management answers."""
        try:
            with socket.create_connection((self.host, self.port), timeout=1.0) as connection:
                connection.sendall(b"AMQP\0\0\x09\x01")
                connection.settimeout(1.0)
                if not connection.recv(1):
                    return False
            return httpx.get(f"{self.api}/api/overview", auth=(self.user, self.password), timeout=2.0).status_code == 200
        except (OSError, httpx.HTTPError):
            return False


def open_broker(folder: Path) -> Broker:
    """Raises `Missing`."""
    if url := os.environ.get("RABBITMQ_TEST_URL"):
        parts = httpx.URL(url)
        user, _, password = parts.userinfo.decode().partition(":")
        api = os.environ.get("RABBITMQ_TEST_API", f"http://{parts.host}:15672")
        return Broker(host=parts.host, port=parts.port or 5672, api=api, user=user, password=password)
    if SERVER.exists() and os.environ.get("RABBITMQ_TEST_CONTAINER") != "1":
        return _open_process(folder)
    if _is_here(IMAGE):
        return _open_container()
    raise Missing(REMEDY)


def _is_here(image: str) -> bool:
    try:
        client = docker.from_env()
    except DockerException:
        return False
    with closing(client):
        try:
            client.images.get(image)
        except ImageNotFound:
            return False
    return True


def _open_container() -> Broker:
    testcontainers_config.ryuk_disabled = not _is_here(testcontainers_config.ryuk_image)  # it would be pulled
    container = DockerContainer(IMAGE).with_exposed_ports(5672, 15672).start()
    host = container.get_container_host_ip()
    api = f"http://{host}:{container.get_exposed_port(15672)}"
    broker = Broker(host=host, port=int(container.get_exposed_port(5672)), api=api, container=container)
    end = time.monotonic() + 60
    while not broker.answers():
        if time.monotonic() > end:
            logs = b"".join(container.get_logs()).decode(errors="replace")
            broker.end()
            raise RuntimeError(f"a server of the tests did not start:\n{logs[-3000:]}")
        time.sleep(0.2)
    return broker


def _open_process(folder: Path) -> Broker:
    folder.mkdir(parents=True, exist_ok=True)
    port, api_port = free_port(), free_port()
    (folder / "rabbitmq.conf").write_text(
        f"listeners.tcp.1 = 127.0.0.1:{port}\nmanagement.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {api_port}\n"
        "log.console.level = warning\nlog.file = false\nlog.console = true\ndisk_free_limit.absolute = 50MB\n"
    )
    (folder / "plugins").write_text("[rabbitmq_management].\n")
    broker = Broker(host="127.0.0.1", port=port, api=f"http://127.0.0.1:{api_port}", folder=folder)
    broker.environment = {
        "HOME": str(folder),
        "RABBITMQ_NODENAME": f"der-{port}@localhost",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "ERL_EPMD_PORT": str(free_port()),
    }
    broker.begin()
    return broker
