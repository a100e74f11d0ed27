"""The configuration that every wire model shares, and what JSON alone leaves open: instants, durations, local times."""

from contextlib import suppress
from datetime import datetime, time, timedelta
from typing import Annotated, Any, cast

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, PlainSerializer, PlainValidator, ValidationError, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

from shared.domain.errors import InvalidValueError
from shared.domain.time import as_utc, format_duration, format_instant, parse_duration, parse_instant


def _plain_numbers(node: Any) -> Any:
    """The pydantic schema with every number and boolean in it strict, at any depth; an integer still passes for a float."""
    if isinstance(node, list | tuple):
        return type(node)(_plain_numbers(item) for item in node)
    if not isinstance(node, dict):
        return node
    kind = node.get("type")
    if kind in ("float", "bool"):  # a field may be named "type": then this is its schema, which no set takes
        return {**node, "strict": True}
    if kind == "int":
        # not strict: integers of numpy and the 3.0 of some JSON writers are whole numbers
        return core_schema.no_info_before_validator_function(_whole_number, cast("CoreSchema", node))
    if kind == "function-before" and node["function"].get("function") is _whole_number:
        return node  # a nested model, done when it was made
    values = _OPAQUE if isinstance(kind, str) else frozenset()  # without a kind it maps names of fields to schemas
    return {key: value if key in values else _plain_numbers(value) for key, value in node.items()}


_OPAQUE = frozenset({"metadata", "serialization", "default", "expected"})
"""What is no schema inside a schema."""


def _whole_number(value: Any) -> Any:
    if isinstance(value, bool | str | bytes):
        raise InvalidValueError("number", value, "must be a whole number, not a text or a boolean")
    return value


class Wire(BaseModel):
    """Frozen, strict about unknown fields, no NaN or infinity; a number is a JSON number, never a text or a boolean."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, ser_json_timedelta="iso8601")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return cast("CoreSchema", _plain_numbers(handler(source)))


def first_flaw(problem: ValidationError) -> str:
    """What is wrong with a document, in one line: the place, and what would be right there."""
    first = problem.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc']) or 'body'}: {first['msg']}"


def _instant(value: Any) -> datetime:
    if isinstance(value, datetime):
        return as_utc(value)
    if isinstance(value, str):
        return parse_instant(value)
    raise InvalidValueError("timestamp", value, "is not a time; write it as RFC 3339 text, for example 2024-06-15T14:30:00+00:00")


def _duration(value: Any) -> timedelta:
    return value if isinstance(value, timedelta) else parse_duration(str(value))


def _local_time(value: Any) -> time:
    if isinstance(value, str):
        with suppress(ValueError):  # refused below, with the remedy
            value = time.fromisoformat(value)
    if not isinstance(value, time) or value.tzinfo is not None:
        raise InvalidValueError("local time", str(value), "must be hours and minutes without an offset, for example 17:30")
    return value


Instant = Annotated[
    datetime,
    PlainValidator(_instant),
    PlainSerializer(format_instant, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2024-06-15T14:30:00+00:00"]}),
]
"""RFC 3339 with offset; UTC inside."""

Duration = Annotated[
    timedelta,
    PlainValidator(_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "format": "duration", "examples": ["PT15M"]}),
]
"""ISO 8601 such as `PT15M`."""

LocalTime = Annotated[
    time,
    PlainValidator(_local_time),
    PlainSerializer(time.isoformat, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "time", "examples": ["17:30"]}),
]
"""A time of the wall clock in a site's zone, such as `17:30`."""
