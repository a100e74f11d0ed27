"""The command as a person types it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.features.main import cli
from shared.adapters.embedded.cloud_store import SqliteCloudStore
from tests.factories import a_site, readings

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DER_STATE_DIR", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["run_feature_engineering.py"])
    return tmp_path


@pytest.fixture
def history(state: Path) -> None:
    cloud = SqliteCloudStore(state / "cloud.sqlite")
    cloud.sites.put(a_site(resolution=HOUR, live=False))
    cloud.readings.upsert(readings(hours=240, step=HOUR), stored_at=datetime(2024, 7, 1, tzinfo=UTC))
    cloud.close()


@pytest.mark.usefixtures("history")
def test_once_builds_the_lookback_and_status_shows_it(capsys: pytest.CaptureFixture[str]):
    assert cli(["--once", "--lookback-days", "5"]) == 0
    heading, row = capsys.readouterr().out.splitlines()
    assert heading.split()[:2] == ["site", "rows"]
    assert row.split()[:2] == ["home", str(5 * 24 + 49)]
    assert cli(["--status"]) == 0
    heading, row = capsys.readouterr().out.splitlines()
    assert "good" in heading
    assert "100.0%" in row


@pytest.mark.usefixtures("history")
def test_the_environment_sets_lookback_window_and_site(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("FE_LOOKBACK_DAYS", "2")
    monkeypatch.setenv("FE_ROLLING_WINDOW_DAYS", "5")
    monkeypatch.setenv("FE_SITE_ID", "home")
    assert cli(["--once"]) == 0
    row = capsys.readouterr().out.splitlines()[1]
    assert row.split()[1] == str(2 * 24 + 49)
    assert "5d-" in row


@pytest.mark.parametrize("mode", ["--once", "--status"])
def test_an_empty_store_says_what_to_do_next(mode: str, capsys: pytest.CaptureFixture[str]):
    assert cli([mode]) == 0
    assert "run_cloud_sync.py" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("environment", "argv", "words"),
    [
        ({}, ["--once", "--interval", "5"], "--interval goes with --continuous"),
        ({}, ["--status", "--lookback-days", "5"], "--lookback-days goes with --once"),
        ({"FE_SITE_ID": "nobody"}, ["--once"], "site 'nobody' is not in the cloud store"),
        ({"FE_LOOKBACK_DAYS": "soon"}, ["--once"], "FE_LOOKBACK_DAYS is 'soon'"),
        ({"FE_ROLLING_WINDOW_DAYS": "0"}, ["--status"], "FE_ROLLING_WINDOW_DAYS is '0'"),
        ({"FE_BATCH_SIZE": "-3"}, ["--once"], "FE_BATCH_SIZE is '-3'"),
    ],
)
def test_what_cannot_be_is_one_line_and_status_2(
    environment: dict[str, str], argv: list[str], words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert cli(argv) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("argv", [[], ["--once", "--status"], ["--once", "--lookback-days", "0"]])
def test_wrong_options_are_one_line_and_status_2(argv: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ending:
        cli(argv)
    assert ending.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("run_feature_engineering.py: ")
    assert error.count("\n") == 1
