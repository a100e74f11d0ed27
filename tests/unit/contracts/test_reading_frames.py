"""Readings go from documents to columns and back without loss."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.reading_columns import ReadingColumns
from shared.contracts.reading_frames import columns_from_frame, documents_from_frame, frame_from_columns, frame_from_documents
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


@given(st.lists(documents(), min_size=1, max_size=5))
def test_columns_on_the_wire_hold_what_documents_hold(given_documents):
    frame = frame_from_documents(given_documents, site_id="home")
    carried = ReadingColumns.model_validate_json(columns_from_frame(frame).model_dump_json())
    pd.testing.assert_frame_equal(frame_from_columns([("home", carried)]), frame)


def test_columns_of_several_sites_stand_one_after_the_other():
    first, second = readings(hours=2), readings(hours=1).assign(site_id="other")
    together = frame_from_columns([("home", columns_from_frame(first)), ("other", columns_from_frame(second))])
    pd.testing.assert_frame_equal(together, pd.concat([first, second], ignore_index=True))


def test_a_column_that_was_left_out_is_missing_in_every_row():
    columns = ReadingColumns(timestamp=["2024-06-15T14:30:00+02:00"], device_id=["d"], values={"total_load_kw": [3.5]})
    frame = frame_from_columns([("home", columns)])
    assert frame["timestamp"].tolist() == [pd.Timestamp("2024-06-15T12:30:00Z")]
    assert frame["total_load_kw"].tolist() == [3.5]
    assert frame.drop(columns=["site_id", "device_id", "timestamp", "total_load_kw", "quality"]).isna().all(axis=None)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"timestamp": ["2024-06-15T14:30:00"]}, "offset"),
        ({"timestamp": ["2024-02-30T14:30:00+00:00"]}, "Day out of range"),
        ({"timestamp": ["now"]}, "is not a time"),
        ({"timestamp": []}, "device_id, time_of_use_period, total_load_kw must have an entry for each of the 0 timestamps"),
        ({"values": {"total_load": [1.0]}}, "unknown columns total_load"),
        ({"values": {"total_load_kw": [True]}}, "should be a valid number"),
        ({"values": {"total_load_kw": ["1"]}}, "should be a valid number"),
        ({"values": {"total_load_kw": [float("nan")]}}, "finite"),
        ({"values": {"total_load_kw": [1.0, 2.0]}}, "total_load_kw must have an entry"),
        ({"time_of_use_period": ["noon"]}, "unknown periods noon"),
        ({"device_id": ["d"] * 10_001}, "at most 10000"),
    ],
)
def test_columns_that_cannot_be_read_say_why(changes, complaint):
    whole = {"timestamp": ["2024-06-15T14:30:00Z"], "device_id": ["d"], "values": {"total_load_kw": [1.0]}, "time_of_use_period": ["peak"]}
    with pytest.raises(ValueError, match=complaint):
        ReadingColumns.model_validate(whole | changes)
