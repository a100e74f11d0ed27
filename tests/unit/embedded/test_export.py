"""`der export` on real stores."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from services.embedded.export import EXPORT
from shared.adapters.home_file import HomeFiles
from shared.domain.forecast import Forecast, Target
from shared.domain.reading import TEXT_COLUMNS, VALUE_COLUMNS
from shared.domain.time import TimeGrid
from shared.runtime.command import script
from shared.runtime.resources import Resources, open_resources
from shared.runtime.settings import RuntimeSettings
from tests import factories

NOON = factories.NOON
FORECAST = Forecast(
    site_id="home",
    target=Target.LOAD,
    issued_at=NOON,
    data_as_of=NOON,
    model_name="seasonal-naive",
    model_version="1",
    grid=TimeGrid(start=NOON, step=timedelta(hours=1), count=2),
    levels=(0.1, 0.5, 0.9),
    values=np.array([[1.0, 2.0], [2.0, 3.0], [3.0, 4.0]]),
)


@pytest.fixture(name="resources")
def _resources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Resources]:
    """Stores with a home that has readings and a forecast; commands use the same folder."""
    monkeypatch.setenv("DER_STATE_DIR", str(tmp_path / "state"))
    with open_resources(RuntimeSettings()) as resources:
        resources.sites.put(factories.a_site())
        resources.readings.upsert(factories.readings(hours=6), stored_at=NOON)
        resources.forecasts.put([FORECAST])
        yield resources


def export(output: Path, *options: str, what: str = "readings") -> int:
    return script(EXPORT, ["--site", "home", "--what", what, "--output", str(output), *options])


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_what_is_exported_comes_back_the_same(resources: Resources, tmp_path: Path, ending: str) -> None:
    output = tmp_path / f"home.{ending}"
    assert export(output) == 0
    again = HomeFiles().read(output, site_id="home").readings
    original = factories.readings(hours=6)
    columns = ["timestamp", *VALUE_COLUMNS, *TEXT_COLUMNS, "quality"]
    pd.testing.assert_frame_equal(again[columns], original[columns])


def test_a_part_of_the_time(resources: Resources, tmp_path: Path) -> None:
    output = tmp_path / "home.parquet"
    assert export(output, "--start", "2024-06-15T01:00:00+00:00", "--end", "2024-06-15T02:00:00+00:00") == 0
    assert pd.read_parquet(output)["timestamp"].dt.hour.tolist() == [1, 1, 1, 1]


def test_forecasts_have_a_row_for_each_step(resources: Resources, tmp_path: Path) -> None:
    output = tmp_path / "forecasts.csv"
    assert export(output, what="forecasts") == 0
    rows = pd.read_csv(output)
    assert rows[["q0.1", "q0.5", "q0.9"]].to_numpy().tolist() == [[1, 2, 3], [2, 3, 4]]
    assert rows["timestamp"].tolist() == ["2024-06-15T12:00:00.000000+00:00", "2024-06-15T13:00:00.000000+00:00"]


def test_an_existing_file_is_kept_unless_forced(resources: Resources, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "home.csv"
    output.write_text("precious")
    assert export(output) == 2
    assert output.read_text() == "precious"
    assert "add --force to replace it" in capsys.readouterr().err
    assert export(output, "--force") == 0
    assert output.read_text().startswith("site_id,device_id,timestamp")
    assert [path.name for path in tmp_path.glob("*.part")] == []


@pytest.mark.parametrize(
    "case",
    [
        ("home.xlsx", [], "readings", "must end in .csv, .parquet or .jsonl"),
        ("none/home.csv", [], "readings", "cannot write there (No such file or directory); choose another folder"),
        ("home.csv", ["--start", "2024-06-15"], "readings", "has no offset"),
        ("home.csv", ["--start", "2025-01-01T00:00:00Z"], "readings", "has no readings to export in that time; nothing was written"),
        ("home.csv", [], "schedule", "has no schedule to export in that time; nothing was written"),
        ("home.csv", [], "features", "has no features to export in that time; nothing was written"),
    ],
)
def test_what_cannot_be_exported_is_one_line_and_no_file(
    resources: Resources, tmp_path: Path, capsys: pytest.CaptureFixture[str], case: tuple[str, list[str], str, str]
) -> None:
    output, options, what, words = case
    assert export(tmp_path / output, *options, what=what) == 2
    printed = capsys.readouterr().err
    assert words in printed
    assert printed.count("\n") == 1
    assert not (tmp_path / output).exists()
    assert {path.name for path in tmp_path.iterdir()} == {"state"}


def test_an_unknown_site_names_the_known(resources: Resources, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert script(EXPORT, ["--site", "shed", "--what", "readings", "--output", str(tmp_path / "a.csv")]) == 2
    assert "--site is 'shed': no such site; there is home" in capsys.readouterr().err


def test_forecasts_of_an_interval_are_those_issued_in_it(resources: Resources, tmp_path: Path) -> None:
    output = tmp_path / "forecasts.jsonl"
    before = datetime(2024, 6, 15, 11, tzinfo=UTC).isoformat()
    assert export(output, "--start", before, "--end", NOON.isoformat(), what="forecasts") == 2
    assert export(output, "--start", NOON.isoformat(), what="forecasts") == 0
    assert '"target":"load"' in output.read_text()
