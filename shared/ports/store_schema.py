"""The tables of a store that stands on a server, and who may log in there. Embedded stores keep their own in step."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaStep:
    """One step from an empty store to the newest."""

    version: int
    name: str
    applied: bool


class StoreSchema(Protocol):
    """Raises `SchemaTooNewError`, `UnavailableError` while the server is away, another `SupplierError` for what a person must mend."""

    def status(self) -> list[SchemaStep]:
        """Every step, in order."""
        ...

    def migrate(self) -> Iterator[SchemaStep]:
        """Apply what is missing, each step whole or not at all, and yield it then; of several at once one does it."""
        ...

    def allow_login(self, name: str, *, role: str, password: str) -> None:
        """Make that login, or change its password; it may do what the role may. Raises `InvalidValueError`."""
        ...
