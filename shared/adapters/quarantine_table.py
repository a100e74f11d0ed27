"""Refused readings as every store keeps them. They may be wrong in every way, and are never refused once more."""

import pandas as pd

from shared.adapters.embedded.columns import require_columns

TEXTS = ("site_id", "device_id", "timestamp", "reason", "document")


def quarantine_texts(rows: pd.DataFrame) -> list[list[str]]:
    """The columns of `TEXTS`. What no store can hold, half a character or a zero byte, is replaced.

    Raises `InvalidValueError` for a frame without these columns or `stored_at`.
    """
    require_columns(rows, (*TEXTS, "stored_at"))
    return [[_storable(str(text)) for text in rows[name]] for name in TEXTS]


def _storable(text: str) -> str:
    return text.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
