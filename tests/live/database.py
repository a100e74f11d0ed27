"""A PostgreSQL for tests: the one of POSTGRES_TEST_URL (a superuser's), else a private process of the installed server."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from shared.adapters.distributed.postgres.address import Address, Patience
from shared.adapters.distributed.postgres.migrations import migrate
from tests.live.private_process import Missing, free_port, start, stop, wait_until

REMEDY = "no PostgreSQL is installed; on Debian: apt-get install postgresql, or set POSTGRES_TEST_URL"


@dataclass(slots=True)
class Database:
    """A running server. Each test gets a database of its own."""

    address: str
    """`postgresql://USER[:PASSWORD]@HOST:PORT`, without a database."""
    folder: Path | None = None
    process: subprocess.Popen[bytes] | None = None
    template: str | None = None

    def url(self, name: str = "postgres") -> str:
        return f"{self.address}/{name}"

    def new_database(self, *, template: str = "template1") -> str:
        name = f"test_{uuid.uuid4().hex[:12]}"
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def new_store(self) -> str:
        """A database with the cloud store's schema: a copy of one that was migrated once."""
        if self.template is None:
            name = self.new_database()
            with psycopg.connect(self.url(name), autocommit=True) as connection:
                list(migrate(connection, Address(self.url(name), Patience())))
            self.template = name
        return self.new_database(template=self.template)

    @contextmanager
    def store_url(self) -> Iterator[str]:
        """The address of such a database, which is dropped at the end."""
        name = self.new_store()
        try:
            yield self.url(name)
        finally:
            self.drop_database(name)

    def drop_database(self, name: str) -> None:
        self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def begin(self) -> None:
        """Start the private process, again after `kill` with the data that it had."""
        assert self.folder is not None
        port = urlsplit(self.address).port
        log = self.folder / "server.log"
        options = {"listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": "", "log_min_messages": "warning"}
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        self.process = start([_program("postgres"), "-D", self.folder / "data", *arguments], log=log, user="postgres")
        wait_until(self.answers, self.process, log=log)

    def kill(self) -> None:
        """As a power cut would: every process of the server at once."""
        assert self.process is not None
        number = self.process.pid  # its backends are in groups of their own, and hold the shared memory as long as they live
        backends = [int(word) for word in Path(f"/proc/{number}/task/{number}/children").read_text("ascii").split()]
        stop(self.process, signal.SIGKILL)
        for backend in backends:
            with suppress(ProcessLookupError):
                os.kill(backend, signal.SIGKILL)
        end = time.monotonic() + 5.0
        while any(Path(f"/proc/{backend}").exists() for backend in backends) and time.monotonic() < end:
            time.sleep(0.01)
        (self.folder / "data" / "postmaster.pid").unlink(missing_ok=True)

    def end(self) -> None:
        if self.folder is None and self.template is not None:
            self.drop_database(self.template)
        if self.process is not None:
            stop(self.process, signal.SIGINT)
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def answers(self) -> bool:
        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement)


def open_database() -> Database:
    """Raises `Missing`."""
    if url := os.environ.get("POSTGRES_TEST_URL"):
        return Database(url.rpartition("/")[0] if urlsplit(url).path else url)
    initdb = _program("initdb")
    folder = Path(tempfile.mkdtemp(prefix="der-postgres-"))  # pytest's own folders may not be entered by another user
    if os.getuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    user = "postgres" if os.getuid() == 0 else None
    log = folder / "initdb.log"
    made = start(
        [initdb, "-D", folder / "data", "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"], log=log, user=user
    )
    if made.wait(timeout=60) != 0:
        raise RuntimeError(f"initdb failed:\n{log.read_text(errors='replace')[-3000:]}")
    database = Database(f"postgresql://postgres@127.0.0.1:{free_port()}", folder=folder)
    database.begin()
    return database


def _program(name: str) -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1]
    if path := shutil.which(name):
        return Path(path)
    raise Missing(REMEDY)
