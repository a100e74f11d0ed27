"""Columns as JSON, and how long a server asks to wait."""

import json
import math
from datetime import UTC, datetime, timedelta

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.distributed.supabase.refusals import retry_after
from shared.adapters.distributed.supabase.wire import PART, cut, encoded, floats, numbers
from shared.ports.errors import RefusedRowsError


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True)))
def test_numbers_come_back_to_the_last_bit(values):
    found = floats(json.loads(encoded(numbers(np.array(values, dtype=np.float64)))))
    np.testing.assert_array_equal(found, np.array(values, dtype=np.float64))


def test_a_missing_number_is_null_and_the_infinities_have_names():
    assert numbers(np.array([math.nan, math.inf, -math.inf, -0.5])) == [None, "Infinity", "-Infinity", -0.5]


@given(st.integers(0, 3 * PART))
def test_a_batch_is_cut_into_parts_that_hold_every_row_once(rows):
    parts = [range(rows)[part] for part in cut(rows)]
    assert [row for part in parts for row in part] == list(range(rows))
    assert all(0 < len(part) <= PART for part in parts)


def test_half_a_character_is_refused():
    with pytest.raises(RefusedRowsError):
        encoded(["\ud800"])


NOON = datetime(2024, 6, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("0", timedelta(0)),
        (" 120 ", timedelta(minutes=2)),
        ("Sat, 15 Jun 2024 12:00:30 GMT", timedelta(seconds=30)),
        ("Sat, 15 Jun 2024 11:00:00 GMT", timedelta(0)),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("9999999", None),
        ("", None),
    ],
)
def test_a_server_says_how_long_to_wait_in_seconds_or_by_a_date(text, wait):
    assert retry_after(httpx.Response(429, headers={"Retry-After": text}), now=NOON) == wait
