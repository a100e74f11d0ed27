"""One SQLite file, used by many threads and several processes at once.

Write-ahead log with `synchronous=FULL`: a commit that returned survives SIGKILL and a power cut. Writers take their lock
when they begin (`BEGIN IMMEDIATE`) and wait for each other. Nothing is opened before it is first used.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from filelock import FileLock, Timeout

from shared.domain.errors import InvalidValueError
from shared.ports.errors import CorruptError, SchemaTooNewError, SupplierError, UnavailableError

BUSY_SECONDS = 30.0
"""How long a statement waits for another process. A write of ours takes well under a second; a migration may take longer."""

_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_REMEDIES = {
    sqlite3.SQLITE_BUSY: "is locked by another process; stop that process or try again when it has finished",
    sqlite3.SQLITE_LOCKED: "is locked by another process; stop that process or try again when it has finished",
    sqlite3.SQLITE_FULL: "cannot grow: the disk is full; free some space and try again",
    sqlite3.SQLITE_READONLY: "cannot be written; give this user permission to write it and its folder, or choose another state folder",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; give this user permission to write it and its folder, or choose another state folder",
    sqlite3.SQLITE_PERM: "cannot be written; give this user permission to write it and its folder, or choose another state folder",
    sqlite3.SQLITE_IOERR: "cannot be read or written: the disk refused; check that it has space and works, then try again",
    sqlite3.SQLITE_NOMEM: "cannot be used: this machine is out of memory; close other programs and try again",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """The tables of one kind of file: a mark in its header, and SQL scripts that each lead from one version to the next."""

    application_id: int
    folder: str
    """Below `schema/`; its scripts run in the order of their names, the first one makes version 1."""

    def scripts(self) -> tuple[str, ...]:
        """The text of every script, in order."""
        folder = files("shared.adapters.embedded") / "schema" / self.folder
        found = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".sql")), key=lambda entry: entry.name)
        return tuple(entry.read_text(encoding="utf-8") for entry in found)


class SqliteFile:
    """Transactions on one file. Failures are `SupplierError`s that name the file and the remedy; a bug stays a `sqlite3.Error`.

    A file that is damaged is renamed to `<name>.corrupt-<UTC time>`, never overwritten, and this object refuses all
    further work: only a new start begins with an empty store.
    """

    def __init__(self, path: Path, schema: Schema, *, busy_seconds: float = BUSY_SECONDS) -> None:
        self.path = path
        self._schema = schema
        self._busy_seconds = busy_seconds
        self._guard = threading.RLock()
        self._writer = threading.Lock()
        self._lock_file = FileLock(path.with_name(path.name + ".lock"), timeout=busy_seconds, thread_local=False)
        self._idle: list[sqlite3.Connection] = []
        self._identity: tuple[int, int] | None = None
        self._process = os.getpid()
        self._broken: str | None = None
        self._set_aside_path = ""

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A transaction that sees one state of the file."""
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction that is durable when the block ends, and undone when the block raises."""
        # SQLite waits by polling, which starves threads of one process; a lock lets them queue
        if not self._writer.acquire(timeout=self._busy_seconds):
            raise UnavailableError(f"{self.path} is busy with a long write of this program; try again when it has finished")
        try:
            with self._transaction("BEGIN IMMEDIATE") as connection:
                yield connection
        finally:
            self._writer.release()

    def close(self) -> None:
        """Close what is open; the next use opens it again."""
        with self._guard:
            while self._idle:
                self._idle.pop().close()
            self._identity = None

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        connection: sqlite3.Connection | None = None
        try:
            connection = self._borrow()
            connection.execute(begin)
            yield connection
            connection.execute("COMMIT")
        except BaseException as problem:
            if connection is not None:
                _discard(connection)
            if isinstance(problem, sqlite3.Error) and (failure := self._failure(problem)) is not None:
                raise failure from problem
            raise
        with self._guard:
            self._idle.append(connection)

    def _borrow(self) -> sqlite3.Connection:
        with self._guard:
            if self._process != os.getpid():
                # SQLite connections must neither be used nor closed after a fork; the parent still owns them
                self._idle, self._identity, self._process = [], None, os.getpid()
            if self._broken is not None:
                raise CorruptError(self._broken, self._set_aside_path)
            if self._identity is None:
                self._prepare()
            elif self._identity != _identity(self.path):
                raise UnavailableError(f"{self.path} was moved or removed while in use; stop this program and start it again")
            if self._idle:
                return self._idle.pop()
        return self._connect()

    def _connect(self) -> sqlite3.Connection:
        # threads hand connections to each other, one at a time
        connection = sqlite3.connect(
            self.path, timeout=self._busy_seconds, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        for pragma in ("synchronous = FULL", "foreign_keys = ON", "temp_store = MEMORY", "journal_size_limit = 67108864"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _prepare(self) -> None:
        """Make the file and bring it to our version; of several processes that start together one does it."""
        with self._alone():
            try:
                connection = self._connect()
            except sqlite3.Error as problem:
                raise self._failure(problem) or problem from problem
            try:
                _migrate(connection, self._schema, self.path)
            except sqlite3.Error as problem:
                _discard(connection)
                raise self._failure(problem) or problem from problem
            except BaseException:
                _discard(connection)
                raise
            self._idle.append(connection)
            self._identity = _identity(self.path)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other process opens, migrates or sets aside this file meanwhile. Entered under the guard; may be nested."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock_file.acquire()
        except Timeout:
            raise UnavailableError(f"{self.path} {_REMEDIES[sqlite3.SQLITE_BUSY]}") from None
        except OSError as problem:
            raise UnavailableError(f"{self.path} {_REMEDIES[sqlite3.SQLITE_CANTOPEN]} ({problem.strerror})") from problem
        try:
            yield
        finally:
            self._lock_file.release()

    def _failure(self, problem: sqlite3.Error) -> SupplierError | None:
        """The error to raise instead, or None for a bug of ours."""
        code = getattr(problem, "sqlite_errorcode", 0) & 0xFF
        # the driver gives no code when stored text is not UTF-8, which we never store
        if code in _CORRUPT or "Could not decode to UTF-8" in str(problem):
            return self._set_aside(problem)
        if code in _REMEDIES:
            return UnavailableError(f"{self.path} {_REMEDIES[code]} ({problem})")
        return None

    def _set_aside(self, problem: sqlite3.Error) -> CorruptError:
        with self._guard:
            if self._broken is None:
                known, target = self._identity, self.path.with_name(f"{self.path.name}.corrupt-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}")
                self.close()
                with self._alone():
                    # another process may have met the same damage first and begun an empty file under this name
                    if known is None or known == _identity(self.path):
                        _rename(self.path, target)
                self._set_aside_path = str(target)
                self._broken = (
                    f"{self.path} is damaged ({problem}) and was set aside as {target.name}; "
                    "start again to begin with an empty store, the old data stands in the file set aside"
                )
            return CorruptError(self._broken, self._set_aside_path)


def _migrate(connection: sqlite3.Connection, schema: Schema, path: Path) -> None:
    # reads the header and the list of tables: finds a file that is no database, or was cut short
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    scripts = schema.scripts()
    if tables and owner != schema.application_id:
        raise InvalidValueError("store file", str(path), f"is a database of another kind than the {schema.folder} store; name another file")
    if version > len(scripts):
        raise SchemaTooNewError(
            f"{path} was written by a newer version of this program (schema {version}, this one knows {len(scripts)}); "
            "upgrade this program, or choose another state folder"
        )
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        connection.execute("PRAGMA journal_mode = WAL")
    for number, script in enumerate(scripts[version:], start=version + 1):
        marks = f"PRAGMA application_id = {schema.application_id}; PRAGMA user_version = {number};"
        connection.executescript(f"BEGIN EXCLUSIVE; {script}; {marks} COMMIT;")


def _rename(path: Path, target: Path) -> None:
    # the log goes first: were it left alone beside a new file, SQLite would replay it into that one
    for suffix in ("-wal", "-shm", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(target.with_name(target.name + suffix))


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _discard(connection: sqlite3.Connection) -> None:
    """Close a connection that may be in any state, which undoes its transaction."""
    with suppress(sqlite3.Error):
        connection.close()
