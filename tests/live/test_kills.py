"""Whatever is killed under load: nothing acknowledged is lost, nothing is there twice. `benchmarks/kills.py` does it ten times."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live import broker, database
from tests.live.private_process import left_out

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.live
def test_killing_sync_the_broker_and_the_database_once_loses_nothing(tmp_path):
    if not broker.SERVER.exists():
        left_out(broker.REMEDY)
    if not any(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        left_out(database.REMEDY)
    command = [sys.executable, "benchmarks/kills.py", "--quick", "--json", tmp_path / "kills.json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads((tmp_path / "kills.json").read_text("utf-8"))
    assert [part["kills"] for part in figures["parts"]] == [1, 1, 1]
    outcome = figures["outcome"]
    assert outcome.pop("acknowledged") > 1_000
    assert outcome == {"lost": 0, "duplicates": 0, "changed": 0}
