"""The columns of a reading and the gateway's JSON are two forms of the same fields."""

import itertools
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.readings import ReadingDocument
from shared.domain.balance import net_grid_flow_kw
from shared.domain.reading import (
    FIELDS,
    KEY_COLUMNS,
    READING_COLUMNS,
    READING_SECTIONS,
    TEXT_COLUMNS,
    TIME_OF_USE_PERIODS,
    VALUE_COLUMNS,
    Quality,
    nested_from_flat,
)  # fmt: skip

SAMPLE = """
{"timestamp": "2024-06-15T14:30:00+00:00", "device_id": "edge-gateway-001",
 "solar": {"generation_kw": 7.5, "irradiance_w_m2": 900.0, "panel_temp_celsius": 40.0, "efficiency_percent": 17.5},
 "battery": {"soc_percent": 65.0, "capacity_kwh": 13.5, "power_kw": 2.0, "voltage_v": 51.5, "temperature_celsius": 30.0,
             "cycles": 200, "health_percent": 97.0},
 "home_load": {"total_load_kw": 3.5, "hvac_kw": 1.5, "appliances_kw": 1.0, "lighting_kw": 0.3, "ev_charging_kw": 0.0, "other_kw": 0.7},
 "grid_price": {"price_per_kwh": 0.28, "feed_in_tariff": 0.08, "demand_charge": 10.0, "time_of_use_period": "peak",
                "carbon_intensity_g_kwh": 380.0},
 "net_grid_flow_kw": -2.0}
"""


def flat(document: dict) -> dict[str, object]:
    """The columns of a document, written here independently of the source."""
    row = {field.column: (document[field.section] if field.section else document)[field.name] for field in FIELDS}
    return row | {
        "timestamp": document["timestamp"],
        "device_id": document["device_id"],
        "time_of_use_period": document["grid_price"]["time_of_use_period"],
    }


class TestTheSampleOfTheGateway:
    def test_comes_back_from_its_model(self):
        document = ReadingDocument.model_validate_json(SAMPLE)
        assert json.loads(document.model_dump_json()) == json.loads(SAMPLE)
        assert document.model_dump(mode="json") == json.loads(SAMPLE)

    def test_keeps_the_order_of_its_names(self):
        def names(value: object) -> object:
            return [(key, names(inner)) for key, inner in value.items()] if isinstance(value, dict) else None

        assert names(json.loads(ReadingDocument.model_validate_json(SAMPLE).model_dump_json())) == names(json.loads(SAMPLE))

    def test_comes_back_from_its_columns(self):
        sample = json.loads(SAMPLE)
        assert nested_from_flat(flat(sample)) == sample

    def test_balances(self):
        reading = ReadingDocument.model_validate_json(SAMPLE)
        flow = net_grid_flow_kw(
            load_kw=reading.home_load.total_load_kw, battery_kw=reading.battery.power_kw, solar_kw=reading.solar.generation_kw
        )
        assert flow == reading.net_grid_flow_kw

    def test_lies_inside_the_bounds_of_its_fields(self):
        row = flat(json.loads(SAMPLE))
        assert [field.column for field in FIELDS if not field.low <= row[field.column] <= field.high] == []


class TestTheFieldsOfAReading:
    def test_are_those_of_the_wire_model(self):
        wire = {
            (section, name)
            for section in READING_SECTIONS
            for name in ReadingDocument.model_fields[section].annotation.model_fields
            if name not in TEXT_COLUMNS
        }
        wire |= {("", name) for name in ReadingDocument.model_fields if name not in {"timestamp", "device_id", *READING_SECTIONS}}
        assert {(field.section, field.name) for field in FIELDS} == wire
        assert len(wire) == len(FIELDS)

    def test_have_a_column_of_their_own_each(self):
        assert len(set(READING_COLUMNS)) == len(READING_COLUMNS) == len(KEY_COLUMNS) + len(FIELDS) + len(TEXT_COLUMNS) + 1
        assert tuple(field.column for field in FIELDS) == VALUE_COLUMNS

    def test_have_bounds_that_leave_room(self):
        assert all(field.low < field.high for field in FIELDS)

    @pytest.mark.parametrize("period", TIME_OF_USE_PERIODS)
    def test_know_each_period_of_the_wire_model(self, period):
        assert ReadingDocument.model_validate({**json.loads(SAMPLE), "grid_price": {"time_of_use_period": period}})

    def test_have_no_period_that_the_wire_model_refuses(self):
        assert json.dumps(ReadingDocument.model_json_schema()).count('"off_peak", "shoulder", "peak"') == 1
        assert TIME_OF_USE_PERIODS == ("off_peak", "shoulder", "peak")


class TestNestingARow:
    @given(
        values=st.fixed_dictionaries(
            {}, optional={column: st.none() | st.just(float("nan")) | st.floats(0, 100) for column in VALUE_COLUMNS}
        ),
        period=st.none() | st.sampled_from(TIME_OF_USE_PERIODS),
    )
    def test_gives_a_document_that_holds_each_value_and_null_for_each_gap(self, values, period):
        row = {"timestamp": datetime(2024, 6, 15, tzinfo=UTC), "device_id": "d", "time_of_use_period": period, **values}
        document = ReadingDocument.model_validate(nested_from_flat(row)).model_dump(mode="json")
        for field in FIELDS:
            given_value = values.get(field.column)
            expected = None if given_value is None or given_value != given_value else given_value  # noqa: PLR0124 - NaN differs from itself
            assert (document[field.section] if field.section else document)[field.name] == expected
        assert document["grid_price"]["time_of_use_period"] == period
        assert document["timestamp"] == "2024-06-15T00:00:00+00:00"

    def test_has_null_for_a_period_that_a_frame_calls_not_a_number(self):
        row = {"timestamp": "2024-06-15T00:00:00+00:00", "device_id": "d", "time_of_use_period": float("nan")}
        assert nested_from_flat(row)["grid_price"]["time_of_use_period"] is None


def test_quality_flags_can_stand_together():
    flags = [flag for flag in Quality if flag]
    assert all(not one & other for one, other in itertools.combinations(flags, 2))
    assert Quality(int(Quality.MISSING | Quality.SIMULATED)) == Quality.MISSING | Quality.SIMULATED
    assert Quality.GOOD == 0
