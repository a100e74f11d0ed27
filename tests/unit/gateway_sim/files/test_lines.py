"""Lines of JSON and CSV: to the byte what a serialiser would write of each reading."""

import json
import math
from dataclasses import replace
from datetime import datetime
from io import BytesIO

import numpy as np
import orjson
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway_sim.files.blocks import packed, unpacked
from services.gateway_sim.files.lines import csv_header, csv_lines, json_lines
from services.gateway_sim.files.shown import DECIMALS, arrays_of, shown
from services.gateway_sim.plant.columns import ReadingArrays
from shared.domain.reading import FIELDS, READING_COLUMNS, TIME_OF_USE_PERIODS, VALUE_COLUMNS, nested_from_flat
from tests.unit.gateway_sim.files.some_arrays import some_arrays

LOAD_PARTS = ("hvac_kw", "appliances_kw", "lighting_kw", "ev_charging_kw", "other_kw")


SHOWN = st.one_of(
    st.integers(-(10**8) - 10, 10**8 + 10).map(lambda units: units / 10**DECIMALS),
    st.integers(-1_000, 1_000).map(lambda units: units / 10**DECIMALS),
    st.sampled_from([0.0, -0.0, 7.5, 900.0, 0.0001, -0.1234, 9.9999, 10.0, 99.9999, 9_999.9999, 10_000.0, -10_000.0, math.nan]),
)
"""Whole ten-thousandths, missing ones, and both kinds of nothing."""
ANY = st.one_of(SHOWN, st.floats(), st.sampled_from([0.00005, 9_999.99999, 1e11 + 0.0001, 1e16, 1e-5, 1e308]))
INSTANTS = st.datetimes(datetime(1950, 1, 1), datetime(2100, 12, 31))  # noqa: DTZ001  # arrays hold naive UTC


def one_by_one(rounded: ReadingArrays) -> bytes:
    """Every reading as an object of its own, serialised."""
    lines = []
    for row, stamp in enumerate(rounded.timestamp.tolist()):
        flat = {name: float(rounded.values[name][row]) for name in VALUE_COLUMNS}
        period = TIME_OF_USE_PERIODS[rounded.period[row]] if rounded.period[row] >= 0 else None
        flat |= {"timestamp": f"{stamp.isoformat()}+00:00", "device_id": rounded.device_id, "time_of_use_period": period}
        lines.append(orjson.dumps(nested_from_flat(flat), option=orjson.OPT_APPEND_NEWLINE))
    return b"".join(lines)


@given(
    count=st.integers(0, 40),
    seed=st.integers(0, 1000),
    device=st.one_of(st.text(min_size=1, max_size=8), st.sampled_from(["100%", "%b", '"@"', "@timestamp@"])),
)
def test_json_lines_are_the_serialisers_bytes(count: int, seed: int, device: str):
    arrays = some_arrays(count, seed=seed, device_id=device.encode(errors="ignore").decode())
    assert json_lines(arrays) == one_by_one(shown(arrays))


def test_more_lines_than_are_put_together_at_once_are_the_serialisers_bytes():
    arrays = some_arrays(2_500)
    assert json_lines(arrays) == one_by_one(shown(arrays))


def with_column(numbers: list[float], name: str = "price_per_kwh") -> ReadingArrays:
    arrays = some_arrays(len(numbers))
    return replace(arrays, values={**arrays.values, name: np.array(numbers)})


@settings(deadline=None)
@given(numbers=st.one_of(st.lists(numbers, min_size=1, max_size=30) for numbers in (SHOWN, SHOWN.filter(math.isfinite), ANY)))
def test_numbers_that_are_not_rounded_any_more_are_the_serialisers_bytes(numbers: list[float]):
    arrays = with_column(numbers)
    assert json_lines(arrays, as_they_are=True) == one_by_one(arrays)


def test_every_fraction_and_every_length_before_the_point_is_the_serialisers_bytes():
    fractions = np.arange(10_000) / 10**DECIMALS
    for whole in (0, 60, 9_999):
        arrays = with_column((whole + fractions).round(DECIMALS).tolist())
        assert json_lines(arrays, as_they_are=True) == one_by_one(arrays)
    arrays = with_column((np.arange(-9_999, 10_000, 3) + 0.5).tolist())
    assert json_lines(arrays, as_they_are=True) == one_by_one(arrays)


@pytest.mark.parametrize("numbers", [[0.0, -0.0], [-0.0, 0.0, 7.5], [-0.0, math.nan], [-0.0]])
def test_unrounded_zeros_keep_their_sign(numbers: list[float]):
    arrays = with_column(numbers)
    assert json_lines(arrays, as_they_are=True) == one_by_one(arrays)


@given(instants=st.one_of(st.lists(one, min_size=1, max_size=9) for one in (INSTANTS, INSTANTS.map(lambda at: at.replace(microsecond=0)))))
def test_stamps_of_any_year_are_the_serialisers_bytes(instants: list[datetime]):
    arrays = replace(some_arrays(len(instants)), timestamp=np.array(instants, dtype="datetime64[us]"))
    assert json_lines(arrays) == one_by_one(shown(arrays))


@settings(deadline=None)
@given(numbers=st.lists(ANY.filter(lambda number: not math.isinf(number)), min_size=1, max_size=30))
def test_csv_has_the_digits_of_json(numbers: list[float]):
    lines = csv_lines(with_column(numbers), as_they_are=True).decode().splitlines()
    texts = [line.split(",")[READING_COLUMNS.index("price_per_kwh")] for line in lines]
    assert texts == ["" if math.isnan(number) else orjson.dumps(number).decode() for number in numbers]


def test_stamps_between_seconds_keep_their_fraction():
    arrays = some_arrays(3)
    arrays = replace(arrays, timestamp=arrays.timestamp + np.array([0, 1, 250_000], dtype="timedelta64[us]"))
    stamps = [json.loads(line)["timestamp"] for line in json_lines(arrays).splitlines()]
    assert stamps == ["2024-01-01T00:00:00+00:00", "2024-01-01T00:05:00.000001+00:00", "2024-01-01T00:10:00.250000+00:00"]


def test_a_line_has_the_customers_fields_in_the_customers_order():
    document = json.loads(json_lines(some_arrays(1)))
    assert list(document) == ["timestamp", "device_id", "solar", "battery", "home_load", "grid_price", "net_grid_flow_kw"]
    assert list(document["battery"]) == [
        "soc_percent", "capacity_kwh", "power_kw", "voltage_v", "temperature_celsius", "cycles", "health_percent",
    ]  # fmt: skip
    assert list(document["grid_price"])[-2:] == ["time_of_use_period", "carbon_intensity_g_kwh"]


@given(seed=st.integers(0, 1000))
def test_what_is_shown_balances_to_its_last_decimal(seed: int):
    values = shown(some_arrays(50, seed=seed)).values
    units = {name: np.round(np.nan_to_num(column) * 10**DECIMALS) for name, column in values.items()}
    assert (units["total_load_kw"] == sum(units[part] for part in LOAD_PARTS)).all()
    assert (units["net_grid_flow_kw"] == units["total_load_kw"] + units["battery_power_kw"] - units["solar_generation_kw"]).all()


def test_a_missing_value_stays_missing_and_no_zero_is_negative():
    lines = json_lines(some_arrays(10))
    first = json.loads(lines.splitlines()[0])
    assert (first["battery"]["soc_percent"], first["battery"]["voltage_v"]) == (None, None)
    assert b"-0.0," not in lines


@pytest.mark.parametrize("form", [json_lines, csv_lines])
@pytest.mark.parametrize("cut", [1, 7, 1000])
def test_pieces_make_the_same_lines_as_the_whole(form, cut: int):
    whole = some_arrays(1_200)
    pieces = [
        replace(
            whole,
            timestamp=whole.timestamp[part],
            period=whole.period[part],
            values={name: column[part] for name, column in whole.values.items()},
        )
        for part in (slice(0, cut), slice(cut, None))
    ]
    assert b"".join(form(piece) for piece in pieces) == form(whole)


def test_csv_holds_what_json_shows():
    arrays = some_arrays(300, site_id='of "A", B')
    frame = pd.read_csv(BytesIO(csv_header() + csv_lines(arrays)))
    assert tuple(frame.columns) == READING_COLUMNS
    assert set(frame["site_id"]) == {'of "A", B'}
    documents = [json.loads(line) for line in json_lines(arrays).splitlines()]
    assert list(frame["timestamp"]) == [document["timestamp"] for document in documents]
    for field in FIELDS:
        values = [(document[field.section] if field.section else document)[field.name] for document in documents]
        np.testing.assert_array_equal(frame[field.column].to_numpy(dtype=float), np.array(values, dtype=float), err_msg=field.column)


def test_stored_readings_become_the_same_arrays_again():
    arrays = some_arrays(20)
    arrays = replace(arrays, period=np.abs(arrays.period))  # a frame of the plant always has a period
    assert json_lines(arrays_of(arrays.frame())) == json_lines(arrays)


@given(count=st.integers(0, 30), seed=st.integers(0, 100))
def test_packed_readings_come_back_bit_for_bit(count: int, seed: int):
    arrays = some_arrays(count, seed=seed, site_id="höme", device_id="d")
    back = unpacked(packed(arrays))
    assert (back.site_id, back.device_id) == ("höme", "d")
    assert back.timestamp.tobytes() == arrays.timestamp.tobytes()
    assert back.period.tolist() == arrays.period.tolist()
    assert {name: column.tobytes() for name, column in back.values.items()} == {n: c.tobytes() for n, c in arrays.values.items()}
