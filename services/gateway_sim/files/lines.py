"""Readings as lines of text: the gateway's JSON, or CSV.

Each column becomes texts in one go, and hundreds of lines are filled into one template: about as fast as the serialiser itself
is with objects that are there already, and to the byte what it would write.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import orjson

from services.gateway_sim.files.shown import shown
from services.gateway_sim.plant.columns import ReadingArrays
from shared.domain.reading import FIELDS, READING_COLUMNS, TIME_OF_USE_PERIODS, VALUE_COLUMNS, Quality, nested_from_flat

_AT_ONCE = 500
"""Lines filled into one template: more of them no longer fit the processor's cache."""
_PERIOD, _TIME = "time_of_use_period", "timestamp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How a line looks."""

    parts: Sequence[bytes]
    """Literal text and names of columns in turns, a text first and last."""
    quote: bytes
    missing: bytes


def json_lines(arrays: ReadingArrays, *, as_they_are: bool = False) -> bytes:
    """One line of JSON for each reading, in the gateway's shape, rounded unless told otherwise; a missing value is null."""
    return _lines(arrays if as_they_are else shown(arrays), _json_form(), {"device_id": orjson.dumps(arrays.device_id)})


def csv_lines(arrays: ReadingArrays, *, as_they_are: bool = False) -> bytes:
    """One line of CSV for each reading, columns as in `csv_header`, rounded unless told otherwise; a missing value is empty."""
    fixed = {"site_id": arrays.site_id, "device_id": arrays.device_id, "quality": str(int(Quality.SIMULATED))}
    return _lines(arrays if as_they_are else shown(arrays), _csv_form(), {name: _csv_text(text) for name, text in fixed.items()})


def csv_header() -> bytes:
    """The first line of a CSV file."""
    return ",".join(READING_COLUMNS).encode() + b"\n"


def _json_form() -> Form:
    names = (*(field.column for field in FIELDS), _TIME, "device_id", _PERIOD)
    line = orjson.dumps(nested_from_flat({name: f"@{name}@" for name in names})) + b"\n"
    return Form(parts=line.replace(b'"@', b"@").replace(b'@"', b"@").split(b"@"), quote=b'"', missing=b"null")


def _csv_form() -> Form:
    parts = [b","] * (2 * len(READING_COLUMNS) + 1)
    parts[0], parts[-1] = b"", b"\n"
    parts[1::2] = [name.encode() for name in READING_COLUMNS]
    return Form(parts=parts, quote=b"", missing=b"")


def _csv_text(text: str) -> bytes:
    return (f'"{text.replace(chr(34), 2 * chr(34))}"' if set(text) & set('",\r\n') else text).encode()


def _lines(arrays: ReadingArrays, form: Form, fixed: Mapping[str, bytes]) -> bytes:
    """The form filled in, once for each reading. What is the same in all of them is part of the template."""
    level = {name: column[0] for name in VALUE_COLUMNS if len(column := arrays.values[name]) and (column == column[0]).all()}
    texts = {**fixed, **{name: orjson.dumps(float(value)) for name, value in level.items()}}
    names = [name.decode() for name in form.parts[1::2]]
    parts = [text.replace(b"%", b"%%") for text in form.parts]
    parts[1::2] = [texts[name].replace(b"%", b"%%") if name in texts else b"%b" for name in names]
    template, moving = b"".join(parts), [name for name in names if name not in texts]
    written = []
    for first in range(0, len(arrays), _AT_ONCE):
        rows = slice(first, min(first + _AT_ONCE, len(arrays)))
        columns = [_texts(arrays, name, rows, form) for name in moving]
        written.append(template * (rows.stop - rows.start) % tuple(chain.from_iterable(zip(*columns, strict=True))))
    return b"".join(written)


def _texts(arrays: ReadingArrays, name: str, rows: slice, form: Form) -> list[bytes]:
    """A column, one text for each row."""
    if name == _PERIOD:
        periods = [form.quote + period.encode() + form.quote for period in TIME_OF_USE_PERIODS]
        texts: list[bytes] = np.array([*periods, form.missing], dtype=object)[arrays.period[rows]].tolist()  # -1, none, is the last
        return texts
    column = np.ascontiguousarray(arrays.timestamp[rows] if name == _TIME else arrays.values[name][rows])
    joined = orjson.dumps(column, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NAIVE_UTC)[1:-1]
    if form.missing != b"null":  # as JSON has it
        joined = joined.replace(b'"', form.quote) if name == _TIME else joined.replace(b"null", form.missing)
    return joined.split(b",")
