"""A process ends on a signal within a bounded time, and on the failure of a part."""

import asyncio
import signal
import subprocess
import sys
import threading

import pytest

from shared.runtime.life import run_until_signalled
from shared.runtime.resources import open_resources
from shared.runtime.settings import RuntimeSettings

PROGRAM = """
import sys, threading
from datetime import timedelta
from pathlib import Path
from shared.runtime import life, logging
from shared.runtime.resources import open_resources
from shared.runtime.settings import RuntimeSettings
from shared.runtime.worker import Parts, Timer

life.PATIENCE_SECONDS = float(sys.argv[3])
logging.configure(level="info", form="text")

def step():
    print("begun", flush=True)
    threading.Event().wait(float(sys.argv[2]))
    print("finished", flush=True)
    return ()

with open_resources(RuntimeSettings(state_dir=Path(sys.argv[1]))) as resources:
    status = life.run_until_signalled(resources, [Parts(name="sync", timers=[Timer(name="sweep", every=timedelta(hours=1), step=step)])])
print("ended", flush=True)
sys.exit(status)
"""


@pytest.mark.parametrize(
    ("number", "seconds", "patience", "words"),
    [(signal.SIGTERM, "0.05", "60", "finished\nended\n"), (signal.SIGINT, "3600", "0.2", "")],
    ids=["SIGTERM in a short step", "Ctrl-C in an endless step"],
)
def test_a_signal_lets_a_short_step_finish_and_leaves_an_endless_one(tmp_path, number, seconds, patience, words):
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path), seconds, patience], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout.readline() == "begun\n"
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, words)


def test_a_companion_that_ends_ends_the_process(tmp_path):
    told = threading.Event()

    async def ends(_stop: asyncio.Event) -> None:
        return

    async def lives(stop: asyncio.Event) -> None:
        await stop.wait()
        told.set()

    with open_resources(RuntimeSettings(state_dir=tmp_path)) as resources:
        assert run_until_signalled(resources, [], companions=[ends, lives]) == 0
    assert told.is_set()


def test_a_companion_that_fails_ends_the_process_with_its_error(tmp_path):
    async def fails(_stop: asyncio.Event) -> None:
        raise OSError("address already in use")

    with open_resources(RuntimeSettings(state_dir=tmp_path)) as resources, pytest.raises(OSError, match="address already in use"):
        run_until_signalled(resources, [], companions=[fails])
