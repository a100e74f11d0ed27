"""Readings as lines of text: the gateway's JSON, or CSV.

Each column becomes texts of one width in one go. They are put into lines of one width, and last the padding is taken out of
many lines at once: faster than the serialiser is with objects that are there already, and to the byte what it would write.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import orjson

from services.gateway_sim.files.shown import shown
from services.gateway_sim.files.slots import PAD, Slot, Texts, slot_of_choices, slot_of_instants, slot_of_numbers
from services.gateway_sim.plant.columns import ReadingArrays
from shared.domain.reading import FIELDS, READING_COLUMNS, TIME_OF_USE_PERIODS, Quality, nested_from_flat

_AT_ONCE = 1_000
"""Lines put together at once: more of them no longer fit the processor's cache."""


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
    names = (*(field.column for field in FIELDS), "timestamp", "device_id", "time_of_use_period")
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
    """The form filled in, once for each reading."""
    if not len(arrays):
        return b""
    empty, columns = _empty_line(form, [_slot(arrays, name, form, fixed) for name in _names(form)])
    line = np.dtype(
        {
            "names": [str(at) for at in columns],
            "formats": [texts.dtype for texts in columns.values()],
            "offsets": list(columns),
            "itemsize": len(empty),
        }
    )
    written = []
    for first in range(0, len(arrays), _AT_ONCE):
        last = min(first + _AT_ONCE, len(arrays))
        filled = bytearray(empty * (last - first))
        lines = np.frombuffer(filled, dtype=line)
        for at, texts in columns.items():
            lines[str(at)] = texts[first:last]
        written.append(filled.translate(None, delete=PAD))
    return b"".join(written)


def _names(form: Form) -> list[str]:
    return [name.decode() for name in form.parts[1::2]]


def _empty_line(form: Form, slots: Sequence[Slot]) -> tuple[bytes, dict[int, Texts]]:
    """The form with its slots, and what comes into them by its place in the line."""
    text = form.parts[0]
    columns: dict[int, Texts] = {}
    for slot, literal in zip(slots, form.parts[2::2], strict=True):
        columns |= {len(text) + at: texts for at, texts in slot.parts.items()}
        text += slot.text + literal
    return text, columns


def _slot(arrays: ReadingArrays, name: str, form: Form, fixed: Mapping[str, bytes]) -> Slot:
    if name in fixed:
        return Slot(fixed[name], {})
    match name:
        case "timestamp":
            return slot_of_instants(arrays.timestamp, quote=form.quote)
        case "time_of_use_period":
            periods = [form.quote + period.encode() + form.quote for period in TIME_OF_USE_PERIODS]
            return slot_of_choices([*periods, form.missing], arrays.period)
        case _:
            return slot_of_numbers(arrays.values[name], missing=form.missing)
