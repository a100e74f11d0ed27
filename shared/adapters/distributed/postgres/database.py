"""Transactions on one PostgreSQL database. Every read and every write of this package passes here."""

import select
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import psycopg
import pyarrow as pa
from psycopg import sql

from shared.adapters.distributed.postgres.address import Address, Patience
from shared.adapters.distributed.postgres.failures import told_apart
from shared.adapters.distributed.postgres.migrations import require_current
from shared.adapters.distributed.postgres.pool import Pool
from shared.domain.job import Lease
from shared.ports.fence import current_lease, lost

CONNECTIONS = 8
"""At most so many of a process at once, and as many again for reading in bulk."""

Connection = psycopg.Connection[tuple[Any, ...]]


class PostgresDatabase:
    """Connections to one database, opened when they are first needed; its schema is looked at then.

    Raises `UnavailableError` for what may work later (unreachable, restarting, full, busy), another `SupplierError` for
    what a person must mend. A transaction that was cut at its end may have been stored: it is `UnavailableError` too, and
    whoever repeats it changes nothing, for all our writes are upserts.
    """

    def __init__(self, url: str, *, patience: Patience | None = None) -> None:
        self.address = Address(url, patience or Patience())
        self._pool = Pool(open_one=self._connect, works=_works, close_one=lambda connection: connection.close(), size=CONNECTIONS)
        self._bulk = Pool(open_one=self._connect_for_bulk, works=_works_for_bulk, close_one=_close_bulk, size=CONNECTIONS)
        self._known = False

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction for reading. Statements see what is committed when each of them begins."""
        with self._transaction() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is durable when the block ends, and undone when the block raises.

        Within `fenced` it holds the job against new claims; raises `LeaseLostError` where one came before.
        """
        with self._transaction() as connection:
            if lease := current_lease():
                require_held(connection, lease)
            yield connection

    def claiming(self) -> AbstractContextManager[Connection]:
        """A write that no lease restricts: that of the jobs themselves."""
        return self._transaction()

    def table(self, query: sql.Composable) -> pa.Table:
        """The answer of a query as columns, all at once. Its values stand in it as literals."""
        with told_apart(self.address), self._bulk.lend(wait=self.address.patience.borrow) as connection, connection.cursor() as cursor:
            cursor.execute(query.as_string(None))
            return cursor.fetch_arrow_table()

    def close(self) -> None:
        """Close what is open; the next use opens it again."""
        self._pool.close()
        self._bulk.close()

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with told_apart(self.address), self._pool.lend(wait=self.address.patience.borrow) as connection, connection.transaction():
            yield connection

    def _connect(self) -> Connection:
        connection = psycopg.connect(self.address.conninfo, autocommit=True)
        if not self._known:
            try:
                require_current(connection, self.address)
            except BaseException:
                connection.close()
                raise
            self._known = True
        return connection

    def _connect_for_bulk(self) -> adbc.Connection:
        if not self._known:
            with self._pool.lend(wait=self.address.patience.borrow):
                pass  # looks at the schema
        return adbc.connect(self.address.conninfo, autocommit=True)


def require_held(connection: Connection, lease: Lease) -> None:
    """Raise `LeaseLostError`, or hold the job against new claims until this transaction ends."""
    if connection.execute("SELECT der.holds_job(%s, %s)", (lease.job.job_id, lease.fence)).fetchone() != (True,):
        raise lost(lease)


def _works(connection: Connection) -> bool:
    """Asked for each transaction: a server that has said nothing since has not ended the connection."""
    if not connection.closed and not select.select([connection.fileno()], [], [], 0)[0]:
        return True
    try:
        connection.execute("")
    except psycopg.Error:
        return False
    return True


def _works_for_bulk(connection: adbc.Connection) -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchall()
    except adbc.Error:
        return False
    return True


def _close_bulk(connection: adbc.Connection) -> None:
    connection.close()
