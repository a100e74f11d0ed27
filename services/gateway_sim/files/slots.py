"""Columns of texts in slots: in every line a text has as much room as the longest, and `PAD` where it needs less.

So numpy moves them. Numbers are what JSON has for them, digit for digit what orjson writes. Those below 10,000 that are whole
ten-thousandths, as nearly all that is shown is, come from tables of four digits; a column with any other goes through orjson.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import orjson
from numpy.typing import NDArray

from services.gateway_sim.plant.noise import Floats, Integers

PAD = b"\xff"
"""A byte that no UTF-8 text has."""

Texts = NDArray[np.bytes_]
"""Shape (rows,): of one length, padded."""

_GROUP = 10_000
"""Four digits: as many as a shown number has behind its point, and room for as many before it."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Room for a column in a line."""

    text: bytes
    """What stands there before it is filled."""
    parts: dict[int, Texts]
    """What each line gets, by its place in the slot."""


def slot_of_choices(choices: list[bytes], index: Integers) -> Slot:
    """One of some texts by its number; -1 is the last."""
    return _slot(_padded(choices)[index])


def slot_of_instants(instants: NDArray[np.datetime64], *, quote: bytes) -> Slot:
    """At least one row. Naive UTC as RFC 3339, `+00:00` behind; microseconds where there are any."""
    texts = _serialised(instants).replace(b'"', quote) + b","
    length = texts.index(b",")
    if len(texts) == len(instants) * (length + 1):  # there are two lengths: with microseconds and without
        return _slot(np.frombuffer(texts, dtype=np.dtype((np.bytes_, length + 1))).astype((np.bytes_, length)))
    return _slot(_padded(texts[:-1].split(b",")))


def slot_of_numbers(column: Floats, *, missing: bytes) -> Slot:
    """At least one row. NaN, and what is not finite, is `missing`."""
    bits = np.ascontiguousarray(column).view(np.int64)
    if (bits == bits[0]).all():  # a negative zero is another text
        return Slot(orjson.dumps(float(column[0])).replace(b"null", missing), {})
    size = np.abs(column)
    largest = float(size.max())
    if largest < _GROUP:  # nor is any missing
        units = np.rint(size * _GROUP)
        if (units / _GROUP == size).all():  # the double nearest to so few digits has no shorter text than them
            return _slot_of_units(units.astype(np.uint32), np.signbit(column), largest)
    return _slot(_padded(_serialised(column).replace(b"null", missing).split(b",")))


def _slot_of_units(units: NDArray[np.uint32], negative: NDArray[np.bool_], largest: float) -> Slot:
    whole = units // np.uint32(_GROUP)
    signed = int(negative.any())
    # no wider than needed, because padding is dear to take out; but of a size that a processor moves at once
    width = 1 if largest < 10.0 else 2 if largest < 100.0 else 4
    parts = {signed: _before_point(width).take(whole), signed + width + 1: _after_point().take(units - whole * np.uint32(_GROUP))}
    if signed:
        parts[0] = np.where(negative, b"-", PAD)
    return Slot(PAD * (signed + width) + b"." + PAD * 4, parts)


@cache
def _before_point(width: int) -> Texts:
    return _padded([(b"%d" % number).rjust(width, PAD) for number in range(10**width)])


@cache
def _after_point() -> Texts:
    return _padded([(b"%04d" % number).rstrip(b"0") or b"0" for number in range(_GROUP)])


def _slot(texts: Texts) -> Slot:
    return Slot(PAD * texts.itemsize, {0: texts})


def _padded(texts: list[bytes]) -> Texts:
    """At least one, none with a NUL."""
    padded = np.array(texts, dtype=np.bytes_)
    characters = padded.view(np.uint8)
    characters[characters == 0] = ord(PAD)
    return padded


def _serialised(column: NDArray[np.float64] | NDArray[np.datetime64]) -> bytes:
    return orjson.dumps(np.ascontiguousarray(column), option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NAIVE_UTC)[1:-1]
