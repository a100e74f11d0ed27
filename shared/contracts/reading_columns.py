"""Many readings of one site in one message: columns instead of documents, a quarter of the size and a tenth of the work."""

import re
from collections.abc import Sequence
from typing import Annotated, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from shared.contracts.base import Wire
from shared.domain.reading import TIME_OF_USE_PERIODS, VALUE_COLUMNS
from shared.domain.time import Instants, format_instant, parse_instant

MOST_READINGS = 10_000

_CANONICAL = re.compile(r"(?:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?\+00:00\n)+")

Texts = Annotated[list[str], Field(max_length=MOST_READINGS)]
Numbers = Annotated[list[float | None], Field(max_length=MOST_READINGS)]


def instants(texts: Sequence[str]) -> Instants:
    """Of texts in UTC as `timestamp` holds them, shape (texts,). Raises `ValueError` for a day that does not exist."""
    return np.array([text[:-6] for text in texts], dtype="datetime64[us]")


class ReadingColumns(Wire):
    """An entry for each reading in every list; null is a value that was not measured. A column that no reading has is left out."""

    timestamp: Texts
    """RFC 3339 with offset; UTC inside."""
    device_id: Texts
    values: dict[str, Numbers] = Field(max_length=len(VALUE_COLUMNS))
    """By column, such as `solar_generation_kw`."""
    time_of_use_period: Annotated[list[str | None], Field(max_length=MOST_READINGS)] | None = None

    @field_validator("timestamp")
    @classmethod
    def _instants(cls, texts: list[str]) -> list[str]:
        if _CANONICAL.fullmatch("".join(f"{text}\n" for text in texts)):  # what our gateways write
            instants(texts)  # a day that does not exist is found here
            return texts
        return [format_instant(parse_instant(text)) for text in texts]

    @field_validator("values")
    @classmethod
    def _known(cls, values: dict[str, list[float | None]]) -> dict[str, list[float | None]]:
        if unknown := sorted(values.keys() - set(VALUE_COLUMNS)):
            raise ValueError(f"unknown columns {', '.join(unknown)}: known are {', '.join(VALUE_COLUMNS)}")
        return values

    @field_validator("time_of_use_period")
    @classmethod
    def _periods(cls, periods: list[str | None] | None) -> list[str | None] | None:
        if unknown := {period for period in periods or () if period is not None} - set(TIME_OF_USE_PERIODS):
            raise ValueError(f"unknown periods {', '.join(sorted(unknown))}: known are {', '.join(TIME_OF_USE_PERIODS)}")
        return periods

    @model_validator(mode="after")
    def _equally_long(self) -> Self:
        columns = {"device_id": self.device_id, **self.values, "time_of_use_period": self.time_of_use_period or self.timestamp}
        wrong = sorted(name for name, column in columns.items() if len(column) != len(self.timestamp))
        if wrong:
            raise ValueError(f"{', '.join(wrong)} must have an entry for each of the {len(self.timestamp)} timestamps")
        return self
