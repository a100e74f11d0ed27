"""How a supplier fails. Each text is one line that names the thing and the remedy."""


class SupplierError(Exception):
    """Base of every failure that an adapter raises on purpose."""


class UnavailableError(SupplierError):
    """It may work later: locked, unreachable, disk full."""


class CorruptError(SupplierError):
    """What is stored cannot be trusted. `path` is where it was set aside (or still stands)."""

    def __init__(self, message: str, path: str) -> None:
        self.path = path
        super().__init__(message)


class SchemaTooNewError(SupplierError):
    """The store was written by a newer program."""


class LeaseLostError(SupplierError):
    """Another worker has taken the job over, or it has ended: what was to be written is not."""


class NotFoundError(SupplierError):
    """The named thing is not in the store."""


class RefusedRowsError(SupplierError):
    """A store will never take these rows as they are, though it takes others: whoever wrote them together may halve the
    batch until the bad one is alone. Never for a wrong password, a missing table or a server that is away."""


class RetryableError(Exception):
    """A message handler could not finish now: deliver again later."""


class RejectedMessageError(Exception):
    """A message that can never be handled: to the dead queue at once, with this reason."""
