"""A file of readings: complete in its place, or its finished rows beside it."""

import json
import os
import resource
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from services.gateway_sim.files.parquet import GROUP_ROWS
from services.gateway_sim.files.reading_file import ENDINGS, encoder, reading_file
from services.gateway_sim.files.working_file import WorkingFile
from services.gateway_sim.plant.columns import ReadingArrays
from shared.domain.reading import READING_COLUMNS
from shared.runtime.cli import UsageError
from tests.unit.gateway_sim.files.some_arrays import START, STEP, some_arrays

every_ending = pytest.mark.parametrize("ending", ENDINGS)


def until(rows: int) -> str:
    return f"until row {rows}"


def write(output: Path, pieces: list[ReadingArrays], *, then: Callable[[], object] = lambda: None, told: list[str] | None = None) -> None:
    """Every piece, and then something that may fail."""
    with reading_file(output, until=until, interrupted=(told if told is not None else []).append) as file:
        for piece in pieces:
            file.write(encoder(output.suffix)(piece), len(piece))
        then()


def stop(problem: BaseException) -> Callable[[], object]:
    def fail() -> None:
        raise problem

    return fail


def stamps(path: Path) -> list[pd.Timestamp]:
    """Of every row of a file; a broken line or a missing footer is an error."""
    match path.suffix:
        case ".jsonl":
            text = path.read_text("utf-8")
            assert text.endswith("\n")
            return [pd.Timestamp(json.loads(line)["timestamp"]) for line in text.splitlines()]
        case ".csv":
            text = path.read_text("utf-8")
            assert text.endswith("\n")
            lines = [line.split(",") for line in text.splitlines()]
            assert all(len(line) == len(READING_COLUMNS) for line in lines)
            return [pd.Timestamp(line[2]) for line in lines[1:]]
        case _:
            return list(pd.read_parquet(path)["timestamp"])


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """What a full disk is to a writer: the system takes some of the bytes, then none."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@every_ending
def test_a_complete_file_stands_alone_in_the_place_of_an_older_one(tmp_path: Path, ending: str):
    output = tmp_path / f"january{ending}"
    output.write_text("older", encoding="utf-8")
    write(output, [some_arrays(10), some_arrays(5, first=10)])
    assert stamps(output) == [START + k * STEP for k in range(15)]
    assert list(tmp_path.iterdir()) == [output]


@every_ending
def test_while_it_grows_it_is_beside_its_place_under_the_same_ending(tmp_path: Path, ending: str):
    output = tmp_path / f"january{ending}"
    seen: list[str] = []
    write(output, [some_arrays(10)], then=lambda: seen.extend(path.name for path in tmp_path.iterdir()))
    assert seen == [f"january.partial{ending}"]


@every_ending
@pytest.mark.parametrize(
    "problem", [KeyboardInterrupt(), SystemExit(143), RuntimeError("lost")], ids=lambda problem: type(problem).__name__
)
def test_an_interrupted_file_keeps_its_rows_and_the_older_file(tmp_path: Path, ending: str, problem: BaseException):
    output, told = tmp_path / f"january{ending}", []
    output.write_text("older", encoding="utf-8")
    with pytest.raises(type(problem)):
        write(output, [some_arrays(10)], then=stop(problem), told=told)
    assert output.read_text(encoding="utf-8") == "older"
    assert len(stamps(tmp_path / f"january.partial{ending}")) == 10
    (text,) = told
    assert "10 readings, until row 10, are whole" in text
    assert f"january.partial{ending}" in text


@every_ending
def test_a_link_or_a_pipe_in_the_way_is_refused_and_left_alone(tmp_path: Path, ending: str):
    other, partial = tmp_path / "other", tmp_path / f"january.partial{ending}"
    other.write_text("precious", encoding="utf-8")
    partial.symlink_to(other)
    with pytest.raises(UsageError, match="is a link; remove it"):
        write(tmp_path / f"january{ending}", [some_arrays(10)])
    assert other.read_text(encoding="utf-8") == "precious"
    assert partial.is_symlink()
    partial.unlink()
    os.mkfifo(partial)
    with pytest.raises(UsageError, match="is no file; remove it"):
        write(tmp_path / f"january{ending}", [some_arrays(10)])
    assert partial.is_fifo()


def test_two_runs_to_one_output_leave_one_whole_file_whoever_comes_when(tmp_path: Path):
    # threads in the place of processes: a lock belongs to the open file, not to who opened it
    output, content, refused = tmp_path / "january.csv", b"all of one run\n" * 100, []

    def again_and_again() -> None:
        for _ in range(300):
            try:
                file = WorkingFile(output)
                file.append(content)
                file.complete()
            except UsageError as problem:
                refused.append(problem)
            except FileNotFoundError:
                refused.append(None)
            if output.exists():
                assert output.read_bytes() == content

    with ThreadPoolExecutor(4) as pool:
        for run in [pool.submit(again_and_again) for _ in range(4)]:
            run.result()
    assert output.read_bytes() == content
    assert None not in refused


@every_ending
def test_an_interruption_before_the_first_row_leaves_nothing(tmp_path: Path, ending: str):
    told: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / f"january{ending}", [], then=stop(KeyboardInterrupt()), told=told)
    assert list(tmp_path.iterdir()) == []
    assert "nothing is kept" in told[0]


@pytest.mark.parametrize("size", [0, 10, 5_000, 5_001, 5_613, 5_614, 20_000])
@pytest.mark.parametrize("ending", [".jsonl", ".csv"])
def test_lines_that_found_no_room_are_cut_to_whole_ones(tmp_path: Path, ending: str, size: int):
    output = tmp_path / f"january{ending}"
    with no_file_longer_than(size), pytest.raises(UsageError, match="free space or choose another folder") as problem:
        write(output, [some_arrays(20), some_arrays(200, first=20)])
    assert not output.exists()
    partial = tmp_path / f"january.partial{ending}"
    if not partial.exists():
        assert size < 1000
        assert "nothing is kept" in str(problem.value)
        return
    kept = stamps(partial)
    assert kept == [START + k * STEP for k in range(len(kept))]
    assert f"{len(kept)} readings, until row {len(kept)}, are whole" in str(problem.value)
    longest = max(len(line) for line in partial.read_bytes().splitlines(keepends=True))
    assert size - longest <= partial.stat().st_size <= size


def test_row_groups_that_found_room_are_closed_into_a_readable_file(tmp_path: Path):
    pieces = [some_arrays(GROUP_ROWS, first=k * GROUP_ROWS) for k in range(2)]
    write(tmp_path / "whole.parquet", pieces)
    group = (tmp_path / "whole.parquet").stat().st_size // 2
    output, partial = tmp_path / "january.parquet", tmp_path / "january.partial.parquet"
    # less is kept than there is room for: the largest that the next rows can become, and the footer
    for room, least in ((0.4, 0), (0.9, GROUP_ROWS // 5), (1.5, GROUP_ROWS // 2), (1.9, GROUP_ROWS), (1.999, GROUP_ROWS)):
        with no_file_longer_than(int(room * group)), pytest.raises(UsageError, match="january"):
            write(output, pieces)
        kept = stamps(partial) if partial.exists() else []
        assert least <= len(kept) <= room * GROUP_ROWS
        assert kept == [START + k * STEP for k in range(len(kept))]
        assert not kept or partial.stat().st_size <= room * group
        partial.unlink(missing_ok=True)


def test_a_parquet_file_holds_every_value_as_it_was_computed(tmp_path: Path):
    pieces = [some_arrays(50_000, first=k * 50_000, site_id=f"home-{k}") for k in range(3)]
    output = tmp_path / "january.parquet"
    write(output, pieces)
    frame = pd.read_parquet(output)
    assert tuple(frame.columns) == READING_COLUMNS
    expected = pd.concat([piece.frame() for piece in pieces], ignore_index=True)
    pd.testing.assert_frame_equal(frame.drop(columns="time_of_use_period"), expected.drop(columns="time_of_use_period"), check_exact=True)
    periods = np.array(["off_peak", "shoulder", "peak", ""], dtype=object)[np.concatenate([piece.period for piece in pieces])]
    np.testing.assert_array_equal(frame["time_of_use_period"].fillna("").to_numpy(dtype=object), periods)
    flow = frame["total_load_kw"] + frame["battery_power_kw"].fillna(0.0) - frame["solar_generation_kw"]
    assert (frame["net_grid_flow_kw"] - flow).abs().max() <= 1e-9


def test_a_parquet_file_says_which_sites_its_groups_hold(tmp_path: Path):
    output = tmp_path / "january.parquet"
    write(output, [some_arrays(50_000, first=k * 50_000, site_id=f"home-{k}") for k in range(4)])
    with pq.ParquetFile(output) as file:
        groups = [file.metadata.row_group(index) for index in range(file.num_row_groups)]
        assert [group.num_rows for group in groups] == [100_000, 100_000]
        sites = [(group.column(0).statistics.min, group.column(0).statistics.max) for group in groups]
        assert sites == [("home-0", "home-1"), ("home-2", "home-3")]
        assert file.read_row_group(1, columns=["site_id"])["site_id"].unique().to_pylist() == ["home-2", "home-3"]
        assert str(file.schema_arrow.field("timestamp").type) == "timestamp[us, tz=UTC]"


@every_ending
@pytest.mark.parametrize(
    ("name", "told"),
    [("folder/no/x", "there is no folder"), ("folder", "is a folder"), ("n" * 250, "File name too long"), ("file/x", "there is no folder")],
)
def test_a_place_that_cannot_be_written_is_refused_before_anything_is_done(tmp_path: Path, ending: str, name: str, told: str):
    (tmp_path / f"folder{ending}").mkdir()
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("a file", encoding="utf-8")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError, match=told):
        write(tmp_path / f"{name}{ending}", [], then=lambda: pytest.fail("nothing is to be done"))
    assert sorted(tmp_path.rglob("*")) == before


@every_ending
def test_a_place_that_is_taken_meanwhile_leaves_the_complete_file_beside_it(tmp_path: Path, ending: str):
    output = tmp_path / f"january{ending}"
    with pytest.raises(UsageError, match="10 readings, until row 10, are whole"):
        write(output, [some_arrays(10)], then=output.mkdir)
    assert len(stamps(tmp_path / f"january.partial{ending}")) == 10


def test_two_runs_into_one_file_are_kept_apart(tmp_path: Path):
    output = tmp_path / "january.jsonl"

    def second() -> None:
        with pytest.raises(UsageError, match="another process is writing"):
            write(output, [some_arrays(1)])

    write(output, [some_arrays(3)], then=second)
    assert len(stamps(output)) == 3


def test_what_an_earlier_run_left_is_there_until_the_next_writes(tmp_path: Path):
    output, partial = tmp_path / "january.jsonl", tmp_path / "january.partial.jsonl"
    with pytest.raises(KeyboardInterrupt):
        write(output, [some_arrays(10)], then=stop(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        write(output, [], then=stop(KeyboardInterrupt()))
    assert len(stamps(partial)) == 10
    write(output, [some_arrays(3)])
    assert len(stamps(output)) == 3
    assert not partial.exists()
