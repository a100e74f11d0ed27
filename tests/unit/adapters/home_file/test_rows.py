"""Rows in time: order, repetitions, gaps, steps, changes of the clock."""

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.errors import InvalidValueError
from tests.unit.adapters.home_file.layouts import Read, load_of, reader_of, times_of

ROWS = [f"2024-06-15T{i // 4:02d}:{i % 4 * 15:02d}:00Z,{i}.5,{i * 7 % 5}" for i in range(12)]


@settings(max_examples=25, deadline=None)
@given(st.permutations(ROWS), st.lists(st.sampled_from(ROWS), max_size=6))
def test_any_order_and_repetition_of_rows_gives_the_same_readings(rows: list[str], again: list[str]) -> None:
    with TemporaryDirectory() as folder:
        read = reader_of(Path(folder))
        tidy = read("time,load_kw,solar_kw\n" + "\n".join(ROWS))
        mixed = read("time,load_kw,solar_kw\n" + "\n".join([*rows, *again]))
    pd.testing.assert_frame_equal(mixed.readings, tidy.readings)
    assert mixed.interval == tidy.interval


def test_of_a_repeated_time_the_last_row_is_kept_and_told(read: Read) -> None:
    home = read("time,load_kw\n2024-06-15T00:00Z,1\n2024-06-15T00:00Z,9\n2024-06-15T01:00Z,2\n")
    assert load_of(home) == [9, 2]
    assert any("1 rows repeat a time" in note for note in home.notes)


def test_newest_first_is_sorted_and_told(read: Read) -> None:
    home = read("time,load_kw\n2024-06-15T02:00Z,3\n2024-06-15T01:00Z,2\n2024-06-15T00:00Z,1\n")
    assert load_of(home) == [1, 2, 3]
    assert any("sorted" in note for note in home.notes)


@pytest.mark.parametrize("seconds", [1, 10, 60, 300, 900, 1200, 1800, 3600])
def test_the_step_is_the_commonest_difference(read: Read, seconds: int) -> None:
    stamps = [*pd.date_range("2024-06-15", periods=20, freq=timedelta(seconds=seconds), tz="UTC"), pd.Timestamp("2024-06-17T00:00Z")]
    home = read("time,load_kw\n" + "".join(f"{moment.isoformat()},1\n" for moment in stamps))
    assert home.resolution == timedelta(seconds=seconds)


def test_a_logger_a_second_late_still_has_the_usual_step(read: Read) -> None:
    home = read("time,load_kw\n2024-06-15T00:00:01Z,1\n2024-06-15T00:05:02Z,1\n2024-06-15T00:10:03Z,1\n2024-06-15T00:15:04Z,1\n")
    assert home.resolution == timedelta(minutes=5)


def test_gaps_are_listed_longest_first(read: Read) -> None:
    hours = [0, 1, 2, 4, 5, 9, 10]
    home = read("time,load_kw\n" + "".join(f"2024-06-15T{hour:02d}:00Z,1\n" for hour in hours))
    assert [(gap.start.hour, gap.end.hour) for gap in home.gaps] == [(6, 9), (3, 4)]
    assert home.missing_share["total_load_kw"] == pytest.approx(4 / 11)


def test_rows_before_and_after_the_measurements_keep_their_prices_only(read: Read) -> None:
    home = read(
        "time,load_kw,price_per_kwh\n2024-06-15T00:00Z,,0.1\n2024-06-15T01:00Z,1,0.2\n2024-06-15T02:00Z,2,0.3\n2024-06-15T03:00Z,,0.4\n"
    )
    assert times_of(home) == ["06-15 01:00", "06-15 02:00"]
    assert home.interval.end.hour == 3
    assert home.prices is not None
    assert home.prices["price_per_kwh"].tolist() == [0.1, 0.2, 0.3, 0.4]


def test_rows_without_a_time_are_left_out_and_told(read: Read) -> None:
    home = read("time,load_kw\n2024-06-15T00:00Z,1\n,5\n2024-06-15T01:00Z,2\n")
    assert load_of(home) == [1, 2]
    assert any("line 3" in note for note in home.notes)


def local_rows(start: str, periods: int, step: str) -> list[str]:
    stamps = pd.date_range(start, periods=periods, freq=step, tz="Europe/Berlin")
    return [f"{moment:%Y-%m-%d %H:%M},{i}" for i, moment in enumerate(stamps)]


@pytest.mark.parametrize(("step", "count"), [("60min", 25), ("15min", 100)])
@pytest.mark.parametrize("newest_first", [False, True])
def test_a_day_of_25_hours_has_both_hours_from_two_to_three(read: Read, step: str, count: int, newest_first: bool) -> None:
    rows = local_rows("2024-10-27", count, step)
    home = read("time,load_kw\n" + "\n".join(reversed(rows) if newest_first else rows), timezone="Europe/Berlin")
    assert len(home.readings) == count
    assert load_of(home) == list(range(count))
    assert home.gaps == ()
    assert times_of(home)[0] == "10-26 22:00"
    assert any("twice in autumn" in note for note in home.notes)


def test_a_day_of_23_hours_has_no_gap(read: Read) -> None:
    home = read("time,load_kw\n" + "\n".join(local_rows("2024-03-31", 92, "15min")), timezone="Europe/Berlin")
    assert len(home.readings) == 92
    assert home.gaps == ()


def test_a_doubled_hour_out_of_order_is_told_apart_by_repetition(read: Read) -> None:
    rows = [
        "2024-10-27 04:00,5",
        "2024-10-27 02:00,1",
        "2024-10-27 02:30,2",
        "2024-10-27 01:30,0",
        "2024-10-27 02:00,3",
        "2024-10-27 02:30,4",
    ]
    home = read("time,load_kw\n" + "\n".join(rows), timezone="Europe/Berlin")
    assert load_of(home) == [0, 1, 2, 3, 4, 5]


def test_a_time_three_times_in_the_doubled_hour_is_an_error_with_its_line(read: Read) -> None:
    rows = ["2024-10-27 02:00,1", "2024-10-27 02:00,2", "2024-10-27 02:00,3"]
    with pytest.raises(
        InvalidValueError, match=r"time at line 4 is '2024-10-27 02:00:00': stands there more than twice .* remove the repeated"
    ):
        read("time,load_kw\n" + "\n".join(rows), timezone="Europe/Berlin")


def test_a_time_that_the_clock_jumps_over_is_an_error_with_its_line_and_a_fixed_zone_to_try(read: Read) -> None:
    rows = ["2024-03-31 01:00,1", "2024-03-31 02:00,2", "2024-03-31 03:00,3"]
    with pytest.raises(
        InvalidValueError, match=r"time at line 3 is '2024-03-31 02:00:00': does not exist in Europe/Berlin.*--timezone Etc/GMT-1"
    ):
        read("time,load_kw\n" + "\n".join(rows), timezone="Europe/Berlin")
    assert times_of(read("time,load_kw\n" + "\n".join(rows), timezone="Etc/GMT-1")) == ["03-31 00:00", "03-31 01:00", "03-31 02:00"]
