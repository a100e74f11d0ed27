import json
import sys
from datetime import timedelta

import pytest

from services.forecaster import main
from shared.adapters.embedded.cloud_store import SqliteCloudStore
from shared.runtime.command import script
from tests.factories import readings
from tests.unit.forecaster.tables import a_catalog
from tests.unit.forecaster.test_service import DYNAMIC, HOME, NOW, TABLE

MODEL_VARIABLES = ("FORECAST_MODEL_DIR", "FORECAST_TEST_SIZE")


@pytest.fixture
def state(tmp_path, monkeypatch):
    """An empty state folder that the environment names."""
    folder = tmp_path / "state"
    monkeypatch.setenv("DER_STATE_DIR", str(folder))
    monkeypatch.setattr(sys, "argv", ["run_model_training.py"])
    for name in MODEL_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return folder


def fill(state, *, features: bool = True) -> None:
    """A site whose newest reading, and so its "now", is at the end of its features."""
    state.mkdir(parents=True, exist_ok=True)
    cloud = SqliteCloudStore(state / "cloud.sqlite")
    cloud.sites.put(HOME)
    cloud.tariffs.put("home", DYNAMIC)
    cloud.readings.upsert(readings(start=NOW - timedelta(hours=1), hours=1), stored_at=NOW)
    if features:
        cloud.features.write(site_id="home", catalog=a_catalog(), rows=TABLE)
    cloud.close()


def one_line(capsys) -> str:
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize("options", [["--train"], ["--evaluate"], ["--status"]])
def test_an_empty_store_says_what_to_run_first(state, capsys, options):
    assert main.cli(options) == 2
    assert "run_simulator.py" in one_line(capsys)


def test_a_site_without_features_says_what_to_run_first(state, capsys):
    fill(state, features=False)
    assert main.cli(["--train"]) == 2
    assert "run_feature_engineering.py" in one_line(capsys)


@pytest.mark.parametrize("value", ["0", "1", "1.5", "half"])
def test_a_wrong_test_size_is_named(state, capsys, monkeypatch, value):
    fill(state)
    monkeypatch.setenv("FORECAST_TEST_SIZE", value)
    assert main.cli(["--train"]) == 2
    assert "FORECAST_TEST_SIZE" in one_line(capsys)


def test_an_unknown_site_is_named(state, capsys):
    fill(state)
    assert script(main.TRAIN, ["--status", "--site", "cottage"]) == 2
    assert "'cottage'" in one_line(capsys)


def test_a_model_folder_that_is_a_file_is_refused(state, capsys, tmp_path):
    fill(state)
    (tmp_path / "models.txt").touch()
    assert main.cli(["--train", "--model-dir", str(tmp_path / "models.txt")]) == 2
    assert "name a folder" in one_line(capsys)


def test_the_command_line_s_model_folder_beats_the_environment_s(state, capsys, monkeypatch, tmp_path):
    fill(state)
    monkeypatch.setenv("FORECAST_MODEL_DIR", str(tmp_path / "elsewhere"))
    assert main.cli(["--train", "--model-dir", str(tmp_path / "here")]) == 0
    assert "better than" in capsys.readouterr().out
    assert list((tmp_path / "here").rglob("trees.ubj"))
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("options", [["--train", "--status"], []])
def test_exactly_one_mode_is_wanted(state, capsys, options):
    with pytest.raises(SystemExit, match="2"):
        main.cli(options)
    assert "--help" in one_line(capsys)


def test_the_subcommand_trains_where_no_mode_is_given(state, capsys, tmp_path):
    fill(state)
    assert script(main.TRAIN, ["--model-dir", str(tmp_path / "here")]) == 0
    assert "better than" in capsys.readouterr().out
    assert list((tmp_path / "here").rglob("trees.ubj"))


def test_the_subcommand_takes_one_mode_at_most(state, capsys):
    with pytest.raises(SystemExit, match="2"):
        script(main.TRAIN, ["--evaluate", "--status"])
    assert "--help" in one_line(capsys)


def test_status_before_any_training_names_the_baseline(state, capsys):
    fill(state)
    assert main.cli(["--status"]) == 0
    shown = capsys.readouterr().out
    assert "baseline" in shown
    assert "no model has been trained" in shown


def test_a_forecast_is_printed_by_the_hour_with_its_band(state, capsys):
    fill(state)
    assert script(main.FORECAST, ["--site", "home"]) == 0
    shown = capsys.readouterr().out
    assert "80 % band" in shown
    assert len([line for line in shown.splitlines() if " to " in line]) == 48


def test_a_forecast_as_json_is_the_document_of_the_wire(state, capsys):
    fill(state)
    assert script(main.FORECAST, ["--json"]) == 0
    documents = json.loads(capsys.readouterr().out)
    assert [document["target"] for document in documents] == ["load", "solar", "price"]
    assert len(documents[0]["quantiles"]["0.5"]) == 48


def test_an_evaluation_can_be_written_as_a_page(state, capsys, monkeypatch, tmp_path):
    fill(state)
    monkeypatch.setenv("FORECAST_TEST_SIZE", "0.05")
    assert script(main.TRAIN, ["--evaluate", "--report", str(tmp_path / "page.html")]) == 0
    page = (tmp_path / "page.html").read_text()
    assert page.count("<h2>") == 3
    assert "page.html" in capsys.readouterr().err


def test_a_report_without_an_evaluation_is_refused(state, capsys, tmp_path):
    assert script(main.TRAIN, ["--status", "--report", str(tmp_path / "page.html")]) == 2
    assert "--evaluate" in one_line(capsys)


def test_a_report_that_cannot_be_written_is_named(state, capsys, monkeypatch, tmp_path):
    fill(state)
    monkeypatch.setenv("FORECAST_TEST_SIZE", "0.05")
    assert script(main.TRAIN, ["--evaluate", "--report", str(tmp_path / "nowhere" / "page.html")]) == 2
    assert "--report" in capsys.readouterr().err


def test_a_person_goes_back_to_what_served_before(state, capsys):
    fill(state)
    assert script(main.TRAIN, ["--rollback", "load", "--site", "home"]) == 0
    assert "home load: a baseline serves again" in capsys.readouterr().out
