"""The lease under which the code at hand writes: stores refuse its writes once another worker has taken the job over.

Inside `fenced(lease, ...)` every write of a cloud store verifies in its own transaction that the job still runs under the
lease's fence, and holds the job against a new claim until it commits; else it raises `LeaseLostError` and nothing is written.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from shared.domain.job import Lease
from shared.ports.errors import LeaseLostError

_held: ContextVar[tuple[Lease, Callable[[Lease], None]] | None] = ContextVar("held_lease", default=None)


@contextmanager
def fenced(lease: Lease, require: Callable[[Lease], None]) -> Iterator[None]:
    """Within this context (threads started by `asyncio.to_thread` share it) writes need the lease.

    `require` is the job store's: for places that cannot ask in a transaction of their own, such as a folder of models.
    """
    token = _held.set((lease, require))
    try:
        yield
    finally:
        _held.reset(token)


def current_lease() -> Lease | None:
    """The lease that a write must verify; None where nothing is fenced."""
    held = _held.get()
    return held[0] if held else None


def require_lease() -> None:
    """Raise `LeaseLostError` when the ambient lease was lost; nothing happens without one.

    It may be lost just after: only a store that asks in the transaction of its write is certain.
    """
    if held := _held.get():
        lease, require = held
        require(lease)


def lost(lease: Lease) -> LeaseLostError:
    """The error of a write under a lease that another worker's claim has ended."""
    return LeaseLostError(f"job {lease.job.job_id} is no longer held by {lease.owner} (fence {lease.fence}); nothing was written")
