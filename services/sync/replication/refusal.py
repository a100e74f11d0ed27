"""Refused rows as the quarantine keeps them: whole, in the gateway's own JSON, with a reason that stays the same."""

import json
from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shared.domain.reading import VALUE_COLUMNS, nested_from_flat
from shared.domain.time import Instants

AHEAD_OF_CLOCK = "timestamp is more than 5 minutes ahead of the clock"
QUARANTINE_COLUMNS = ("site_id", "device_id", "timestamp", "reason", "document", "stored_at")


def quarantine_rows(readings: pd.DataFrame, reasons: Sequence[object], *, now: datetime) -> pd.DataFrame:
    """Readings as `QUARANTINE_COLUMNS`, each with its reason."""
    moments = _texts(readings["timestamp"].to_numpy(dtype="datetime64[us]"))
    rows = {
        "site_id": [_text(value) for value in readings["site_id"]],
        "device_id": [_text(value) for value in readings["device_id"]],
        "timestamp": moments,
        "reason": list(reasons),
        "document": [_document(readings.iloc[index], moment) for index, moment in enumerate(moments)],
        "stored_at": pd.DatetimeIndex([now] * len(readings), tz="UTC").as_unit("us"),
    }
    return pd.DataFrame(rows, columns=list(QUARANTINE_COLUMNS))


def early_rows(quarantine: pd.DataFrame) -> pd.DataFrame:
    """What of a quarantine was refused for a clock ahead."""
    return quarantine[quarantine["reason"] == AHEAD_OF_CLOCK]


def same_as_refused(accepted: pd.DataFrame, early: pd.DataFrame) -> NDArray[np.bool_]:
    """Rows that were refused for a clock ahead, word for word, shape (rows,). Time passing does not make them true."""
    same = np.zeros(len(accepted), dtype=np.bool_)
    if early.empty:
        return same
    known = set(zip(early["site_id"], early["device_id"], early["timestamp"], early["document"], strict=True))
    stamps = accepted["timestamp"].to_numpy(dtype="datetime64[us]")
    moments = np.array([moment.removesuffix("+00:00") for moment in early["timestamp"]], dtype="datetime64[us]")
    for index in np.flatnonzero(np.isin(stamps, moments)).tolist():
        row, (moment,) = accepted.iloc[index], _texts(stamps[index : index + 1])
        same[index] = (row["site_id"], row["device_id"], moment, _document(row, moment)) in known
    return same


def _document(row: pd.Series, moment: str) -> str:
    """The gateway's JSON of a row, with infinities as text because JSON has none."""
    flat = {name: _json_value(row[name]) for name in (*VALUE_COLUMNS, "time_of_use_period")}
    return json.dumps(nested_from_flat({**flat, "timestamp": moment, "device_id": _text(row["device_id"])}))


def _json_value(value: object) -> object:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return None
    return str(value) if isinstance(value, float) and np.isinf(value) else value


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(stamps: Instants) -> list[str]:
    """RFC 3339 in UTC; "" for a missing one. Also for years that `datetime` cannot hold."""
    return ["" if np.isnat(stamp) else f"{np.datetime_as_string(stamp, unit='us')}+00:00" for stamp in stamps]
