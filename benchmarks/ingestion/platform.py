"""The platform's own path, alive: a broker, a migrated database and `run_cloud_sync.py --continuous` between them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from shared.contracts.topology import SYNC_READINGS
from shared.runtime.resources import Resources, open_resources
from shared.runtime.settings import RuntimeSettings
from tests.live.broker import Broker
from tests.live.database import Database

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 180.0


@dataclass(slots=True, kw_only=True)
class Platform:
    """On servers that exist, in a virtual host and a database of its own."""

    broker: Broker
    database: Database
    folder: Path
    sweep_seconds: float = 3600.0
    vhost: str = ""
    database_url: str = ""
    sync: "subprocess.Popen[bytes] | None" = field(default=None)

    @property
    def environment(self) -> dict[str, str]:
        """Of a process of the platform."""
        return {
            "DER_BUS_URL": self.broker.url(self.vhost),
            "DER_CLOUD_STORE_URL": self.database_url,
            "DER_STATE_DIR": str(self.folder),
            "DER_LOG_LEVEL": "warning",
        }

    def resources(self) -> Resources:
        """The same servers for this process."""
        return open_resources(
            RuntimeSettings(
                bus_url=self.broker.url(self.vhost), cloud_store_url=self.database_url, state_dir=self.folder, log_level="warning"
            )
        )

    def start_sync(self) -> None:
        """Returns when it takes messages."""
        command = [sys.executable, "run_cloud_sync.py", "--continuous", "--interval", str(self.sweep_seconds)]
        with self.log.open("ab") as output:
            self.sync = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **self.environment}, stdout=output, stderr=output)
        self.until(lambda: self._consumers() > 0)

    def stop_sync(self) -> None:
        """SIGTERM; nothing when it is not there."""
        if self.sync is not None:
            self.sync.send_signal(signal.SIGTERM)
            self.sync.wait(timeout=30)
            self.sync = None

    def kill_sync(self) -> None:
        """And start it again."""
        if self.sync is not None:
            self.sync.kill()
            self.sync.wait()
        self.start_sync()

    def kill_broker(self) -> None:
        """And start it again; returns when it answers."""
        self.broker.kill()
        self.broker.begin()

    def kill_database(self) -> None:
        """And start it again; returns when it answers."""
        self.database.kill()
        self.database.begin()

    @property
    def log(self) -> Path:
        return self.folder / "sync.log"

    def until(self, condition: Callable[[], bool], *, every: float = 0.05, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait for a condition while sync lives. Raises `RuntimeError` with the end of its log."""
        end = time.monotonic() + seconds
        while not condition():
            if (self.sync is not None and self.sync.poll() is not None) or time.monotonic() > end:
                raise RuntimeError(f"sync did not do its work:\n{self.log.read_text(errors='replace')[-3000:]}")
            time.sleep(every)

    def rows(self) -> int:
        """Readings in the cloud store."""
        return int(self._ask("SELECT coalesce(sum(rows), 0) FROM devices")[0][0])

    def last_commit(self) -> float:
        """The newest reading's, as `time.time`."""
        return float(self._ask("SELECT extract(epoch FROM max(pg_xact_commit_timestamp(xmin))) FROM readings")[0][0])

    def commit_lags(self) -> list[float]:
        """Seconds from each reading to the moment at which the database committed it, sorted."""
        rows = self._ask("SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin) - timestamp) FROM readings ORDER BY 1")
        return [float(row[0]) for row in rows]

    def _ask(self, query: LiteralString) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database_url, connect_timeout=5) as connection:
            return connection.execute(query).fetchall()

    def _consumers(self) -> int:
        queues = self.broker.request("GET", f"/api/queues/{self.vhost}").json()
        return sum(queue.get("consumers", 0) for queue in queues if queue["name"] == SYNC_READINGS.name)


@contextmanager
def living_platform(broker: Broker, database: Database, folder: Path, *, sweep_seconds: float = 3600.0) -> Iterator[Platform]:
    """Migrated, with a sync that takes messages; gone at the end."""
    folder.mkdir()
    name = database.new_database()
    platform = Platform(
        broker=broker,
        database=database,
        folder=folder,
        sweep_seconds=sweep_seconds,
        vhost=broker.new_vhost(),
        database_url=database.url(name),
    )
    migrate = [sys.executable, "-m", "services.embedded.main", "migrate"]
    subprocess.run(migrate, cwd=ROOT, env={**os.environ, **platform.environment}, check=True, stdout=subprocess.DEVNULL)
    try:
        platform.start_sync()
        yield platform
    finally:
        platform.stop_sync()
        broker.drop_vhost(platform.vhost)
        database.drop_database(name)
