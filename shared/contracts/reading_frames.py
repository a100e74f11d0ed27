"""Readings from documents to columns and back: the one conversion between what a gateway sends and what stores keep."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

import numpy as np
import pandas as pd

from shared.contracts.readings import BatteryReading, GridPriceReading, HomeLoadReading, ReadingDocument, SolarReading
from shared.domain.reading import FIELDS, KEY_COLUMNS, VALUE_COLUMNS, Quality
from shared.domain.time import EPOCH

_TEXT = pd.StringDtype(na_value=np.nan)
_MICROSECOND = timedelta(microseconds=1)


def frame_from_documents(documents: Sequence[ReadingDocument], *, site_id: str | Sequence[str]) -> pd.DataFrame:
    """Readings as `READING_COLUMNS`, in the order given: null is NaN (text: None), quality is good until someone judges it.

    `site_id` is that of all, or of each.
    """
    count = len(documents)
    # one block of numbers; None becomes NaN: a gap stays a gap
    values = np.array([_NUMBERS(document) for document in documents], dtype=np.float64).reshape(count, len(VALUE_COLUMNS))
    frame = pd.DataFrame(values, columns=list(VALUE_COLUMNS))
    moments = np.array([(document.timestamp - EPOCH) // _MICROSECOND for document in documents], dtype=np.int64)
    keys: tuple[Any, ...] = (
        pd.array([site_id] * count if isinstance(site_id, str) else site_id, dtype=_TEXT),
        pd.array([document.device_id for document in documents], dtype=_TEXT),
        pd.DatetimeIndex(moments.view("datetime64[us]")).tz_localize("UTC"),
    )
    for place, (name, column) in enumerate(zip(KEY_COLUMNS, keys, strict=True)):
        frame.insert(place, name, column)
    frame["time_of_use_period"] = np.array([document.grid_price.time_of_use_period for document in documents], dtype=object)
    frame["quality"] = np.full(count, int(Quality.GOOD), dtype=np.int64)
    return frame


def documents_from_frame(frame: pd.DataFrame) -> list[ReadingDocument]:
    """One document for each row of a readings frame, in its order; absent columns and NaN are null.

    The values are shown as they are stored, also those that a quality flag doubts: nothing is validated again. Site and
    quality are no part of what a gateway sends and are left out.
    """
    sections = {
        section: [dict(zip(names, row, strict=True)) for row in zip(*(_values(frame, column) for column in columns), strict=True)]
        for section, (names, columns) in ((key, tuple(zip(*fields, strict=True))) for key, fields in _BY_SECTION.items())
    }
    texts = frame["time_of_use_period"].tolist() if "time_of_use_period" in frame else [None] * len(frame)
    periods: list[Any] = [text if isinstance(text, str) else None for text in texts]
    return [
        ReadingDocument.model_construct(
            timestamp=moment,
            device_id=device_id,
            solar=SolarReading.model_construct(**solar),
            battery=BatteryReading.model_construct(**battery),
            home_load=HomeLoadReading.model_construct(**home_load),
            grid_price=GridPriceReading.model_construct(**price, time_of_use_period=period),
            **flow,
        )
        for moment, device_id, solar, battery, home_load, price, period, flow in zip(
            _moments(frame), frame["device_id"].tolist(), *(sections[name] for name in ("solar", "battery", "home_load", "grid_price")),
            periods, sections[""], strict=True,
        )
    ]  # fmt: skip


def _fields_by_section() -> dict[str, list[tuple[str, str]]]:
    """Name in the JSON and column of every number, by section ("" for the document itself)."""
    sections: dict[str, list[tuple[str, str]]] = {}
    for field in FIELDS:
        sections.setdefault(field.section, []).append((field.name, field.column))
    return sections


_BY_SECTION = _fields_by_section()
_NUMBERS = attrgetter(*(f"{field.section}.{field.name}" if field.section else field.name for field in FIELDS))
"""Every number of a document, in the order of `VALUE_COLUMNS`."""


def _values(frame: pd.DataFrame, column: str) -> list[float | None]:
    if column not in frame:
        return [None] * len(frame)
    numbers = frame[column].to_numpy(dtype=np.float64, na_value=np.nan)
    values = numbers.astype(object)
    values[np.isnan(numbers)] = None
    return values.tolist()


def _moments(frame: pd.DataFrame) -> list[datetime]:
    return list(pd.DatetimeIndex(frame["timestamp"]).tz_convert("UTC").to_pydatetime())
