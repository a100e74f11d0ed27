"""What every private server of the tests needs: free ports, a user other than root, an end that is sure."""

import ctypes
import os
import pwd
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

PR_SET_PDEATHSIG = 1


class Missing(Exception):
    """A server that cannot be had here; the text says how to get it."""


def left_out(reason: str) -> None:
    """Skip the test, or fail it where nothing may be missing."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start(
    arguments: Sequence[str | Path], *, log: Path, environment: Mapping[str, str] | None = None, user: str | None = None
) -> subprocess.Popen[bytes]:
    """A process in a group of its own, which ends when the tests do, in whatever way they end."""
    account = pwd.getpwnam(user) if user is not None and os.getuid() == 0 else None
    with log.open("ab") as output:
        return subprocess.Popen(
            [str(argument) for argument in arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env={**os.environ, **(environment or {})},
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
            # the system call means the thread that makes it: one that ends before the tests do would take the server along
            preexec_fn=_die_with_the_tests if threading.current_thread() is threading.main_thread() else None,  # noqa: PLW1509
        )


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], *, log: Path, seconds: float = 60.0) -> None:
    """Raises with the end of the log when the process ends first or does not answer in time."""
    end = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None or time.monotonic() > end:
            stop(process)
            raise RuntimeError(f"a server of the tests did not start:\n{log.read_text(errors='replace')[-3000:]}")
        time.sleep(0.05)


def stop(process: subprocess.Popen[bytes], number: int = signal.SIGTERM, *, seconds: float = 10.0) -> None:
    """End the whole group; what is deaf to the signal is killed."""
    for attempt in (number, signal.SIGKILL):
        try:
            os.killpg(process.pid, attempt)
            process.wait(timeout=seconds)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
        return


def _die_with_the_tests() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
