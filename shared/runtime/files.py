"""Files that appear under their name whole, or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.runtime.cli import UsageError


@contextmanager
def whole_or_none(output: Path, *, option: str = "--output") -> Iterator[Path]:
    """Gives a path beside the output to write to; it takes the output's place at the end, and is gone when anything failed.

    Raises `UsageError`, naming the option that asked for the file, when it cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(dir=output.parent, prefix=f".{output.name}.", suffix=".part")
    except OSError as problem:
        raise UsageError(f"{option} is {str(output)!r}: cannot write there ({problem.strerror}); choose another folder") from None
    os.close(handle)
    part = Path(name)
    try:
        yield part
        part.chmod(0o644)
        part.replace(output)
    except OSError as problem:
        raise UsageError(f"{option} is {str(output)!r}: not written ({problem.strerror}); free space or choose another folder") from None
    finally:
        part.unlink(missing_ok=True)
