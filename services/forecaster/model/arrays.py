"""Matrices as bytes: numpy's own format, read without pickle."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray


def to_bytes(values: NDArray[np.generic]) -> bytes:
    """To the last bit."""
    file = io.BytesIO()
    np.save(file, values, allow_pickle=False)
    return file.getvalue()


def from_bytes(data: bytes) -> NDArray[Any]:
    """Raises `ValueError` for what is none, and for objects."""
    try:
        return np.asarray(np.load(io.BytesIO(data), allow_pickle=False))
    except EOFError as problem:
        raise ValueError("an empty file is no matrix") from problem
