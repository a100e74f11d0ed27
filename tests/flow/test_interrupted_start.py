"""Ctrl-C at any moment of a start ends a program at once and without a traceback."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.flow.processes import ROOT, environment

SCRIPTS = {
    "der run": "sys.argv = ['der', 'run', '--port', '0']; from services.embedded.der import der; sys.exit(der())",
    "run_cloud_sync.py": "sys.argv = ['run_cloud_sync.py', '--continuous']; runpy.run_path('run_cloud_sync.py', run_name='__main__')",
}


def started(script: str, state_dir: Path, *, handler: str = "default_int_handler") -> subprocess.Popen[str]:
    """A program whose interpreter is up and which begins now, with Ctrl-C handled in that way."""
    up = f"import runpy, signal, sys, shared.runtime.start; signal.signal(signal.SIGINT, signal.{handler}); print('up', flush=True)"
    process = subprocess.Popen(
        [sys.executable, "-c", f"{up}; {script}"],
        cwd=ROOT,
        env=environment(state_dir),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    return process


@pytest.mark.parametrize("seconds", [0.1, 0.4, 0.8, 1.6])
@pytest.mark.parametrize("name", SCRIPTS)
def test_ctrl_c_while_a_program_starts_prints_no_traceback(name: str, seconds: float, tmp_path: Path) -> None:
    process = started(SCRIPTS[name], tmp_path)
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=30)
    assert "Traceback" not in said
    assert "KeyboardInterrupt" not in said
    assert process.returncode in {0, 130, -signal.SIGINT}


def test_a_background_job_of_a_shell_keeps_ctrl_c_ignored_while_it_starts(tmp_path: Path) -> None:
    process = started(SCRIPTS["run_cloud_sync.py"].replace("continuous", "status"), tmp_path, handler="SIG_IGN")
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "nothing to copy" in said
