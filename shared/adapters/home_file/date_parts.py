"""The parts of a date as written in any order, found once for each different piece of text."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from shared.adapters.home_file.names import words

ANY_DATE = (
    r"^(?:[A-Za-z]{2,9}\.?,?\s+)?(?P<a>\d{1,4})[./\- ](?P<b>\d{1,2}|[A-Za-zäûéÄÉ]{3,9})\.?[./\- ](?P<c>\d{2,4})\.?"
    r"(?:(?:[T ,]|\s-)+\s*(?P<h>\d{1,2})(?:[:.hH](?P<m>\d{2}))?(?:[:.](?P<s>\d{2}))?"
    r"(?:[.,](?P<f>\d+))?\s*(?:Uhr)?\s*(?P<ap>[AaPp]\.?[Mm]\.?)?)?"
    r"\s*(?P<z>Z|UTC|GMT|CES?T|MES?Z|[+-]\d\d(?::?\d\d)?)?$"
)
_MONTHS = {
    name: number
    for number, names in enumerate(
        ("jan janv ene gen", "feb fev febr", "mar maerz marz mae mars mrt maa", "apr avr abr", "may mai mag mei", "jun juin giu",
         "jul juil lug", "aug aout ago", "sep sept set", "oct okt ott", "nov", "dec dez dic"), start=1,
    )
    for name in names.split()
}  # fmt: skip
_ZONES = {"Z": 0, "UTC": 0, "GMT": 0, "CET": 60, "MEZ": 60, "CEST": 120, "MESZ": 120}


class DateParts:
    """The named groups of `ANY_DATE` in each text, shape (n,); work is done once for each different piece of text."""

    def __init__(self, text: "pd.Series[str]") -> None:
        found = pc.extract_regex(pa.array(text.to_numpy(dtype=object), pa.string()), ANY_DATE)
        self._codes, self._pieces = {}, {}
        for key in ("a", "b", "c", "h", "m", "s", "f", "ap", "z"):
            column = pc.fill_null(pc.struct_field(found, key), "").dictionary_encode()
            self._codes[key], self._pieces[key] = column.indices.to_numpy(), column.dictionary.to_pylist()

    def of(self, key: str, value: Callable[[str], float], kind: type = np.int64) -> NDArray[Any]:
        """A number for each text, by the piece that it has."""
        values: NDArray[Any] = np.array([value(piece) for piece in self._pieces[key]], dtype=kind)[self._codes[key]]
        return values

    def number(self, key: str, *, missing: int) -> NDArray[np.int64]:
        return self.of(key, lambda piece: int(piece) if piece.isdigit() else missing)

    def length(self, key: str) -> NDArray[np.int64]:
        return self.of(key, len)

    @property
    def has_month_name(self) -> NDArray[np.bool_]:
        return self.of("b", lambda piece: piece[:1].isalpha(), bool)

    def month_number(self) -> NDArray[np.int64]:
        return self.of("b", lambda piece: _month("".join(words(piece))))

    @property
    def is_afternoon(self) -> NDArray[np.bool_]:
        return self.of("ap", lambda piece: piece[:1].lower() == "p", bool)

    @property
    def is_morning(self) -> NDArray[np.bool_]:
        return self.of("ap", lambda piece: piece[:1].lower() == "a", bool)

    def fraction(self) -> NDArray[np.timedelta64]:
        """Fractions of a second."""
        micros = self.of("f", lambda piece: round(float(f"0.{piece or '0'}") * 1e6))
        return micros.astype("timedelta64[us]")

    def offset(self) -> NDArray[np.timedelta64]:
        """Offset from UTC, zero where none is written."""
        return (self.of("z", _offset_minutes) * 60_000_000).astype("timedelta64[us]")


def matches(text: "pd.Series[str]", pattern: str) -> NDArray[np.bool_]:
    """Which texts hold the pattern."""
    found: NDArray[np.bool_] = pc.match_substring_regex(pa.array(text.to_numpy(dtype=object), pa.string()), pattern).to_numpy(
        zero_copy_only=False
    )
    return found.astype(bool)


def _month(word: str) -> int:
    return next((number for length in (4, 3) if (number := _MONTHS.get(word[:length]))), -1)


def _offset_minutes(zone: str) -> int:
    if not zone:
        return 0
    if zone in _ZONES:
        return _ZONES[zone]
    digits = re.sub(r"\D", "", zone).ljust(4, "0")
    return (-1 if zone.startswith("-") else 1) * (int(digits[:2]) * 60 + int(digits[2:4]))
