"""The schema, from the files in `schema/`: which of them a database has, and bringing it to the newest."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import psycopg

from shared.adapters.distributed.postgres.address import Address
from shared.adapters.distributed.postgres.failures import RUN_MIGRATE
from shared.ports.errors import SchemaTooNewError, SupplierError

_LOCK = 0x444552  # "DER"


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One file. It is never changed once it was applied somewhere: a change is a new file."""

    version: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def recorded(self) -> str:
        """The file, and the note that the database has it."""
        values = f"{self.version}, '{self.name}', '{self.checksum}'"
        note = f"INSERT INTO der.migrations (version, name, checksum) VALUES ({values});"  # noqa: S608  # of our own file
        return f"{self.text}\n{note}\n"


@cache
def migrations() -> tuple[Migration, ...]:
    """All files, in order."""
    folder = files("shared.adapters.distributed.postgres") / "schema"
    found = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".sql")), key=lambda entry: entry.name)
    return tuple(
        Migration(version=int(entry.name[:4]), name=entry.name.removesuffix(".sql"), text=entry.read_text(encoding="utf-8"))
        for entry in found
    )


def applied(connection: psycopg.Connection[Any]) -> dict[int, tuple[str, str]]:
    """Name and checksum of what the database has, by version."""
    if connection.execute("SELECT to_regclass('der.migrations')").fetchone() == (None,):
        return {}
    rows = connection.execute("SELECT version, name, checksum FROM der.migrations ORDER BY version").fetchall()
    return {version: (name, checksum) for version, name, checksum in rows}


def pending(connection: psycopg.Connection[Any], address: Address) -> list[Migration]:
    """What the database lacks. Raises `SchemaTooNewError`; `SupplierError` where a file is not the one that was applied."""
    there, ours = applied(connection), migrations()
    newest = max(there, default=0)
    if newest > ours[-1].version:
        raise SchemaTooNewError(
            f"{address.text} was made by a newer version of this program (schema {newest}, this one knows {ours[-1].version}); "
            "upgrade this program"
        )
    for migration in ours:
        name, checksum = there.get(migration.version, (migration.name, migration.checksum))
        if (name, checksum) != (migration.name, migration.checksum):
            raise SupplierError(
                f"{address.text} has another {name} than this program's {migration.name}: install the version that made it, "
                "or begin with an empty database"
            )
    return [migration for migration in ours if migration.version not in there]


def require_current(connection: psycopg.Connection[Any], address: Address) -> None:
    """Raise `SupplierError` unless the database has all of our schema and nothing newer."""
    try:
        missing = pending(connection, address)
    except psycopg.errors.InsufficientPrivilege:
        raise SupplierError(
            f"{address.text} lets user {address.user!r} see nothing: make it a member of der_service, der_sync or der_reader"
        ) from None
    if missing:
        there = "no schema of this program" if len(missing) == len(migrations()) else f"no {missing[0].name} yet"
        raise SupplierError(f"{address.text} has {there}; {RUN_MIGRATE}")


def migrate(connection: psycopg.Connection[Any], address: Address) -> Iterator[Migration]:
    """Apply what is pending, each file in a transaction of its own, and yield it then; of several at once one does it."""
    while True:
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            missing = pending(connection, address)
            if not missing:
                return
            connection.execute(missing[0].recorded)
        yield missing[0]
