"""A file that takes its place when it is complete, and that keeps what was finished when it cannot become so."""

import errno
import fcntl
import os
import stat
from pathlib import Path

from shared.runtime.cli import UsageError


class WorkingFile:
    """`january.partial.jsonl` beside `january.jsonl`, until `complete` puts it in its place.

    Opening it raises `UsageError` for a place that cannot be written, or where another process is at work, and leaves
    nothing behind. What an earlier run left under the same name is overwritten by the first byte.
    """

    def __init__(self, output: Path) -> None:
        self.output = output
        self.path = output.with_name(f"{output.stem}.partial{output.suffix}")
        self.begun = False
        try:
            if output.is_dir():
                raise self._refused("is a folder; name a file")
            if not output.parent.is_dir():
                raise self._refused(f"there is no folder {str(output.parent)!r}; make it, or choose another")
            self._found = self.path.exists()
            # a link that somebody left there would have another file overwritten
            self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
        except OSError as problem:
            if problem.errno == errno.ELOOP:
                raise self._refused(f"{str(self.path)!r} is a link; remove it, or choose another name") from None
            raise self._refused(f"cannot write {self.path.name!r} there ({problem.strerror}); choose another folder") from None
        try:
            self._lock()
        except UsageError:
            os.close(self._handle)
            raise

    def _lock(self) -> None:
        if not stat.S_ISREG(os.fstat(self._handle).st_mode):
            raise self._refused(f"{str(self.path)!r} is no file; remove it, or choose another name")
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # who held the lock until now may have moved the file to its place, where it is no longer ours to write
            ours = os.path.samestat(os.fstat(self._handle), self.path.lstat())
        except OSError:
            ours = False
        if not ours:
            raise self._refused(f"another process is writing {str(self.path)!r}; let it finish, or choose another name")

    def begin(self) -> None:
        """Be empty at first; `append` and `reserve` do this by themselves."""
        if not self.begun:
            self.cut(0)
            self.begun = True

    def append(self, block: bytes) -> None:
        """Add bytes at the end. Raises `OSError` when there is no room for all of them: then some may stand there."""
        self.begin()
        rest = memoryview(block)
        while rest:
            rest = rest[os.write(self._handle, rest) :]

    def reserve(self, size: int) -> None:
        """Take the room that the file needs to become so long; its end stays where it is. Raises `OSError` when there is none."""
        self.begin()
        try:
            os.posix_fallocate(self._handle, 0, size)
        except OSError as problem:
            if problem.errno not in (errno.EOPNOTSUPP, errno.EINVAL):  # a file system that cannot: then there is no reserve
                raise

    @property
    def is_open(self) -> bool:
        """Whether it is still to be written: not when all was there and only its place was refused."""
        return self._handle >= 0

    @property
    def size(self) -> int:
        """Where the next byte goes; 0 while nothing was written."""
        return os.lseek(self._handle, 0, os.SEEK_CUR)

    def cut(self, size: int) -> None:
        """Drop what stands behind that place, and go on there."""
        os.ftruncate(self._handle, size)
        os.lseek(self._handle, size, os.SEEK_SET)

    def complete(self) -> None:
        """To the output's place, which it takes even from an older file. Raises `OSError`."""
        handle, self._handle = self._handle, -1
        try:
            os.close(os.dup(handle))  # a file system that writes late tells here that there was no room
            self.path.replace(self.output)
        finally:
            os.close(handle)  # and with it the lock: nobody may take the file before it has moved

    def close(self, *, keep: bool) -> None:
        """Let go of it. Without `keep` nothing is left of it, but what an earlier run left stays as long as nothing was written."""
        if not keep and (self.begun or not self._found):
            self.path.unlink(missing_ok=True)
        if self.is_open:
            os.close(self._handle)

    def _refused(self, remedy: str) -> UsageError:
        return UsageError(f"--output is {str(self.output)!r}: {remedy}")
