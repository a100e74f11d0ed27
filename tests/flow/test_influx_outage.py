"""A gateway whose InfluxDB is not there yet, dies, and comes back: the readings do not mind."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from shared.adapters.distributed.influx import InfluxEdgeStore
from shared.domain.time import Interval
from tests.flow.processes import Living, der, living, script
from tests.live.influx_server import ORG, TOKEN, InfluxServer, serving

EVER = Interval(start=datetime(2000, 1, 1, tzinfo=UTC), end=datetime(2200, 1, 1, tzinfo=UTC))
CANARY = "canary-0123456789-never-to-be-seen"


@pytest.fixture
def port() -> int:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return place.getsockname()[1]


@contextmanager
def server_process(folder: Path, port: int) -> Iterator[Living]:
    with living("-m", "tests.live.influx_server", "--folder", str(folder), "--port", str(port), state_dir=folder) as server:
        server.wait_until_it_says("listening")
        yield server


def options(port: int, token: str = TOKEN) -> list[str]:
    return ["--enable-influxdb", "--influxdb-url", f"http://127.0.0.1:{port}", "--influxdb-token", token]


def on_server(port: int) -> pd.DataFrame:
    store = InfluxEdgeStore(url=f"http://127.0.0.1:{port}", token=TOKEN, org=ORG, bucket="der-data", retention=None)
    with closing(store):
        return store.read(site_id="edge-gateway-001", interval=EVER, limit=100_000)


def readings_of(program: Living) -> list[str]:
    return [json.loads(line)["timestamp"] for line in program.lines if line.startswith("{")]


def wait_for_readings(program: Living, count: int) -> None:
    deadline = time.monotonic() + 60
    while len(readings_of(program)) < count:
        assert time.monotonic() < deadline, program.said
        time.sleep(0.05)


def test_what_the_server_misses_before_it_starts_and_while_it_is_dead_arrives_once(tmp_path: Path, port: int) -> None:
    folder = tmp_path / "influx"
    with living("run_simulator.py", "--continuous", "--interval", "1", *options(port), state_dir=tmp_path / "var") as simulator:
        simulator.wait_until_it_says("step failed.*mirror")
        wait_for_readings(simulator, 2)
        with server_process(folder, port) as server:
            simulator.wait_until_it_says("step works again.*mirror")
            server.process.kill()
            server.process.wait()
            count = len(readings_of(simulator))
            wait_for_readings(simulator, count + 3)
        with server_process(folder, port):
            simulator.wait_until_it_says("(?s)works again.*works again")
            status, seconds = simulator.stop()
            # what was recorded in the last moment is the next run's to write
            once = script("run_simulator.py", "--once", *options(port), state_dir=tmp_path / "var")
            stored = on_server(port)
    assert (status, once.returncode) == (0, 0), simulator.said + once.stderr
    assert seconds < 8
    assert [stamp.isoformat() for stamp in stored["timestamp"]] == [*readings_of(simulator), json.loads(once.stdout)["timestamp"]]
    assert simulator.said.count("step failed") == simulator.said.count("step works again") == 2
    assert "Traceback" not in simulator.said
    assert TOKEN not in simulator.said


def test_a_single_reading_is_kept_until_the_server_is_there(tmp_path: Path) -> None:
    state, server = tmp_path / "var", InfluxServer(tmp_path / "influx")
    with server:
        address = int(server.url.rsplit(":", 1)[1])
    first = script("run_simulator.py", "--once", *options(address, CANARY), state_dir=state)
    assert first.returncode == 0
    assert len(first.stdout.splitlines()) == 1
    (line,) = first.stderr.splitlines()
    assert line.startswith("warning: InfluxDB at")
    assert "the next run with --enable-influxdb writes them" in line
    with server:
        refused = script("run_simulator.py", "--once", *options(address, CANARY), state_dir=state)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert len(refused.stderr.splitlines()) == 1
        assert "refuses the token" in refused.stderr
        second = script("run_simulator.py", "--once", *options(address), state_dir=state)
        assert second.returncode == 0, second.stderr
        moments = [json.loads(run.stdout)["timestamp"] for run in (first, second)]
        assert [stamp.isoformat() for stamp in on_server(address)["timestamp"]] == moments
    said = "".join(
        [first.stdout, first.stderr, refused.stderr, *(path.read_bytes().decode("latin-1") for path in state.rglob("*") if path.is_file())]
    )
    assert CANARY not in said


def test_days_of_history_are_copied_as_far_as_the_bucket_keeps_them(tmp_path: Path) -> None:
    with serving(tmp_path / "influx") as server:
        words = ["--influxdb-url", server.url, "--influxdb-token", TOKEN, "--influxdb-retention-days", "2"]
        done = der("simulate", "--days", "3", "--enable-influxdb", *words, state_dir=tmp_path / "var")
        assert done.returncode == 0, done.stderr
        stored = on_server(int(server.url.rsplit(":", 1)[1]))
    span = stored["timestamp"].max() - stored["timestamp"].min()
    assert timedelta(hours=46) < span <= timedelta(hours=48)
    assert len(stored) == span / timedelta(minutes=5) + 1
    assert f"{len(stored):,} of them" in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--enable-influxdb"], "set INFLUXDB_TOKEN, or give --influxdb-token TOKEN"),
        (["--enable-influxdb", "--influxdb-token", " "], "set INFLUXDB_TOKEN, or give --influxdb-token TOKEN"),
        (
            ["--enable-influxdb", "--influxdb-token", CANARY, "--influxdb-url", "ftp://here"],
            "INFLUXDB_URL is 'ftp://here': must be http://HOST:PORT",
        ),
        (
            ["--enable-influxdb", "--influxdb-token", CANARY, "--influxdb-url", f"http://me:{CANARY}@here"],
            "INFLUXDB_URL is 'http://***@here'",
        ),
        (["--enable-influxdb", "--influxdb-token", CANARY, "--influxdb-bucket", ""], "--influxdb-bucket (INFLUXDB_BUCKET) is empty"),
        (["--enable-influxdb", "--influxdb-token", f"{CANARY}ö"], "INFLUXDB_TOKEN"),
        (["--enable-influxdb", "--influxdb-token", CANARY, "--influxdb-retention-days", "0"], "from 1 to 36500"),
        (["--influxdb-org", "mine"], "--influxdb-org: add --enable-influxdb, or leave it out"),
    ],
)
def test_what_cannot_be_is_one_line_with_the_remedy(words, told, tmp_path, capsys, monkeypatch) -> None:
    from services.gateway_sim.main import cli

    monkeypatch.setenv("DER_STATE_DIR", str(tmp_path))
    monkeypatch.delenv("INFLUXDB_TOKEN", raising=False)
    try:
        status = cli(["--once", *words])
    except SystemExit as end:
        status = end.code
    said = capsys.readouterr()
    assert (status, said.out) == (2, "")
    (line,) = said.err.splitlines()
    assert told in line
    assert CANARY not in line


def test_the_command_line_beats_the_environment_and_that_the_default(tmp_path, monkeypatch) -> None:
    import argparse

    from services.gateway_sim.influx import add_influx_arguments, influx_settings

    parser = argparse.ArgumentParser()
    add_influx_arguments(parser)
    monkeypatch.setenv("INFLUXDB_TOKEN", CANARY)
    monkeypatch.setenv("INFLUXDB_ORG", "from-the-environment")
    monkeypatch.setenv("INFLUXDB_BUCKET", "from-the-environment")
    found = influx_settings(parser.parse_args(["--enable-influxdb", "--influxdb-bucket", "from-the-command-line"]))
    assert found is not None
    assert (found.url, found.org, found.bucket, found.retention_days) == (
        "http://localhost:8086", "from-the-environment", "from-the-command-line", 7,
    )  # fmt: skip
    assert CANARY not in repr(found)


def test_an_address_in_the_environment_is_unused_only_without_the_option(tmp_path, monkeypatch, capsys) -> None:
    from services.gateway_sim.main import cli

    with serving(tmp_path / "influx") as server:
        for name, value in {"DER_STATE_DIR": str(tmp_path / "var"), "INFLUXDB_URL": server.url, "INFLUXDB_TOKEN": TOKEN}.items():
            monkeypatch.setenv(name, value)
        assert cli(["--once", "--enable-influxdb"]) == 0
        assert capsys.readouterr().err == ""
        assert cli(["--once"]) == 0
        assert "add --enable-influxdb to copy the readings there" in capsys.readouterr().err


def test_history_goes_to_its_file_alone_and_says_so(tmp_path, monkeypatch, capsys) -> None:
    from services.gateway_sim.main import cli

    monkeypatch.setenv("DER_STATE_DIR", str(tmp_path / "var"))
    words = ["--historical", "--start", "2024-03-01", "--end", "2024-03-02", "--output", str(tmp_path / "x.jsonl")]
    assert cli([*words, *options(1)]) == 0
    assert "--historical writes its file alone" in capsys.readouterr().err
    assert len((tmp_path / "x.jsonl").read_bytes().splitlines()) == 288
