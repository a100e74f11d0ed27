"""The command as a person types it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.sync.main import SYNC, cli
from shared.adapters.distributed.influx import InfluxEdgeStore
from shared.adapters.embedded.edge_store import SqliteEdgeStore
from shared.runtime.command import script
from tests.factories import readings
from tests.live.influx_server import ORG, TOKEN, InfluxServer, serving


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
        (
            ["--once", "--influxdb-token", " "],
            "InfluxDB at http://localhost:8086 needs a token: set INFLUXDB_TOKEN, or give --influxdb-token",
        ),
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


def test_a_token_without_an_address_is_said_to_be_unused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("INFLUXDB_TOKEN", "canary")
    assert cli(["--status"]) == 0
    error = capsys.readouterr().err
    assert "INFLUXDB_TOKEN is set but not used: set INFLUXDB_URL, too" in error
    assert "canary" not in error


def test_status_as_json_tells_the_same_to_a_program(state: Path, capsys: pytest.CaptureFixture[str]):
    now = datetime.now(UTC)
    edge = SqliteEdgeStore(state / "edge.sqlite")
    edge.write(readings(start=now - timedelta(days=2), hours=24))
    assert cli(["--once"]) == 0
    edge.write(readings(start=now - timedelta(hours=1), hours=1))
    edge.close()
    capsys.readouterr()
    assert script(SYNC, ["--status", "--json"]) == 0
    (site,) = json.loads(capsys.readouterr().out)["sites"]
    assert (site["site_id"], site["backlog_rows"], site["cloud_rows"], site["refused_rows"]) == ("home", 4, 96, 0)
    assert site["lag_seconds"] == pytest.approx(24 * 3600, abs=1)
    assert site["rows_per_second"] == pytest.approx(96 / 60)
    assert site["last_copy"]["rows"] == 96
    assert site["last_error"] is None


@pytest.fixture
def influx(tmp_path: Path) -> Iterator[InfluxServer]:
    with serving(tmp_path / "influx") as server:
        yield server


def bucket_of(server: InfluxServer) -> InfluxEdgeStore:
    store = InfluxEdgeStore(url=server.url, token=TOKEN, org=ORG, bucket="der-data", retention=timedelta(days=7))
    store.prepare()
    return store


def test_the_edge_is_read_from_influxdb_where_address_and_token_are_given_and_the_command_line_beats_the_environment(
    influx: InfluxServer, state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("INFLUXDB_URL", influx.url)
    monkeypatch.setenv("INFLUXDB_TOKEN", "an-old-one")
    assert cli(["--once", "--influxdb-token", TOKEN]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "there is no bucket 'der-data'" in line
    assert "INFLUXDB_BUCKET" in line
    store = bucket_of(influx)
    monkeypatch.setenv("INFLUXDB_TOKEN", TOKEN)
    assert cli(["--once"]) == 0
    assert "run_simulator.py --once --enable-influxdb" in capsys.readouterr().out
    store.write(readings(start=datetime.now(UTC) - timedelta(days=1)))
    store.close()
    assert cli(["--once"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:2] == ["home", "96"]
    assert not (state / "edge.sqlite").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"INFLUXDB_TOKEN": "canary"}, "refuses the token"),
        ({"INFLUXDB_ORG": "nobody"}, "has no organization 'nobody'; correct INFLUXDB_ORG"),
        ({"INFLUXDB_BUCKET": "elsewhere"}, "there is no bucket 'elsewhere'"),
        ({"INFLUXDB_URL": "ftp://localhost"}, "INFLUXDB_URL is 'ftp://localhost': must be http://HOST:PORT"),
        ({"INFLUXDB_URL": "http://127.0.0.1:1"}, "does not answer (Connection refused); start it, or correct INFLUXDB_URL"),
    ],
)
@pytest.mark.parametrize("mode", ["--once", "--status"])
def test_what_a_person_must_mend_of_influxdb_is_one_line(  # noqa: PLR0917  # fixtures
    influx: InfluxServer,
    changes: dict[str, str],
    words: str,
    mode: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    bucket_of(influx).close()
    for name, value in {"INFLUXDB_URL": influx.url, "INFLUXDB_TOKEN": TOKEN, **changes}.items():
        monkeypatch.setenv(name, value)
    assert cli([mode]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line
    assert "canary" not in line
