"""Faults by configuration: in histories alone, labelled, and never unnoticed."""

import json
from pathlib import Path

import pandas as pd
import pytest

from services.gateway_sim.main import cli
from services.gateway_sim.plant.faults import Faults
from services.gateway_sim.settings import GatewayConfiguration, read_configuration
from shared.runtime.cli import UsageError


@pytest.fixture(autouse=True)
def state_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DER_STATE_DIR", str(tmp_path / "var"))
    return tmp_path / "var"


def configured(folder: Path, **document: object) -> str:
    path = folder / "home.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return str(path)


def test_a_history_with_faults_has_its_labels_beside_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    config, output = configured(tmp_path, faults={"gaps_per_day": 6}), tmp_path / "march.csv"
    assert cli(["--historical", "--start", "2024-03-01", "--end", "2024-03-02", "--output", str(output), "--config", config]) == 0
    readings, labels = pd.read_csv(output), pd.read_csv(tmp_path / "march.faults.csv")
    assert len(readings) + len(labels) == 288
    assert 0 < len(labels) < 288
    assert not set(readings["timestamp"]) & set(labels["timestamp"])
    assert f"{len(labels)} labels" in capsys.readouterr().err


@pytest.mark.parametrize("mode", ["--once", "--continuous", "--scheduled"])
def test_living_modes_refuse_faults_because_nothing_would_label_them(mode: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert cli([mode, "--config", configured(tmp_path, faults={"spikes_per_day": 1})]) == 2
    assert "--historical" in capsys.readouterr().err


def test_faults_that_are_written_as_none_are_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert cli(["--once", "--config", configured(tmp_path, faults={"spikes_per_day": 0, "gap_minutes": 5})]) == 0
    assert capsys.readouterr().out.count("\n") == 1


def test_the_configurations_defaults_are_the_plants():
    assert GatewayConfiguration().faults.to_faults() == Faults()


@pytest.mark.parametrize(("field", "value"), [("gaps_per_day", -1), ("gap_minutes", 0), ("spikes_per_day", 1e6), ("typos_per_day", 1)])
def test_an_impossible_fault_is_named_with_its_path(field: str, value: float, tmp_path: Path):
    with pytest.raises(UsageError, match=rf"faults\.{field}"):
        read_configuration(Path(configured(tmp_path, faults={field: value})))
