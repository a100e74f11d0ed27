"""The configuration that every wire model shares."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, PlainSerializer, PlainValidator, WithJsonSchema

from shared.domain.time import format_duration, parse_duration


class Wire(BaseModel):
    """Frozen, strict about unknown fields, no NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, ser_json_timedelta="iso8601")


def _to_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def _duration(value: object) -> timedelta:
    return value if isinstance(value, timedelta) else parse_duration(str(value))


Instant = Annotated[AwareDatetime, AfterValidator(_to_utc)]
"""RFC 3339 with offset; UTC inside."""

Duration = Annotated[
    timedelta,
    PlainValidator(_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "format": "duration", "examples": ["PT15M"]}),
]
"""ISO 8601 such as `PT15M`."""
