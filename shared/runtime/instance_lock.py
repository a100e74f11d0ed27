"""One process of a kind on a state folder: the second is told who is there, and stops."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from shared.runtime.cli import UsageError


@contextmanager
def hold(state_dir: Path, name: str) -> Iterator[None]:
    """Be the only `name` on this folder while inside. Raises `UsageError` naming the folder, the other process and the remedy.

    The operating system lets go of the lock when its process ends in whatever way, so a killed process blocks nobody.
    The folder must exist.
    """
    stem = name.replace(" ", "-")
    lock, owner = FileLock(state_dir / f"{stem}.lock", thread_local=False), state_dir / f"{stem}.pid"
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UsageError(
            f"another {name} lives on the state folder {str(state_dir)!r}{_whose(owner)}; "
            "stop it, or name another folder with --state-dir or DER_STATE_DIR"
        ) from None
    except OSError as problem:
        raise UsageError(
            f"state folder {str(state_dir)!r} cannot be locked ({problem.strerror}); name another with --state-dir or DER_STATE_DIR"
        ) from None
    try:
        try:
            owner.write_text(f"{os.getpid()}\n", "ascii")
        except OSError as problem:
            raise UsageError(
                f"{str(owner)!r} cannot be written ({problem.strerror}); "
                "free space, or name another folder with --state-dir or DER_STATE_DIR"
            ) from None
        yield
    finally:
        with suppress(OSError):  # only tells who is there; the lock itself is let go below
            owner.unlink(missing_ok=True)
        lock.release()


def _whose(owner: Path) -> str:
    """` (process 1234)`, or nothing where the holder has not yet written who it is."""
    try:
        text = owner.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
    return f" (process {text})" if text.isdigit() else ""
