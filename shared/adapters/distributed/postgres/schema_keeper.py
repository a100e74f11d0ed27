"""`StoreSchema` on PostgreSQL: for the owner of the database, once at each upgrade."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from shared.adapters.distributed.postgres import migrations
from shared.adapters.distributed.postgres.address import Address, Patience
from shared.adapters.distributed.postgres.failures import told_apart
from shared.domain.errors import InvalidValueError, require_identifier
from shared.ports.store_schema import SchemaStep

ROLES = ("der_service", "der_sync", "der_reader")
_SHORTEST_PASSWORD = 16
# what allow_login makes, and nothing that can do more or is there for others
_IS_OURS = """
SELECT rolcanlogin AND NOT (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)
  AND EXISTS (SELECT FROM unnest(%(ours)s::text[]) AS ours WHERE pg_has_role(oid, ours, 'MEMBER'))
FROM pg_roles WHERE rolname = %(name)s
"""


class PostgresSchema:
    """Opens a connection for each call."""

    def __init__(self, url: str, *, patience: Patience | None = None) -> None:
        self._address = Address(url, patience or Patience())

    def status(self) -> list[SchemaStep]:
        with self._connected() as connection:
            missing = migrations.pending(connection, self._address)
        return [_step(migration, applied=migration not in missing) for migration in migrations.migrations()]

    def migrate(self) -> Iterator[SchemaStep]:
        with self._connected() as connection:
            for migration in migrations.migrate(connection, self._address):
                yield _step(migration, applied=True)

    def allow_login(self, name: str, *, role: str, password: str) -> None:
        require_identifier("login", name)
        if role not in ROLES:
            raise InvalidValueError("role", role, f"must be one of {', '.join(ROLES)}")
        if len(password) < _SHORTEST_PASSWORD:
            raise InvalidValueError(f"password of login {name!r}", "too short", f"must have at least {_SHORTEST_PASSWORD} characters")
        with self._connected() as connection, connection.transaction():
            there = connection.execute(_IS_OURS, {"name": name, "ours": list(ROLES)}).fetchone()
            if there == (False,):
                raise InvalidValueError("login", name, "is a role of another kind there; choose another name")
            if there is None:
                connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(name)))
            # only what the password can be verified with is sent, so it stands in no log of the server
            verifier = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
            connection.execute(sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(name), verifier))
            others = sql.SQL(", ").join(sql.Identifier(each) for each in ROLES if each != role)
            connection.execute(sql.SQL("REVOKE {} FROM {}").format(others, sql.Identifier(name)))
            connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(name)))

    @contextmanager
    def _connected(self) -> Iterator[psycopg.Connection[Any]]:
        with told_apart(self._address), psycopg.connect(self._address.conninfo, autocommit=True) as connection:
            yield connection


def script() -> str:
    """Every step as SQL in one transaction, for whoever pastes it into a console."""
    return "BEGIN;\n\n" + "\n".join(migration.recorded for migration in migrations.migrations()) + "\nCOMMIT;\n"


def _step(migration: migrations.Migration, *, applied: bool) -> SchemaStep:
    return SchemaStep(version=migration.version, name=migration.name, applied=applied)
