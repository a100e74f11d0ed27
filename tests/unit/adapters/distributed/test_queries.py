"""Answers in CSV as frames."""

import pytest
from pandas.testing import assert_frame_equal

from shared.adapters.distributed.influx.queries import no_readings, readings_of, table_of
from shared.ports.errors import UnavailableError
from tests.factories import readings

HEAD = ",result,table,_start,_stop,_time,_measurement,device_id,site_id,quality,total_load_kw"


def test_no_answer_is_no_rows_in_the_right_types():
    assert_frame_equal(readings_of("\r\n"), no_readings())
    assert_frame_equal(no_readings(), readings()[:0])


def test_texts_stay_texts_and_fractions_of_seconds_may_differ_in_length():
    found = readings_of(
        f"{HEAD}\r\n,_result,0,,,2024-01-01T00:00:00Z,m,001,NA,0,1\r\n,_result,0,,,2024-01-01T00:00:00.000001Z,m,1e5,nan,0,2\r\n\r\n"
    )
    assert found["site_id"].tolist() == ["NA", "nan"]
    assert found["device_id"].tolist() == ["001", "1e5"]
    assert [stamp.microsecond for stamp in found["timestamp"]] == [0, 1]


def test_a_point_of_another_program_has_what_it_has():
    found = readings_of(f"{HEAD},note\r\n,_result,0,,,2024-01-01T00:00:00Z,m,d,s,,1.5,hello\r\n\r\n")
    assert found["total_load_kw"].tolist() == [1.5]
    assert found["quality"].tolist() == [0]
    assert found["battery_power_kw"].isna().all()


def test_an_answer_that_breaks_off_is_no_answer():
    whole = f"{HEAD}\r\n,_result,0,,,2024-01-01T00:00:00Z,m,d,s,0,1.5\r\n\r\n"
    assert len(table_of(whole)) == 1
    with pytest.raises(UnavailableError, match="out of memory"):
        table_of(f"{whole},error,reference\r\n,out of memory,897\r\n")
