"""Readings go from documents to columns and back without loss."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.reading_frames import documents_from_frame, frame_from_documents
from shared.contracts.readings import ReadingDocument
from shared.domain.reading import FIELDS, READING_COLUMNS, TIME_OF_USE_PERIODS, nested_from_flat
from tests.factories import readings

numbers = st.none() | st.floats(min_value=0, max_value=1e5, allow_nan=False)
zones = st.sampled_from([timezone(timedelta(minutes=minutes)) for minutes in (-570, -60, 0, 345, 840)])
moments = st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2090, 1, 1), timezones=zones)  # noqa: DTZ001 - hypothesis wants them naive


@st.composite
def documents(draw: st.DrawFn) -> ReadingDocument:
    flat: dict[str, object] = {field.column: draw(numbers) for field in FIELDS}
    flat["time_of_use_period"] = draw(st.none() | st.sampled_from(TIME_OF_USE_PERIODS))
    flat["timestamp"], flat["device_id"] = draw(moments), draw(st.sampled_from(["edge-gateway-001", "d", "A.b_c-9"]))
    return ReadingDocument.model_validate(nested_from_flat(flat))


@given(st.lists(documents(), max_size=5))
def test_documents_come_back_from_their_frame(given_documents):
    assert documents_from_frame(frame_from_documents(given_documents, site_id="home")) == given_documents


def test_a_frame_comes_back_from_its_documents():
    frame = readings(hours=6)
    frame.loc[3, "total_load_kw"] = np.nan
    frame["time_of_use_period"] = ["peak", None] * 12
    pd.testing.assert_frame_equal(frame_from_documents(documents_from_frame(frame), site_id="home"), frame)


@pytest.mark.parametrize("hours", [0, 1])
def test_the_columns_and_their_types_do_not_depend_on_the_rows(hours):
    frame = frame_from_documents(documents_from_frame(readings(hours=hours)), site_id="home")
    assert tuple(frame.columns) == READING_COLUMNS
    assert frame.dtypes.to_dict() == readings(hours=6).dtypes.to_dict()


def test_a_value_that_was_not_measured_is_missing_and_not_zero():
    frame = frame_from_documents([ReadingDocument(timestamp=datetime(2024, 6, 15, tzinfo=UTC), device_id="d")], site_id="home")
    assert frame[[field.column for field in FIELDS]].isna().all(axis=None)
    assert frame["time_of_use_period"].tolist() == [None]
    assert frame["quality"].tolist() == [0]


def test_rows_keep_their_order():
    frame = readings(hours=6).iloc[::-1]
    stamps = [document.timestamp for document in documents_from_frame(frame)]
    assert stamps == sorted(stamps, reverse=True)


def test_a_doubtful_stored_value_is_shown_as_it_is():
    frame = readings(hours=1)
    frame["solar_generation_kw"] = -0.02
    assert {document.solar.generation_kw for document in documents_from_frame(frame)} == {-0.02}


def test_a_frame_of_chosen_columns_gives_null_for_the_others():
    document = documents_from_frame(readings(hours=1)[["site_id", "device_id", "timestamp", "total_load_kw"]])[0]
    assert document.home_load.total_load_kw is not None
    assert document.battery.soc_percent is None
    assert document.grid_price.time_of_use_period is None
