"""The home of a configuration that names a weather file."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from services.gateway_sim.main import build, cli, home_of
from services.gateway_sim.plant.home import surroundings
from services.gateway_sim.settings import GatewayConfiguration
from shared.domain.errors import InvalidValueError
from shared.domain.time import Interval, TimeGrid
from shared.runtime.cli import UsageError
from shared.runtime.resources import Resources
from shared.runtime.settings import RuntimeSettings

START = datetime(2024, 6, 15, tzinfo=UTC)
DAY = Interval(start=START, end=START + timedelta(days=1))


@pytest.fixture
def resources(tmp_path: Path) -> Resources:
    return Resources(RuntimeSettings(state_dir=tmp_path))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "weather.csv"
    rows = [f"{(START + timedelta(hours=hour)).isoformat()},33.5,{0 if hour % 24 < 12 else 50}" for hour in range(48)]
    path.write_text("\n".join(["timestamp,temperature_celsius,ghi_w_m2", *rows]))
    return path


def test_the_home_lives_in_the_weather_of_the_file(resources: Resources, file: Path):
    home = home_of(resources, GatewayConfiguration(weather_file=str(file)), DAY)
    around = surroundings(home, TimeGrid(start=START + timedelta(hours=13), step=timedelta(minutes=15), count=40))
    np.testing.assert_allclose(around.outdoor_celsius, 33.5)
    assert 20.0 < around.solar.irradiance_w_m2.max() < 80.0
    # without rows before it the morning is the simulated one
    assert abs(surroundings(home, TimeGrid(start=START - timedelta(days=1), step=timedelta(hours=1), count=1)).outdoor_celsius[0]) < 33.0


def test_a_file_of_other_days_is_refused_with_the_days_that_it_has(resources: Resources, file: Path):
    years_later = Interval(start=START + timedelta(days=900), end=START + timedelta(days=930))
    with pytest.raises(UsageError, match="2024-06-15 to 2024-06-16") as problem:
        home_of(resources, GatewayConfiguration(weather_file=str(file)), years_later)
    assert "\n" not in str(problem.value)


def test_a_living_gateway_is_not_content_with_the_weather_of_other_years(resources: Resources, file: Path):
    with pytest.raises(UsageError, match="says nothing of the simulated time"):
        build(resources, GatewayConfiguration(weather_file=str(file)))


@pytest.mark.parametrize(("end", "said"), [("2024-06-17", None), ("2024-06-19", "covers 50 %")])
def test_what_a_file_leaves_to_the_simulation_is_said_once(
    *, end: str, said: str | None, tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("DER_STATE_DIR", str(tmp_path / "var"))
    config = tmp_path / "home.json"
    config.write_text(json.dumps({"weather_file": str(file)}))
    arguments = ["--historical", "--start", "2024-06-15", "--end", end, "--interval", "3600", "--output", str(tmp_path / "out.csv")]
    assert cli([*arguments, "--config", str(config)]) == 0
    notes = [line for line in capsys.readouterr().err.splitlines() if "simulated weather" in line]
    assert len(notes) == (said is not None)
    assert said is None or said in notes[0]


def test_a_file_that_is_not_there_is_named(resources: Resources):
    with pytest.raises(InvalidValueError, match=r"nowhere\.csv"):
        home_of(resources, GatewayConfiguration(weather_file="nowhere.csv"), DAY)


def test_a_history_is_made_in_the_weather_of_the_file_and_a_wrong_file_ends_it_with_one_line(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("DER_STATE_DIR", str(tmp_path / "var"))
    config, output = tmp_path / "home.json", tmp_path / "day.parquet"
    config.write_text(json.dumps({"weather_file": str(file), "solar": {"latitude": 50.0, "longitude": 0.0}}))
    arguments = ["--historical", "--start", "2024-06-15", "--end", "2024-06-16", "--output", str(output), "--config", str(config)]
    assert cli(arguments) == 0
    readings = pd.read_parquet(output)
    afternoon = readings[readings["timestamp"] > pd.Timestamp("2024-06-15T13:00Z")]
    assert readings["solar_irradiance_w_m2"].iloc[108:132].max() == 0.0  # from nine to eleven, under a sun that was measured as nothing
    assert 20.0 < afternoon["solar_irradiance_w_m2"].max() < 80.0
    file.write_text(file.read_text().replace("33.5", "333.5"))
    output.unlink()
    assert cli(arguments) == 2
    problem = capsys.readouterr().err.strip().splitlines()[-1]
    assert "temperature_celsius at line 2" in problem
    assert not output.exists()
