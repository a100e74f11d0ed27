"""A gateway that is stopped, paused, blocked or cut off, and a history that finds no room: as a person meets it."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from shared.runtime.resources import Resources
from shared.runtime.settings import RuntimeSettings
from tests.flow.processes import ROOT, environment, living

SIMULATOR = [sys.executable, str(ROOT / "run_simulator.py")]
SIMULATE = [sys.executable, "-m", "services.embedded.main", "simulate"]
F_SETPIPE_SZ = 1031


def stamps(lines: list[str]) -> list[datetime]:
    """Of whole lines."""
    return [datetime.fromisoformat(json.loads(line)["timestamp"]) for line in lines]


def start(command: list[str], state_dir: Path, **options: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        command, cwd=ROOT, env=environment(state_dir), text=True, stderr=subprocess.PIPE, start_new_session=True, **options
    )


def test_after_a_pause_the_missing_readings_come_in_order_and_once_and_without_a_reader_it_ends(tmp_path: Path):
    with start([*SIMULATOR, "--continuous", "--interval", "1"], tmp_path, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        process.send_signal(signal.SIGSTOP)
        time.sleep(2.5)
        process.send_signal(signal.SIGCONT)
        lines += [process.stdout.readline() for _ in range(4)]
        process.stdout.close()  # the reader goes away: it ends by itself
        assert process.wait(timeout=30) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert {later - earlier for earlier, later in pairwise(stamps(lines))} == {timedelta(seconds=1)}


def test_a_gateway_that_starts_while_bus_and_cloud_are_away_records_at_once(tmp_path: Path):
    away = {"DER_BUS_URL": "amqp://der:secret@127.0.0.1:1/", "DER_CLOUD_STORE_URL": "postgresql://der:secret@127.0.0.1:1/der"}
    with living(str(ROOT / "run_simulator.py"), "--continuous", "--interval", "1", state_dir=tmp_path, variables=away) as gateway:
        gateway.wait_until_it_says(r'(?s)"timestamp".*"timestamp"')
        gateway.wait_until_it_says("cloud store|PostgreSQL")
        gateway.wait_until_it_says("RabbitMQ at 127.0.0.1:1 does not answer")
        assert gateway.stop()[0] == 0
        assert "secret" not in gateway.said


def test_a_reader_that_does_not_read_holds_nobody_up_and_gets_no_half_line(tmp_path: Path):
    reading, writing = os.pipe()
    size = fcntl.fcntl(writing, F_SETPIPE_SZ, 4096)
    os.write(writing, b"." * (size - 1000))  # room for one line and some of a second
    with start([*SIMULATOR, "--continuous", "--interval", "1"], tmp_path, stdout=writing) as process:
        os.close(writing)
        deadline = time.monotonic() + 60
        while not _has_two_readings(tmp_path) and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    with os.fdopen(reading, "rb") as file:
        text = file.read().lstrip(b".").decode()
    assert text.endswith("\n")
    assert stamps(text.splitlines()) == sorted(stamps(text.splitlines()))


def _has_two_readings(state_dir: Path) -> bool:
    with Resources(RuntimeSettings(state_dir=state_dir)) as resources:
        return any(extent.first < extent.last for extent in resources.edge.extents())


def test_a_stopped_fleet_leaves_its_finished_rows_and_no_process(tmp_path: Path):
    output, partial = tmp_path / "fleet.jsonl", tmp_path / "fleet.partial.jsonl"
    span = ["--historical", "--start", "2024-01-01", "--end", "2025-01-01", "--interval", "900", "--sites", "2000"]
    with start([*SIMULATE, *span, "--output", str(output)], tmp_path / "var", stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while (not partial.exists() or partial.stat().st_size == 0) and time.monotonic() < deadline:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        assert process.stderr is not None
        told = process.stderr.read()
        assert process.wait(timeout=30) == 130
    assert not output.exists()
    lines = partial.read_text("utf-8").splitlines()
    assert len(stamps(lines)) == len(lines) > 0
    assert f"{len(lines):,} readings, until {json.loads(lines[-1])['timestamp']}" in told
    assert "Traceback" not in told
    while _lives(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _lives(process.pid)


def _lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _can_mount() -> bool:
    trial = ["unshare", "-rm", "sh", "-c", "mount -t tmpfs none /mnt"]
    try:
        return subprocess.run(trial, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not _can_mount(), reason="file systems may not be mounted here")
@pytest.mark.parametrize(("ending", "end", "size"), [(".jsonl", "2024-02-01", "1m"), (".parquet", "2027-06-01", "28m")])
def test_a_full_disk_keeps_what_was_finished(tmp_path: Path, ending: str, end: str, size: str):
    disk, kept = tmp_path / "disk", tmp_path / f"kept{ending}"
    disk.mkdir()
    command = [*SIMULATOR, "--historical", "--start", "2024-01-01", "--end", end, "--output", f"{disk}/year{ending}"]
    script = """mount -t tmpfs -o size="$1" none "$2"; folder="$2"; kept="$3"; shift 3
                "$@"; status=$?; cp "$folder"/* "$kept"; ls "$folder"; exit $status"""
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, "sh", size, str(disk), str(kept), *command],
        cwd=ROOT, env=environment(tmp_path / "var"), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert done.stdout.split() == [f"year.partial{ending}"]
    rows = len(stamps(kept.read_text("utf-8").splitlines())) if ending == ".jsonl" else len(pd.read_parquet(kept))
    assert rows > 0
    error = done.stderr.splitlines()[-1]
    assert "No space left on device" in error
    assert f"{rows:,} readings, until 202" in error
    assert "free space or choose another folder" in error
