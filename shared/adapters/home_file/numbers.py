"""Numbers as people write them: decimal comma or point, thousands marks, words for "missing"."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shared.adapters.home_file.table import Table
from shared.domain.errors import InvalidValueError

Numbers = NDArray[np.float64]
_MISSING = frozenset(
    [
        "",
        "na",
        "n/a",
        "#n/a",
        "nan",
        "null",
        "none",
        "nil",
        "-",
        "--",
        "---",
        "?",
        ".",
        "unavailable",
        "unknown",
        "missing",
        "fehlt",
        "k.a.",
        "inf",
        "-inf",
    ]
)
_UNIT_BEHIND = r"\s*(?:[kKM]?[Ww][Hh]?|%|€|EUR|ct)(?:/[kM]Wh)?$"
_GROUPS_OF_THREE = r"^[+-]?\d{1,3}(?:,\d{3})+$"


def is_numeric(table: Table, name: str) -> bool:
    """Whether the first values of a column are numbers."""
    column = table.frame[name]
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return False
    if pd.api.types.is_numeric_dtype(column):
        return True
    text = _plain(column)
    sample = text[text != ""].head(50)
    return bool(len(sample) and np.isfinite(_parsed(sample, decimal_comma=_decimal_comma(sample, likely=table.decimal_comma))).mean() > 0.5)


def is_empty(table: Table, name: str) -> bool:
    """Whether a column has no value at all."""
    column = table.frame[name]
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return bool(column.isna().all())
    return bool((_plain(column) == "").all())


def read_numbers(table: Table, name: str) -> Numbers:
    """The values of a column, NaN where missing. Raises `InvalidValueError` naming the first line that holds no number."""
    column = table.frame[name]
    if pd.api.types.is_numeric_dtype(column):
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        # seven digits are all that single precision has: 0.06402 must not become 0.06401999667
        single = str(column.dtype).lower() in {"float32", "float16", "float[pyarrow]"}
        return _finite(np.round(values, 6) if single else values)
    text = _plain(column)
    values = _parsed(text, decimal_comma=_decimal_comma(text, likely=table.decimal_comma))
    broken = np.isnan(values) & (text != "").to_numpy()
    if broken.any():
        bad = int(broken.argmax())
        raise InvalidValueError(
            f"{name} at {table.where(bad)}", str(column.iloc[bad])[:60], "is not a number; correct it, or leave it empty where missing"
        )
    return _finite(values)


def _plain(column: "pd.Series[Any]") -> "pd.Series[str]":
    """Text without blanks, thousands blanks and apostrophes; empty where missing."""
    text = column.astype(str).str.strip().mask(column.isna(), "")
    return text.mask(text.str.lower().isin(_MISSING), "")


def _decimal_comma(text: "pd.Series[str]", *, likely: bool) -> bool:
    """Whether the comma is the decimal mark in this column."""
    commas = text[text.str.contains(",", regex=False)]
    if not len(commas):
        # with a semicolon as separator 1.234 could be grouped, but a lone group is far rarer than three decimals
        return False
    both = commas[commas.str.contains(".", regex=False)]
    if len(both):
        return bool(both.iloc[0].rfind(",") > both.iloc[0].rfind("."))
    return likely or not bool(commas.str.match(_GROUPS_OF_THREE).all())


def _parsed(text: "pd.Series[str]", *, decimal_comma: bool) -> Numbers:
    direct = pd.to_numeric(text, errors="coerce").to_numpy(dtype=np.float64)
    if not (np.isnan(direct) & (text != "").to_numpy()).any():
        return direct
    cleaned = text.str.replace(_UNIT_BEHIND, "", regex=True).str.replace(r"[\s'’\u00a0\u202f]", "", regex=True)
    if decimal_comma:
        cleaned = cleaned.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
    else:
        cleaned = cleaned.str.replace(",", "", regex=False)
    return pd.to_numeric(cleaned, errors="coerce").to_numpy(dtype=np.float64)


def _finite(values: Numbers) -> Numbers:
    return np.where(np.isfinite(values), values, np.nan)
