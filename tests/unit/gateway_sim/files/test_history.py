"""Many homes in one file, by one process or by several."""

import json
import multiprocessing
import os
import signal
import struct
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from services.gateway_sim.files.history import History, write_history
from services.gateway_sim.files.processes import blocks_of_processes, received
from services.gateway_sim.main import homes
from shared.domain.time import TimeGrid
from shared.runtime.cli import UsageError
from shared.runtime.progress import silent

START = datetime(2024, 3, 30, tzinfo=UTC)


def history(sites: int, *, days: int = 2) -> History:
    configuration = {"device_id": "gw", "sites": sites, "timezone": "Europe/Berlin", "seed": 3}
    text = json.dumps({"configuration": configuration, "start": "2024-03-30T00:00:00+00:00", "end": "2024-06-01T00:00:00+00:00"})
    return History(recipe=homes, text=text, grid=TimeGrid(start=START, step=timedelta(hours=1), count=24 * days), sites=sites)


@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
def test_the_number_of_processes_does_not_show_in_the_file(tmp_path: Path, ending: str):
    one, two = tmp_path / f"one{ending}", tmp_path / f"two{ending}"
    # 40 days are two pieces, so a home's battery is carried from one to the next in both
    write_history(one, history(3, days=40), bar=silent, processes=1)
    write_history(two, history(3, days=40), bar=silent, processes=2)
    assert one.read_bytes() == two.read_bytes()
    assert multiprocessing.active_children() == []


def test_sites_stand_in_order_and_each_is_another_home(tmp_path: Path):
    output = tmp_path / "fleet.csv"
    write_history(output, history(4), bar=silent)
    frame = pd.read_csv(output)
    names = list(frame["site_id"].unique())
    assert list(frame["site_id"]) == [name for name in sorted(names) for _ in range(48)]
    assert len(names) == frame["device_id"].nunique() == 4
    assert frame.groupby("site_id")["total_load_kw"].sum().nunique() == 4


def test_a_home_of_a_fleet_is_the_same_in_a_smaller_fleet(tmp_path: Path):
    small, large = tmp_path / "small.jsonl", tmp_path / "large.jsonl"
    write_history(small, history(2), bar=silent)
    write_history(large, history(5), bar=silent)
    assert large.read_bytes().startswith(small.read_bytes())


def test_a_killed_process_is_told_and_the_others_end():
    fleet = history(40, days=60)
    work = blocks_of_processes(fleet.recipe, fleet.text, grid=fleet.grid, sites=fleet.sites, ending=".jsonl", processes=2)
    next(work)
    for process in multiprocessing.active_children():
        os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(UsageError, match="out of memory"):
        list(work)
    assert multiprocessing.active_children() == []


def test_a_process_that_was_killed_within_a_block_is_told_too():
    reading, writing = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(60,), daemon=True)
    process.start()
    process.kill()
    with writing:
        os.write(writing.fileno(), struct.pack("!i", 100) + b"ten of 100")
    with reading, pytest.raises(UsageError, match="out of memory"):
        received(process, reading)


def test_nobody_works_on_when_the_reader_stops():
    fleet = history(40, days=60)
    work = blocks_of_processes(fleet.recipe, fleet.text, grid=fleet.grid, sites=fleet.sites, ending=".jsonl", processes=2)
    next(work)
    work.close()
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize(
    ("rows", "told"), [(1, "2024-03-30T00:00"), (48, "2024-03-31T23:00"), (49, "2024-03-30T00:00"), (96, "2024-03-31T23:00")]
)
def test_how_far_rows_go_is_told_by_site_and_time(rows: int, told: str):
    fleet = history(3)
    expected = fleet.recipe(fleet.text)((rows - 1) // 48).site_id
    assert fleet.until(rows) == f"until {told}:00+00:00 of site {expected}"
