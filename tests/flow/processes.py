"""Starting our programs as a person does: real processes on one state folder."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 180.0


def environment(state_dir: Path) -> dict[str, str]:
    """The caller's environment with that state folder and none of our other variables."""
    ours = re.compile(r"^(DER|FE|SYNC|FORECAST|OPTIMIZER|API|INFLUXDB|SUPABASE)_|^PORT$")
    return {name: value for name, value in os.environ.items() if not ours.match(name)} | {"DER_STATE_DIR": str(state_dir)}


def der(*words: str | Path, state_dir: Path) -> subprocess.CompletedProcess[str]:
    """`der WORDS` until it ends."""
    return until_its_end([sys.executable, "-m", "services.embedded.main", *map(str, words)], state_dir, {})


def script(name: str, *words: str | Path, state_dir: Path, variables: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """`python NAME WORDS`, with these variables besides, until it ends."""
    return until_its_end([sys.executable, name, *map(str, words)], state_dir, variables or {})


def until_its_end(command: Sequence[str], state_dir: Path, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """A program with these variables besides."""
    return subprocess.run(
        command, cwd=ROOT, env=environment(state_dir) | variables, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )


class Living:
    """A program that goes on; what it says is kept line by line."""

    def __init__(self, command: Sequence[str], state_dir: Path, variables: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment(state_dir) | variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(self.process.stdout)

    @property
    def said(self) -> str:
        return "".join(self.lines)

    def wait_until_it_says(self, pattern: str) -> re.Match[str]:
        """The first match of a pattern in what it says. Fails when the program ends or takes too long."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if found := re.search(pattern, self.said):
                return found
            assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.said}"
            time.sleep(0.05)
        raise AssertionError(f"never said {pattern!r}:\n{self.said}")

    def stop(self, number: signal.Signals = signal.SIGINT) -> tuple[int, float]:
        """Ctrl-C, or another signal; the exit status and the seconds that it took."""
        started = time.monotonic()
        self.process.send_signal(number)
        status = self.process.wait(timeout=60)
        self._reader.join(timeout=5)
        return status, time.monotonic() - started


@contextmanager
def living(*command: str, state_dir: Path, variables: Mapping[str, str] | None = None) -> Iterator[Living]:
    """A program, with these variables besides, that is killed at the end if it still lives."""
    program = Living([sys.executable, *command], state_dir, variables or {})
    try:
        yield program
    finally:
        program.process.kill()
        program.process.wait()
        if program.process.stdout is not None:
            program._reader.join(timeout=5)
            program.process.stdout.close()
