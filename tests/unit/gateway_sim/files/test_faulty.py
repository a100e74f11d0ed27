"""A history with faults: the file, its labels beside it, and what they have to do with the clean one."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from services.gateway_sim.files.faulty import labels_beside, write_faulty_history
from services.gateway_sim.files.history import History, write_history
from services.gateway_sim.plant.equipment import Home
from services.gateway_sim.plant.faults import Faults
from services.gateway_sim.plant.fleet import member
from shared.domain.reading import FIELDS
from shared.domain.time import TimeGrid
from shared.runtime.progress import silent

FAULTS = Faults(gaps_per_day=4, missing_values_per_day=4, stuck_per_day=4, spikes_per_day=8, late_per_day=4, unit_slips_per_day=2)


def neighbours(_text: str):
    return lambda number: member(Home(), number)


HISTORY = History(
    recipe=neighbours,
    text="",
    grid=TimeGrid(start=datetime(2024, 3, 1, tzinfo=UTC), step=timedelta(minutes=15), count=96 * 3),
    sites=2,
)


@pytest.fixture(params=[".jsonl", ".csv", ".parquet"])
def outputs(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path]:
    clean, faulty = tmp_path / f"clean{request.param}", tmp_path / f"faulty{request.param}"
    write_history(clean, HISTORY, bar=silent, processes=1)
    write_faulty_history(faulty, HISTORY, FAULTS, bar=silent)
    return clean, faulty


def rows_of(path: Path) -> pd.DataFrame:
    match path.suffix:
        case ".parquet":
            return pd.read_parquet(path)
        case ".csv":
            return pd.read_csv(path, parse_dates=["timestamp"])
        case _:
            lines = [json.loads(line) for line in path.read_text().splitlines()]
            flat = [
                {field.column: (line[field.section] if field.section else line)[field.name] for field in FIELDS}
                | {"device_id": line["device_id"], "timestamp": pd.Timestamp(line["timestamp"])}
                for line in lines
            ]
            return pd.DataFrame(flat)


def test_the_labels_tell_every_value_that_differs_from_the_clean_file_and_no_other(outputs: tuple[Path, Path]):
    clean, faulty = (rows_of(path).set_index(["device_id", "timestamp"]) for path in outputs)
    labels = pd.read_csv(labels_beside(outputs[1]), parse_dates=["timestamp", "delivered_timestamp"])
    columns = [field.column for field in FIELDS]
    common = clean.loc[faulty.index, columns].astype(float)
    delivered = faulty[columns].astype(float)
    differs = (common != delivered) & ~(common.isna() & delivered.isna())
    found = {(*index, column) for index, row in differs.iterrows() for column in columns if row[column]}
    told = labels[labels["field"].isin(columns)]
    assert {(label.device_id, label.timestamp, label.field) for label in told.itertuples()} == found
    assert len(told) == len(found) > 50
    for label in told.itertuples():
        value = delivered.loc[(label.device_id, label.timestamp), label.field]
        assert value == label.delivered_value or (pd.isna(value) and pd.isna(label.delivered_value))
        assert common.loc[(label.device_id, label.timestamp), label.field] == label.true_value
    gaps = labels[labels["kind"] == "gap"]
    assert len(clean) - len(faulty) == len(gaps) > 0
    assert gaps["delivered_timestamp"].isna().all()


def test_the_labels_of_both_homes_stand_beside_the_file_under_its_name(tmp_path: Path):
    rows, labels = write_faulty_history(tmp_path / "january.jsonl", HISTORY, FAULTS, bar=silent)
    assert {path.name for path in tmp_path.iterdir()} == {"january.jsonl", "january.faults.csv"}
    assert len((tmp_path / "january.jsonl").read_text().splitlines()) == rows
    table = pd.read_csv(tmp_path / "january.faults.csv")
    assert len(table) == labels
    assert table["site_id"].nunique() == 2
