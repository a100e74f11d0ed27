"""The address of a database, with the patience of every connection; and as a message may repeat it."""

from dataclasses import dataclass
from datetime import timedelta

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from shared.domain.errors import InvalidValueError


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long is waited for what."""

    connect: timedelta = timedelta(seconds=5)
    borrow: timedelta = timedelta(seconds=30)
    """For one of our connections to be free."""
    statement: timedelta = timedelta(seconds=120)
    lock: timedelta = timedelta(seconds=30)
    idle_in_transaction: timedelta = timedelta(seconds=60)
    silence: timedelta = timedelta(seconds=20)
    """For a sign of life of a server that has vanished from the network."""


class Address:
    """A PostgreSQL address. Raises `InvalidValueError` for a text that is none, without repeating it."""

    def __init__(self, url: str, patience: Patience) -> None:
        given = _parts(url)
        self.patience = patience
        self.conninfo = make_conninfo("", **_defaults(patience) | given | {"options": f"{_options(patience)} {given.get('options', '')}"})
        self.user = given.get("user", "")
        self.text = f"PostgreSQL database {given.get('dbname', self.user)!r} at {given.get('host', 'localhost')}:{given.get('port', 5432)}"
        """Names the database, never the password."""


def _parts(url: str) -> dict[str, str]:
    try:
        parts = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    except psycopg.Error:
        parts = {"port": "none"}
    # a password with an @ or a / that is not escaped ends up in one of these, and would be shown
    if "@" in parts.get("host", "") + parts.get("dbname", "") or not parts.get("port", "0").replace(",", "").isdigit():
        raise InvalidValueError(
            "cloud store", "no PostgreSQL address", "write postgresql://USER:PASSWORD@HOST:PORT/DATABASE, special characters as %XX"
        )
    return parts


def _defaults(patience: Patience) -> dict[str, str | int]:
    silence = int(patience.silence.total_seconds())
    return {
        "application_name": "der",
        "connect_timeout": max(2, int(patience.connect.total_seconds())),  # libpq waits at least two
        "keepalives_idle": max(1, silence // 2),
        "keepalives_interval": max(1, silence // 6),
        "keepalives_count": 3,
        "tcp_user_timeout": silence * 1000,
    }


def _options(patience: Patience) -> str:
    settings = {
        "statement_timeout": patience.statement,
        "lock_timeout": patience.lock,
        "idle_in_transaction_session_timeout": patience.idle_in_transaction,
    }
    return " ".join(["-c timezone=UTC", *(f"-c {name}={value // timedelta(milliseconds=1)}" for name, value in settings.items())])
