"""The commands, through their front door."""

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from services.gateway_sim import main
from services.gateway_sim.files.reading_file import too_long_for_its_disk
from services.gateway_sim.main import SIMULATE, SIMULATOR, cli, default_home
from services.gateway_sim.settings import GatewayConfiguration
from shared.contracts.readings import ReadingDocument
from shared.domain.reading import READING_COLUMNS, VALUE_COLUMNS
from shared.domain.time import Interval
from shared.runtime.cli import Parser
from shared.runtime.command import Command, script
from shared.runtime.resources import Resources
from shared.runtime.settings import RuntimeSettings

SAMPLE = {
    "timestamp": "2024-06-15T14:30:00+00:00", "device_id": "edge-gateway-001",
    "solar": {"generation_kw": 7.5, "irradiance_w_m2": 900.0, "panel_temp_celsius": 40.0, "efficiency_percent": 17.5},
    "battery": {"soc_percent": 65.0, "capacity_kwh": 13.5, "power_kw": 2.0, "voltage_v": 51.5, "temperature_celsius": 30.0,
                "cycles": 200, "health_percent": 97.0},
    "home_load": {"total_load_kw": 3.5, "hvac_kw": 1.5, "appliances_kw": 1.0, "lighting_kw": 0.3, "ev_charging_kw": 0.0, "other_kw": 0.7},
    "grid_price": {"price_per_kwh": 0.28, "feed_in_tariff": 0.08, "demand_charge": 10.0, "time_of_use_period": "peak",
                   "carbon_intensity_g_kwh": 380.0},
    "net_grid_flow_kw": -2.0,
}  # fmt: skip
SCRIPT = Path(__file__).parents[3] / "run_simulator.py"
FOREVER = Interval(start=datetime(2000, 1, 1, tzinfo=UTC), end=datetime(2100, 1, 1, tzinfo=UTC))


@pytest.fixture(autouse=True)
def state_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DER_STATE_DIR", str(tmp_path / "var"))
    return tmp_path / "var"


def shape(document: dict[str, object]) -> list[object]:
    return [(key, list(value)) if isinstance(value, dict) else key for key, value in document.items()]


def stored(state_dir: Path, site_id: str = "edge-gateway-001") -> pd.DataFrame:
    with Resources(RuntimeSettings(state_dir=state_dir)) as resources:
        return resources.edge.read(site_id=site_id, interval=FOREVER, limit=1_000_000)


def test_once_prints_one_line_in_the_customers_shape_and_stores_it(state_dir: Path, capsys: pytest.CaptureFixture[str]):
    assert cli(["--once"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    document = json.loads(line)
    assert shape(document) == shape(SAMPLE)
    reading = ReadingDocument.model_validate(document)
    assert abs(reading.timestamp - datetime.now(UTC)) < timedelta(minutes=2)
    assert list(stored(state_dir)["timestamp"]) == [reading.timestamp]


def test_a_printed_line_balances(capsys: pytest.CaptureFixture[str]):
    cli(["--once"])
    document = json.loads(capsys.readouterr().out)
    load = document["home_load"]
    parts = load["hvac_kw"] + load["appliances_kw"] + load["lighting_kw"] + load["ev_charging_kw"] + load["other_kw"]
    assert load["total_load_kw"] == pytest.approx(parts, abs=1e-9)
    flow = load["total_load_kw"] + document["battery"]["power_kw"] - document["solar"]["generation_kw"]
    assert document["net_grid_flow_kw"] == pytest.approx(flow, abs=1e-9)


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_history_is_written_in_the_form_of_its_ending(tmp_path: Path, ending: str):
    output = tmp_path / f"history.{ending}"
    assert cli(["--historical", "--start", "2024-03-01", "--end", "2024-03-03", "--output", str(output), "--interval", "900"]) == 0
    if ending == "jsonl":
        documents = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
        assert shape(documents[0]) == shape(SAMPLE)
        stamps = [document["timestamp"] for document in documents]
    else:
        frame = pd.read_csv(output) if ending == "csv" else pd.read_parquet(output)
        assert tuple(frame.columns) == READING_COLUMNS
        assert frame[list(VALUE_COLUMNS)].notna().all().all()
        stamps = list(frame["timestamp"]) if ending == "csv" else [stamp.isoformat() for stamp in frame["timestamp"]]
    assert len(stamps) == 192
    assert (stamps[0], stamps[-1]) == ("2024-03-01T00:00:00+00:00", "2024-03-02T23:45:00+00:00")
    assert list(tmp_path.iterdir()) == [output]


def test_a_fleet_is_simulated_into_one_file_in_the_order_of_its_sites(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    options = ["--historical", "--start", "2024-03-01", "--end", "2024-03-02", "--interval", "3600"]
    by_option, by_field = tmp_path / "option.csv", tmp_path / "field.csv"
    assert script(SIMULATE, [*options, "--output", str(by_option), "--sites", "3"]) == 0
    assert "wrote 72 readings" in capsys.readouterr().err
    (tmp_path / "fleet.json").write_text('{"sites": 3}', encoding="utf-8")
    assert cli([*options, "--output", str(by_field), "--config", str(tmp_path / "fleet.json")]) == 0
    assert by_option.read_bytes() == by_field.read_bytes()
    sites = pd.read_csv(by_option)["site_id"]
    assert list(sites) == sorted(sites)
    assert sites.nunique() == 3


@pytest.mark.parametrize("sites", ["0", "-1", "x", "1.5", "100001"])
def test_an_impossible_number_of_sites_is_refused(sites: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as end:
        script(SIMULATE, ["--historical", "--sites", sites])
    assert end.value.code == 2
    assert "--sites" in capsys.readouterr().err


def test_sites_belong_to_a_history(capsys: pytest.CaptureFixture[str]):
    assert script(SIMULATE, ["--once", "--sites", "2"]) == 2
    assert "--sites belongs to --historical" in capsys.readouterr().err


def test_every_problem_of_a_configuration_is_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "home.json"
    path.write_text('{"interval_seconds": 0, "solar": {"latitude": 95}, "holiday_calendar": "XX"}', encoding="utf-8")
    assert cli(["--once", "--config", str(path)]) == 2
    head, *problems = capsys.readouterr().err.splitlines()
    assert "home.json has 3 problems" in head
    assert [line.split()[0] for line in problems] == ["interval_seconds", "solar.latitude", "holiday_calendar"]


def test_a_home_knows_the_holidays_of_its_calendar(state_dir: Path):
    christmas = Interval(start=datetime(2024, 12, 1, tzinfo=UTC), end=datetime(2024, 12, 31, tzinfo=UTC))
    with Resources(RuntimeSettings(state_dir=state_dir)) as resources:
        for document, known in (({"timezone": "Europe/Berlin"}, True), ({"holiday_calendar": "none"}, False), ({"timezone": "UTC"}, False)):
            home = main.home_of(resources, GatewayConfiguration.model_validate(document), christmas)
            assert (date(2024, 12, 26) in home.holidays) == known, document


def test_standard_output_without_room_is_told(state_dir: Path):
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, str(SCRIPT), "--once"]
        environment = {**os.environ, "DER_STATE_DIR": str(state_dir)}
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, env=environment, check=False)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "standard output cannot be written (No space left on device)" in line


def test_an_output_file_gets_a_whole_line_each_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    output = tmp_path / "readings.jsonl"
    (tmp_path / "home.json").write_text(json.dumps({"output_file": str(output)}), encoding="utf-8")
    assert cli(["--once", "--config", str(tmp_path / "home.json")]) == 0
    assert output.read_text(encoding="utf-8") == capsys.readouterr().out


def test_history_is_the_same_file_every_time_and_another_with_another_seed(tmp_path: Path):
    (tmp_path / "seed.json").write_text('{"seed": 5}', encoding="utf-8")
    contents = []
    for name, extra in (("a", []), ("b", []), ("c", ["--config", str(tmp_path / "seed.json")])):
        output = tmp_path / f"{name}.jsonl"
        cli(["--historical", "--start", "2024-03-01", "--end", "2024-03-01T02:00:00+00:00", "--output", str(output), *extra])
        contents.append(output.read_bytes())
    assert contents[0] == contents[1] != contents[2]


def test_history_goes_to_the_configured_file_when_no_other_is_named(tmp_path: Path):
    output = tmp_path / "out.jsonl"
    (tmp_path / "home.json").write_text(json.dumps({"output_file": str(output)}), encoding="utf-8")
    options = ["--historical", "--start", "2024-03-01T00:00:00+01:00", "--end", "2024-03-01", "--config", str(tmp_path / "home.json")]
    assert cli(options) == 0
    assert len(output.read_text(encoding="utf-8").splitlines()) == 12


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            ["--historical", "--start", "2024-03-02", "--end", "2024-03-01", "--output", "x.csv"],
            "--end is 2024-03-01: must be after --start 2024-03-02",
        ),
        (["--historical", "--start", "2024-03-02", "--end", "2024-03-02", "--output", "x.csv"], "must be after --start"),
        (["--historical", "--start", "2024-03-02", "--output", "x.csv"], "needs --start and --end"),
        (["--historical", "--start", "2024-03-01", "--end", "2024-03-02"], "needs --output"),
        (["--historical", "--start", "yesterday", "--end", "2024-03-02", "--output", "x.csv"], "--start is 'yesterday'"),
        (["--historical", "--start", "2024-03-01T00:00:00", "--end", "2024-03-02", "--output", "x.csv"], "has no offset"),
        (["--historical", "--start", "2024-03-01", "--end", "2024-03-02", "--output", "x.xlsx"], ".jsonl, .csv or .parquet"),
        (["--historical", "--start", "2024-03-01", "--end", "2024-03-02", "--output", "/no/such/x.csv"], "/no/such/x.csv"),
        (["--historical", "--start", "0001-01-01", "--end", "2024-03-02", "--output", "x.csv"], "from 1950 to 2100"),
        (["--once", "--output", "x.csv"], "belong to --historical"),
        (["--once", "--config", "missing.json"], "--generate-config"),
        (["--generate-config"], "needs --config"),
        (["--once", "--enable-influxdb"], "set INFLUXDB_TOKEN, or give --influxdb-token"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line_with_the_remedy(options: list[str], told: str, capsys: pytest.CaptureFixture[str]):
    assert cli(options) == 2
    output = capsys.readouterr()
    (line,) = output.err.splitlines()
    assert told in line
    assert output.out == ""


@pytest.mark.parametrize(
    "options", [[], ["--once", "--continuous"], ["--continuous", "--interval", "0"], ["--continuous", "--interval", "1.5"], ["--onc"]]
)
def test_wrong_options_end_with_status_2(options: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as end:
        cli(options)
    assert end.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("days", ["0", "-1", "x", "nan", "1e9"])
def test_an_impossible_number_of_days_is_refused(days: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as end:
        script(SIMULATE, ["--days", days])
    assert end.value.code == 2
    assert "--days" in capsys.readouterr().err


def test_a_failed_history_leaves_an_older_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.csv").write_text("precious", encoding="utf-8")
    assert cli(["--historical", "--start", "2024-03-02", "--end", "2024-03-01", "--output", "x.csv"]) == 2
    assert (tmp_path / "x.csv").read_text(encoding="utf-8") == "precious"


def test_a_generated_configuration_can_be_used_and_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "home.json"
    assert cli(["--generate-config", "--config", str(path)]) == 0
    assert cli(["--once", "--config", str(path)]) == 0
    assert cli(["--generate-config", "--config", str(path)]) == 2
    assert "exists already" in capsys.readouterr().err


def test_days_of_history_are_stored_once(state_dir: Path, capsys: pytest.CaptureFixture[str]):
    assert script(SIMULATE, ["--days", "2"]) == 0
    rows = len(stored(state_dir))
    assert 575 <= rows <= 577
    assert script(SIMULATE, ["--days", "2"]) == 0
    assert len(stored(state_dir)) <= rows + 1
    assert "edge-gateway-001" in capsys.readouterr().err
    with Resources(RuntimeSettings(state_dir=state_dir)) as resources:
        ((site, _tariff),) = resources.announcements.sites()
        assert site.site_id == "edge-gateway-001"


def test_a_deployment_builds_the_default_home_from_here(state_dir: Path):
    with Resources(RuntimeSettings(state_dir=state_dir)) as resources:
        service = main.build(resources, default_home())
        now = resources.clock.now()
        assert main.backfill(resources, service, Interval(start=now - timedelta(hours=6), end=now)) == 72
        record = next(timer for timer in main.parts(resources, service).timers if timer.name == "record")
        record.step()
    assert len(stored(state_dir, "home")) in {72, 73}


@pytest.mark.parametrize("mode", ["--continuous", "--scheduled"])
def test_a_living_gateway_prints_whole_lines_and_stops_on_sigterm(mode: str, state_dir: Path):
    environment = {**os.environ, "DER_STATE_DIR": str(state_dir)}
    command = [sys.executable, str(SCRIPT), mode, "--interval", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()
        assert process.wait(timeout=30) == 0
    stamps = [datetime.fromisoformat(json.loads(line)["timestamp"]) for line in [*lines, *rest.splitlines()]]
    assert [later - earlier for earlier, later in pairwise(stamps)] == [timedelta(seconds=1)] * (len(stamps) - 1)
    assert list(stored(state_dir)["timestamp"]) == stamps


def test_a_history_that_will_hardly_find_room_is_begun_with_a_warning(tmp_path: Path):
    assert too_long_for_its_disk(tmp_path / "year.parquet", 105_120) is None
    told = too_long_for_its_disk(tmp_path / "fleet.jsonl", 476_504_640_000_000)
    assert told is not None
    assert "fleet.jsonl' needs about 285,902,784.0 GB, and " in told
    assert too_long_for_its_disk(tmp_path / "no" / "fleet.jsonl", 476_504_640_000_000) is None


@pytest.mark.parametrize("command", [SIMULATOR, SIMULATE], ids=lambda command: command.name)
def test_help_shows_that_one_mode_excludes_the_others(command: Command, capsys: pytest.CaptureFixture[str]):
    parser = Parser(prog="der")
    command.add_arguments(parser)
    assert "(--once | --continuous | --scheduled | --historical | --generate-config" in " ".join(parser.format_usage().split())
