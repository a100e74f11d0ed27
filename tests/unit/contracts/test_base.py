"""What every wire model accepts and refuses."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from shared.contracts.base import Duration, Instant, LocalTime, Wire


class Sample(Wire):
    """One field of every kind."""

    price_per_kwh: float | None = None
    rows: int = 0
    live: bool = True
    at: Instant | None = None
    lasts: Duration | None = None
    clock: LocalTime | None = None
    prices: dict[str, list[float]] = Field(default_factory=dict)
    part: "Part | None" = None
    # names that mean something to the schema of a model
    type: float | None = None
    default: float | None = None
    metadata: list[float] = Field(default_factory=list)


class Part(Wire):
    """A nested model."""

    power_kw: float


def read(text: str) -> Sample:
    """As a handler reads it: JSON first, then the model."""
    return Sample.model_validate(json.loads(text))


@pytest.mark.parametrize("reader", [read, Sample.model_validate_json], ids=["parsed first", "read whole"])
class TestAWireModel:
    @pytest.mark.parametrize(
        "document",
        [
            '{"price_per_kwh": true}', '{"price_per_kwh": "0.28"}', '{"price_per_kwh": NaN}', '{"price_per_kwh": Infinity}',
            '{"price_per_kwh": [0.28]}', '{"rows": true}', '{"rows": "3"}', '{"rows": 3.5}', '{"live": 1}', '{"live": "yes"}',
            '{"prices": {"a": [true]}}', '{"prices": {"a": ["1"]}}', '{"type": "1"}', '{"default": true}', '{"metadata": ["1"]}',
            '{"part": {"power_kw": "1"}}', '{"part": {"power_kw": false}}',
            '{"at": "2024-06-15T14:30:00"}', '{"at": 1718461800}', '{"at": "1718461800"}', '{"at": "2024-06-15"}', '{"at": true}',
            '{"at": "0001-01-01T00:00:00+14:00"}', '{"lasts": 15}', '{"lasts": "15"}', '{"lasts": "P999999999999D"}', '{"lasts": true}',
            '{"clock": 3600}', '{"clock": "07:00+02:00"}', '{"clock": "25:00"}', '{"unknown": 1}', '{"part": {"power_kw": 1, "x": 1}}',
        ],
    )  # fmt: skip
    def test_refuses(self, reader, document):
        with pytest.raises(ValidationError):
            reader(document)

    @pytest.mark.parametrize(
        ("document", "field", "value"),
        [
            ('{"price_per_kwh": 2}', "price_per_kwh", 2.0),
            ('{"price_per_kwh": -0.05}', "price_per_kwh", -0.05),
            ('{"rows": 3}', "rows", 3),
            ('{"rows": 3.0}', "rows", 3),
            ('{"live": false}', "live", False),
            ('{"at": "2024-06-15T16:30:00+02:00"}', "at", datetime(2024, 6, 15, 14, 30, tzinfo=UTC)),
            ('{"at": "2024-06-15T14:30:00Z"}', "at", datetime(2024, 6, 15, 14, 30, tzinfo=UTC)),
            ('{"lasts": "PT1H30M"}', "lasts", timedelta(hours=1, minutes=30)),
            ('{"prices": {"a": [1, 2.5]}}', "prices", {"a": [1.0, 2.5]}),
            ('{"part": {"power_kw": 1}}', "part", Part(power_kw=1.0)),
        ],
    )
    def test_accepts(self, reader, document, field, value):
        assert getattr(reader(document), field) == value


def test_an_integer_for_a_float_is_a_float_inside():
    assert isinstance(read('{"price_per_kwh": 2}').price_per_kwh, float)


def test_numbers_of_numpy_are_numbers():
    sample = Sample(price_per_kwh=np.float64(0.5), rows=np.int64(3))
    assert sample.model_dump_json(include={"price_per_kwh", "rows"}) == '{"price_per_kwh":0.5,"rows":3}'


def test_a_refused_time_is_told_how_to_be_written():
    with pytest.raises(ValidationError, match=r"no offset; write it as RFC 3339, for example 2024-06-15T14:30:00\+00:00"):
        read('{"at": "2024-06-15T14:30:00"}')


def test_instants_are_written_with_their_offset():
    assert '"at":"2024-06-15T14:30:00+00:00"' in read('{"at": "2024-06-15T16:30:00+02:00"}').model_dump_json()


@given(
    at=st.datetimes(timezones=st.just(UTC)), lasts=st.integers(0, 10**8).map(lambda seconds: timedelta(seconds=seconds)), clock=st.times()
)
def test_times_come_back_from_json(at, lasts, clock):
    sample = Sample(at=at, lasts=lasts, clock=clock)
    assert read(sample.model_dump_json()) == sample


def test_a_wire_model_cannot_be_changed():
    with pytest.raises(ValidationError):
        Sample().rows = 1


def test_the_schema_names_numbers_times_and_durations_plainly():
    properties = Sample.model_json_schema()["properties"]
    assert properties["price_per_kwh"]["anyOf"][0] == {"type": "number"}
    assert properties["at"]["anyOf"][0] == {"type": "string", "format": "date-time", "examples": ["2024-06-15T14:30:00+00:00"]}
    assert properties["lasts"]["anyOf"][0] == {"type": "string", "format": "duration", "examples": ["PT15M"]}
