"""Columns as the bytes of PostgreSQL's binary COPY, made by numpy: no Python object for any row.

https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format": a count of fields, then each field as its length
in bytes and its value, all big-endian; the length of NULL is -1.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

CHUNK = 10_000
"""Rows turned into bytes at a time."""
_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = b"\xff\xff"
_EPOCH_2000 = 946_684_800_000_000
"""PostgreSQL counts microseconds from 2000."""


@dataclass(frozen=True, slots=True)
class Column:
    """Values as they travel, shape (rows,), and the length of each: -1 for NULL."""

    values: NDArray[np.generic]
    lengths: NDArray[np.int32]

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> "Column":
        return Column(self.values[rows], self.lengths[rows])


def numbers(values: NDArray[np.float64]) -> Column:
    """`double precision`, NULL for NaN."""
    return Column(values.astype(">f8"), np.where(np.isnan(values), -1, 8).astype(np.int32))


def integers(values: NDArray[np.int64]) -> Column:
    """`integer`."""
    return Column(values.astype(">i4"), np.full(len(values), 4, dtype=np.int32))


def longs(values: NDArray[np.int64]) -> Column:
    """`bigint`."""
    return Column(values.astype(">i8"), np.full(len(values), 8, dtype=np.int32))


def instants(micros: NDArray[np.int64]) -> Column:
    """`timestamptz`."""
    return longs(micros - _EPOCH_2000)


def texts(codes: NDArray[np.int64], names: Sequence[str]) -> Column:
    """`text`, given as indices into names; NULL for -1."""
    encoded = [name.encode() for name in names]
    lengths = np.array([*(len(name) for name in encoded), -1], dtype=np.int32)
    return Column(np.array([*encoded, b""], dtype=np.bytes_)[codes], lengths[codes])


def free_texts(values: Sequence[str | None]) -> Column:
    """`text`, given as it is; NULL for None."""
    codes, names = pd.factorize(np.array(values, dtype=object))
    return texts(codes.astype(np.int64), list(names))


def arrays(values: NDArray[np.float64]) -> Column:
    """`double precision[]`, one for each row of a matrix; NaN stays NaN."""
    rows, width = values.shape
    kind = np.dtype([("head", ">i4", (5,)), ("items", [("length", ">i4"), ("value", ">f8")], (width,))])
    packed = np.zeros(rows, dtype=kind)
    packed["head"] = (1 if width else 0, 0, 701, width, 1)  # dimensions, no NULL, float8, length, first index
    packed["items"]["length"] = 8
    packed["items"]["value"] = values
    size = kind.itemsize if width else 12  # an array without dimensions ends before their list
    return Column(packed.view(f"V{kind.itemsize}"), np.full(rows, size, dtype=np.int32))


def copy_of(columns: Sequence[Column]) -> Iterator[memoryview]:
    """What COPY … FROM STDIN (FORMAT BINARY) wants to hear, in pieces."""
    yield memoryview(_HEAD)
    for start in range(0, len(columns[0].values), CHUNK):
        yield _rows([column[slice(start, start + CHUNK)] for column in columns]).data
    yield memoryview(_END)


def _rows(columns: Sequence[Column]) -> NDArray[np.uint8]:
    fields = [(f"{kind}{at}", code) for at, column in enumerate(columns) for kind, code in (("n", ">i4"), ("v", column.values.dtype))]
    rows = np.empty(len(columns[0].values), dtype=np.dtype([("count", ">i2"), *fields]))
    rows["count"] = len(columns)
    for at, column in enumerate(columns):
        rows[f"n{at}"] = column.lengths
        rows[f"v{at}"] = column.values
    wide = rows.view(np.uint8).reshape(len(rows), rows.dtype.itemsize)
    uneven = [at for at, column in enumerate(columns) if (column.lengths != column.values.dtype.itemsize).any()]
    if not uneven:
        return wide.reshape(-1)
    # every row was given room for its longest: leave out what is not there
    said = np.ones(wide.shape, dtype=np.bool_)
    assert rows.dtype.fields is not None  # noqa: S101  # it was just made with fields
    for at in uneven:
        kind, offset = rows.dtype.fields[f"v{at}"][:2]
        said[:, offset : offset + kind.itemsize] = np.arange(kind.itemsize) < columns[at].lengths[:, None]
    return wide[said]
