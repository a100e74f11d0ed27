"""The command as a person types it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.sync.main import cli
from shared.adapters.embedded.edge_store import SqliteEdgeStore
from tests.factories import readings


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DER_STATE_DIR", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["run_cloud_sync.py"])
    return tmp_path


def test_once_copies_and_status_shows_it(state: Path, capsys: pytest.CaptureFixture[str]):
    edge = SqliteEdgeStore(state / "edge.sqlite")
    edge.write(readings(start=datetime.now(UTC) - timedelta(days=2)))
    edge.close()
    assert cli(["--once"]) == 0
    heading, row = capsys.readouterr().out.splitlines()
    assert heading.split()[:2] == ["site", "new"]
    assert row.split()[:2] == ["home", "96"]
    assert cli(["--status"]) == 0
    heading, row = capsys.readouterr().out.splitlines()
    assert "backlog" in heading
    assert "0:00:00" in row


@pytest.mark.parametrize("mode", ["--once", "--status"])
def test_an_empty_store_says_what_to_do_next(mode: str, capsys: pytest.CaptureFixture[str]):
    assert cli([mode]) == 0
    assert "run_simulator.py" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--once", "--influxdb-token", "t"], "--influxdb-token: an InfluxDB edge store is not available yet; leave it out"),
        (["--once", "--interval", "5"], "--interval goes with --continuous"),
    ],
)
def test_what_cannot_be_is_one_line_and_status_2(argv: list[str], words: str, capsys: pytest.CaptureFixture[str]):
    assert cli(argv) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("argv", [[], ["--once", "--status"], ["--continuous", "--interval", "0"], ["--now"]])
def test_wrong_options_are_one_line_and_status_2(argv: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ending:
        cli(argv)
    assert ending.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("run_cloud_sync.py: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize(("name", "value"), [("SYNC_BATCH_SIZE", "many"), ("SYNC_BATCH_SIZE", "0"), ("SYNC_INTERVAL_SECONDS", "-1")])
def test_a_wrong_environment_value_is_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv(name, value)
    assert cli(["--once"]) == 2
    error = capsys.readouterr().err
    assert f"{name} is {value!r}" in error
    assert error.count("\n") == 1


def test_a_server_named_in_the_environment_is_said_to_be_unused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("INFLUXDB_URL", "http://localhost:8086")
    assert cli(["--status"]) == 0
    assert "INFLUXDB_URL is set but not used" in capsys.readouterr().err
