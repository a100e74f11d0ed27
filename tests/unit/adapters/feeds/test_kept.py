"""Answers kept on disk, and whose turn it is."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from shared.adapters.feeds.asking import BusyError
from shared.adapters.feeds.kept import Kept, Record
from shared.adapters.feeds.turns import PAUSE, Turns
from shared.ports.errors import UnavailableError

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = ("energy-charts", "prices", "DE-LU", "2026-03-01")


def record(*prices: float) -> Record:
    stamps = pd.date_range("2026-03-01", periods=len(prices), freq="h", tz="UTC").as_unit("us")
    rows = pd.DataFrame({"timestamp": stamps, "price_per_kwh": np.array(prices, dtype=np.float64), "published_at": stamps})
    return Record(fetched_at=NOW, rows=rows, about={"attribution": "Größe"})


@pytest.mark.parametrize("prices", [(), (0.1,), (0.1, float("nan"), -0.5)])
def test_what_is_put_is_there_after_a_restart(tmp_path, prices):
    Kept(tmp_path).put(KEY, record(*prices))
    found = Kept(tmp_path).get(KEY)
    assert (found.fetched_at, found.about) == (NOW, {"attribution": "Größe"})
    assert_frame_equal(found.rows, record(*prices).rows)


def test_what_was_never_put_is_none(tmp_path):
    assert Kept(tmp_path / "nowhere").get(KEY) is None


@given(st.data())
def test_a_damaged_file_is_as_good_as_none(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("kept")
    kept = Kept(folder)
    kept.put(KEY, record(0.1, 0.2))
    (path,) = folder.glob("*/*.json")
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content = content[:at]
    else:
        content[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    assert kept.get(KEY) is None
    kept.put(KEY, record(0.3))
    assert kept.get(KEY).rows["price_per_kwh"].tolist() == [0.3]


def test_a_file_of_another_key_is_none(tmp_path):
    kept = Kept(tmp_path)
    kept.put(KEY, record(0.1))
    other = (*KEY[:-1], "2026-03-02")
    kept.put(other, record(0.2))
    kept._path(KEY).replace(kept._path(other))
    assert kept.get(other) is None


def test_there_are_never_more_files_than_the_bound_and_the_oldest_go_first(tmp_path):
    kept = Kept(tmp_path, most_files=5)
    for number in range(12):
        kept.put((*KEY[:-1], str(number)), record(float(number)))
        os.utime(kept._path((*KEY[:-1], str(number))), (number + 1e9, number + 1e9))
    Kept(tmp_path, most_files=5, oldest=timedelta(days=36_500)).prune()
    assert [number for number in range(12) if kept.get((*KEY[:-1], str(number)))] == [7, 8, 9, 10, 11]


def test_what_is_too_old_goes(tmp_path):
    kept = Kept(tmp_path, oldest=timedelta(days=30))
    kept.put(KEY, record(0.1))
    os.utime(kept._path(KEY), (time.time() - 31 * 86_400,) * 2)
    kept.prune()
    assert kept.get(KEY) is None


def test_many_writers_leave_one_whole_record(tmp_path):
    def write(number: int) -> None:
        Kept(tmp_path).put(KEY, record(*[float(number)] * 50))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(40)))
    assert Kept(tmp_path).get(KEY).rows["price_per_kwh"].nunique() == 1
    assert not list(tmp_path.glob("*/*.part"))


def test_a_folder_that_is_none_is_named(tmp_path):
    (tmp_path / "feeds").write_text("a file")
    with pytest.raises(UnavailableError, match=r"cannot be kept in .*feeds"):
        Kept(tmp_path / "feeds").put(KEY, record(0.1))


def turns(folder, slept: list[float] | None = None, apart: float = 5.0) -> Turns:
    return Turns(folder, "agile", apart=timedelta(seconds=apart), sleep=(slept if slept is not None else []).append)


def test_two_questions_are_apart_also_when_two_processes_ask(tmp_path):
    slept: list[float] = []
    with turns(tmp_path).held(NOW):
        turns(tmp_path, slept).wait()
    assert slept == []
    with (other := turns(tmp_path, slept)).held(NOW):
        other.wait()
    assert 4.0 < slept[0] <= 5.0


def test_a_failure_begins_a_pause_that_others_hear_of_and_that_ends(tmp_path):
    with pytest.raises(UnavailableError, match="is away"), turns(tmp_path).held(NOW):
        raise UnavailableError("agile is away")
    with pytest.raises(UnavailableError, match="is away"), turns(tmp_path).held(NOW + PAUSE / 2):
        pytest.fail("entered in a pause")
    with turns(tmp_path).held(NOW + PAUSE):
        pass
    with turns(tmp_path).held(NOW):  # what worked ended the pause
        pass


def test_a_server_that_asks_for_an_hour_gets_it(tmp_path):
    with pytest.raises(BusyError), turns(tmp_path).held(NOW):
        raise BusyError("leave me", seconds=3600)
    with pytest.raises(UnavailableError, match="leave me"), turns(tmp_path).held(NOW + timedelta(minutes=59)):
        pytest.fail("entered in a pause")
    with turns(tmp_path).held(NOW + timedelta(minutes=60)):
        pass


def test_a_damaged_turn_stops_nobody(tmp_path):
    (tmp_path / "agile.turn").write_text('{"until": 7')
    with turns(tmp_path).held(NOW):
        pass


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "feeds").write_text("a file")
    with pytest.raises(UnavailableError, match="feeds"), turns(tmp_path / "feeds").held(NOW):
        pytest.fail("entered without a lock")
