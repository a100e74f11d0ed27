"""Readings as line protocol."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.distributed.influx.lines import FIELD_COLUMNS, lines
from shared.domain.errors import InvalidValueError
from shared.domain.reading import VALUE_COLUMNS
from tests.factories import readings


def one(**changes: object) -> pd.DataFrame:
    return readings(hours=0.25).assign(**changes)


def test_a_line_has_both_tags_each_value_that_is_there_and_always_the_quality_and_which_are_there():
    frame = one(**dict.fromkeys(VALUE_COLUMNS, np.nan)).assign(total_load_kw=2.0, quality=128)
    bit = 1 << FIELD_COLUMNS.index("total_load_kw")
    assert list(lines(frame)) == [
        f"reading,device_id=edge-gateway-001,site_id=home total_load_kw=2.0,quality=128i,present={bit}i 1718409600000000"
    ]


def test_a_reading_without_any_value_is_a_line_too():
    (line,) = lines(one(**dict.fromkeys(VALUE_COLUMNS, np.nan)))
    assert " quality=0i,present=0i " in line


@given(st.one_of(st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False)))
def test_a_number_is_a_float_to_its_last_bit_whatever_it_was(value):
    (line,) = lines(one(total_load_kw=value))
    written = re.search(r"total_load_kw=([^,]+),", line)
    assert written is not None
    assert re.search(r"[.e]", written[1])
    assert float(written[1]) == value


def test_a_text_is_quoted():
    (line,) = lines(one(time_of_use_period='a "b" \\ c'))
    assert r'time_of_use_period="a \"b\" \\ c"' in line


def test_lines_come_oldest_first_and_of_a_key_that_comes_twice_the_last():
    frame = pd.concat([readings(hours=1).iloc[::-1], one(total_load_kw=99.0)])
    written = list(lines(frame))
    assert [int(line.rsplit(" ", 1)[1]) for line in written] == [1718409600000000 + quarter * 900_000_000 for quarter in range(4)]
    assert "total_load_kw=99.0" in written[0]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"site_id": "a b"}, "site_id"),
        ({"site_id": 'x") |> drop('}, "site_id"),
        ({"device_id": "a,b=c"}, "device_id"),
        ({"device_id": None}, "device_id"),
        ({"total_load_kw": np.inf}, "total_load_kw.*infinities"),
        ({"total_load_kw": "much"}, "total_load_kw"),
        ({"quality": np.nan}, "quality"),
        ({"timestamp": pd.Timestamp("2300-01-01", tz="UTC").as_unit("us")}, "1678 and 2262"),
    ],
)
def test_what_cannot_be_stored_is_refused_before_the_first_line(changes, told):
    with pytest.raises(InvalidValueError, match=told):
        lines(pd.concat([readings(hours=1), one(**changes)]))
