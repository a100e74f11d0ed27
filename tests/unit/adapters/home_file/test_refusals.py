"""Files that cannot be understood: one line each, with the value and the remedy."""

import gzip
import io
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from shared.adapters.home_file import HomeFiles
from shared.adapters.home_file.table import read_table
from shared.domain.errors import InvalidValueError
from tests.factories import as_nobody
from tests.unit.adapters.home_file.layouts import Read

GOOD = "time,load_kw\n2024-06-15T00:00Z,1\n2024-06-15T01:00Z,2\n"
NAIVE = GOOD.replace("Z", "")


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        ("", {}, "is empty; give one with column names"),
        ("time,load_kw\n", {}, "has no rows; give one with measurements"),
        ("a,load_kw\nx,1\ny,2\n", {}, "time column is None: none found among a, load_kw; name it, for example --map timestamp=a"),
        (
            "time,foo,bar\n2024-06-15T00:00Z,1,2\n2024-06-15T01:00Z,1,2\n",
            {},
            "none recognised with values among time, foo, bar; name one, for example --map load_kw=foo",
        ),
        (
            NAIVE,
            {},
            "times in column 'time' have no offset (first: 2024-06-15T00:00); name their zone, for example --timezone Europe/Berlin",
        ),
        (GOOD, {"timezone": "Europe/Atlantis"}, "timezone is 'Europe/Atlantis': is not an IANA time zone such as Europe/Berlin"),
        (GOOD, {"columns": {"load_kw": "nope"}}, "--map is 'load_kw=nope': the file has no column 'nope'; it has time, load_kw"),
        (GOOD, {"columns": {"heat": "load_kw"}}, "'heat' is no column of ours; use one of timestamp, site_id"),
        (GOOD, {"site_in_file": "h2"}, "--site-in-file is 'h2': the file has no column of sites"),
        (
            GOOD.replace("time,", "site_id,time,").replace("\n2024", "\nh1,2024"),
            {"site_in_file": "h2"},
            "is not in the column 'site_id'; there is h1",
        ),
        (b"\x00\x01\x02\x03garbage\x00", {}, "is binary, not a table in text; give CSV, Parquet or JSON lines"),
        (b"PK\x03\x04sheet", {}, "is a zip or Excel file; unpack it, or save the sheet as CSV"),
        (b"\x1f\x8bnot really gzip", {}, "is damaged: its gzip data"),
        (b"PAR1 but nothing else", {}, "is a damaged Parquet file"),
        ("time,load_kw\n2024-06-15T00:00Z,\n2024-06-15T01:00Z,\n", {}, "load or solar column is None: none recognised with values"),
        ("time,load_kw\n2024-06-15T00:00Z,1\n", {}, "is 1: give at least two, so that their step can be seen"),
        (
            "time,load_kw\n2024-06-15T00:00Z,1\n2024-06-15T01:00Z,two\n2024-06-15T02:00Z,3\n2024-06-15T03:00Z,3\n",
            {},
            "load_kw at line 3 is 'two': is not a number",
        ),
        (
            "time,load_kw\n2024-06-15T00:00Z,1\n2024-06-15T25:00Z,2\n",
            {},
            "time at line 3 is '2024-06-15T25:00Z': is not a time; write times like",
        ),
        ("time,load_kw\n2024-06-15T00:00Z,1\n2024-02-30T00:00Z,2\n", {}, "time at line 3 is '2024-02-30T00:00Z': is not a time"),
        (
            "time,load_kw\n2024-06-15T00:00Z,1\n2024-06-15T01:00,2\n",
            {},
            "time at line 3 is '2024-06-15T01:00': has no offset while other rows have one",
        ),
        (
            "time,load_kw\n2024-06-15T00:00Z,1\n2024-06-15T01:00Z,2,3\n",
            {},
            "line 3 of home.csv is '3 values or more': does not fit the 2 column names",
        ),
        (
            "time,load_kw\n2024-06-15T00:00Z,1\n2024-06-16T00:00Z,1\n",
            {},
            "step between rows of home.csv is '1 day, 0:00:00': must be from 1 second to 60 minutes",
        ),
        (
            "2024-06-15T00:00,1\n2024-06-15T01:00,2\n".replace("T", " "),
            {},
            "is data without column names above it; add a line such as timestamp,load_kw",
        ),
        ("time,import_kw,export_kw\n2024-06-15T00:00Z,1,0\n2024-06-15T01:00Z,0,1\n", {}, "load or solar column is None"),
        (
            "time,load_kw\n13/06/2024 00:00,1\n06/14/2024 00:00,2\n",
            {"timezone": "UTC"},
            "time at line 3 is '06/14/2024 00:00': mixes the order of day and month",
        ),
    ],
)
def test_what_is_wrong_where_and_the_remedy(read: Read, content: str | bytes, options: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidValueError) as problem:
        read(content, **options)
    assert words in str(problem.value)
    assert "\n" not in str(problem.value)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("home.xlsx", GOOD, "file ending is 'home.xlsx': must be .csv, .parquet or .jsonl"),
        ("home", GOOD, "file ending is 'home': must be"),
        ("home.parquet", GOOD, "is no Parquet file although its name ends so"),
        ("home.jsonl", '{"time": "2024-06-15T00:00Z", "load_kw": 1}\n{"time": \n', "line 2 of home.jsonl is '{\"time\": ': is not JSON"),
        ("home.jsonl", "[1, 2]", "line 1 of home.jsonl is '1': must be a JSON object"),
    ],
)
def test_wrong_endings_and_broken_json(read: Read, name: str, content: str, words: str) -> None:
    with pytest.raises(InvalidValueError) as problem:
        read(content, name)
    assert words in str(problem.value)


def test_a_row_far_too_long_is_named_by_its_line(read: Read) -> None:
    with pytest.raises(InvalidValueError, match=r"line 3 of home\.csv is '3 values or more'"):
        read("time,load_kw\n2024-06-15T00:00Z,1\n2024-06-15T01:00Z,2,3,4,5\n")


def test_columns_without_a_name_do_no_harm(read: Read) -> None:
    home = read("time,load_kw,,\n2024-06-15T00:00Z,1,a,b\n2024-06-15T01:00Z,2,c,\n")
    assert home.readings["total_load_kw"].tolist() == [1, 2]


def test_every_time_empty(read: Read) -> None:
    with pytest.raises(InvalidValueError, match="time column"):
        read("time,load_kw\n,1\n,2\n", columns={"timestamp": "time"})


def test_a_file_that_is_not_there_or_may_not_be_read(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match=r"cannot be read \(No such file or directory\)"):
        HomeFiles().read(tmp_path / "none.csv", site_id="home")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InvalidValueError, match="is a folder or a device; give the path of a file"):
        HomeFiles().read(tmp_path / "folder.csv", site_id="home")


def test_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "home.csv"
    path.write_text(GOOD)
    path.chmod(0)
    with as_nobody(), pytest.raises(InvalidValueError, match=r"Permission denied"):
        HomeFiles().read(path, site_id="home")


def test_a_parquet_file_without_offset_names_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "home.parquet"
    pd.DataFrame({"timestamp": pd.date_range("2024-06-15", periods=3, freq="h"), "load_kw": [1.0, 2.0, 3.0]}).to_parquet(path)
    with pytest.raises(InvalidValueError, match=r"have no offset \(first: 2024-06-15 00:00:00\); name their zone, for example --timezone"):
        HomeFiles().read(path, site_id="home")


def bombs() -> Iterator[tuple[str, bytes]]:
    """Small files that unpack to 10 MB."""
    frame = pd.DataFrame({"load_kw": np.zeros(1_250_000)})
    parquet = io.BytesIO()
    frame.to_parquet(parquet)
    yield "home.parquet", parquet.getvalue()
    yield "home.csv.gz", gzip.compress(b"load_kw\n" + b"0" * 10_000_000)
    yield "home.parquet.gz", gzip.compress(parquet.getvalue())


@pytest.mark.parametrize(("name", "content"), list(bombs()), ids=lambda value: value if isinstance(value, str) else "")
def test_a_small_file_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(tmp_path: Path, name: str, content: bytes):
    assert len(content) < 100_000
    (tmp_path / name).write_bytes(content)
    tracemalloc.start()
    with pytest.raises(InvalidValueError, match="more than 1,000,000 bytes when it is unpacked; give a part"):
        read_table(tmp_path / name, most_bytes=1_000_000)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def test_a_long_file_is_refused_before_all_of_it_is_read(tmp_path: Path):
    with (tmp_path / "home.csv").open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(InvalidValueError, match="more than 1,000,000 bytes"):
        read_table(tmp_path / "home.csv", most_bytes=1_000_000)
