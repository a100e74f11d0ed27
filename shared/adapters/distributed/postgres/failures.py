"""The server's errors as ours: what may work later, and what a person must mend. One line each, never a password."""

from collections.abc import Iterator
from contextlib import contextmanager

import adbc_driver_manager
import psycopg

from shared.adapters.distributed.postgres.address import Address
from shared.ports.errors import RefusedRowsError, SupplierError, UnavailableError

RUN_MIGRATE = "run: der migrate"

_WRONG_LOGIN = ("password authentication failed", "no password supplied", "no pg_hba.conf entry", "is not permitted to log in")
_LATER = ("08", "40", "53", "57", "58")
"""Classes of SQLSTATE: connection, rollback, resources, intervention, system."""
_LATER_STATES = ("55P03", "25P03", "25P04", "25006")
"""Locked for too long, idle for too long, a standby that may not write yet."""
_REFUSED = ("22", "54")
"""Classes: data, limits of the server such as the longest key."""
_NO_SCHEMA = ("3F000", "42P01", "42883", "42703", "42704")


@contextmanager
def told_apart(address: Address) -> Iterator[None]:
    """Raise our error in place of the library's; a bug of ours, such as wrong SQL, stays what it is."""
    try:
        yield
    except (psycopg.Error, adbc_driver_manager.Error) as problem:
        failure = failure_of(problem, address)
        if failure is None:
            raise
        raise failure from problem


def failure_of(problem: psycopg.Error | adbc_driver_manager.Error, address: Address) -> SupplierError | None:
    """The error to raise instead, or None for a bug of ours."""
    state, said = problem.sqlstate or "", _said(problem)
    if state.startswith("28") or (not state and isinstance(problem, psycopg.OperationalError | adbc_driver_manager.OperationalError)):
        return _of_connection(said, address)
    if state.startswith(_LATER) or state in _LATER_STATES:
        return UnavailableError(f"{address.text} cannot do it now ({said}); try again later")
    if state in _NO_SCHEMA:
        return SupplierError(f"{address.text} lacks tables of this program ({said}); {RUN_MIGRATE}")
    if state == "42501":
        member = "make it a member of der_service, der_sync or der_reader"
        return SupplierError(f"{address.text} refuses user {address.user!r} ({said}); {member}")
    if state.startswith(_REFUSED) or (not state and isinstance(problem, psycopg.DataError)):
        return RefusedRowsError(f"{address.text} cannot keep a value ({said})")
    return None


def _of_connection(said: str, address: Address) -> SupplierError:
    if any(text in said for text in _WRONG_LOGIN) or ("role " in said and "does not exist" in said):
        return SupplierError(f"{address.text} refuses user {address.user!r}: correct user and password in DER_CLOUD_STORE_URL ({said})")
    if "database " in said and "does not exist" in said:
        return SupplierError(f"{address.text} does not exist: create it, or correct DER_CLOUD_STORE_URL")
    return UnavailableError(f"{address.text} cannot be reached ({said}); start it or check DER_CLOUD_STORE_URL, then try again")


def _said(problem: psycopg.Error | adbc_driver_manager.Error) -> str:
    """What the server said, in one line."""
    primary = problem.diag.message_primary if isinstance(problem, psycopg.Error) else None
    lines = (primary or str(problem) or type(problem).__name__).strip().splitlines()
    return lines[0].rpartition("FATAL:  ")[2]
