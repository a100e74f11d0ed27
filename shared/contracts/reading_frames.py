"""Readings from documents to columns and back: the one conversion between what a gateway sends and what stores keep."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shared.contracts.reading_columns import ReadingColumns, instants
from shared.contracts.readings import BatteryReading, GridPriceReading, HomeLoadReading, ReadingDocument, SolarReading
from shared.domain.reading import FIELDS, KEY_COLUMNS, VALUE_COLUMNS, Quality
from shared.domain.time import EPOCH, Instants

_TEXT = pd.StringDtype(na_value=np.nan)
_MICROSECOND = timedelta(microseconds=1)


def frame_from_documents(documents: Sequence[ReadingDocument], *, site_id: str | Sequence[str]) -> pd.DataFrame:
    """Readings as `READING_COLUMNS`, in the order given: null is NaN (text: None), quality is good until someone judges it.

    `site_id` is that of all, or of each.
    """
    count = len(documents)
    values = np.array([_NUMBERS(document) for document in documents], dtype=np.float64).reshape(count, len(VALUE_COLUMNS))
    moments = np.array([(document.timestamp - EPOCH) // _MICROSECOND for document in documents], dtype=np.int64)
    sites = [site_id] * count if isinstance(site_id, str) else site_id
    periods = [document.grid_price.time_of_use_period for document in documents]
    return _frame(sites, [document.device_id for document in documents], moments.view("datetime64[us]"), values, periods)


def _frame(
    site_ids: Sequence[str], device_ids: Sequence[str], stamps: Instants, values: NDArray[np.float64], periods: Sequence[str | None]
) -> pd.DataFrame:
    """`READING_COLUMNS` of these rows, values of shape (rows, columns) with NaN for a gap."""
    frame = pd.DataFrame(values, columns=list(VALUE_COLUMNS))  # one block of numbers
    keys: tuple[Any, ...] = (
        pd.array(list(site_ids), dtype=_TEXT),
        pd.array(list(device_ids), dtype=_TEXT),
        pd.DatetimeIndex(stamps).tz_localize("UTC"),
    )
    for place, (name, column) in enumerate(zip(KEY_COLUMNS, keys, strict=True)):
        frame.insert(place, name, column)
    frame["time_of_use_period"] = np.array(periods, dtype=object)
    frame["quality"] = np.full(len(frame), int(Quality.GOOD), dtype=np.int64)
    return frame


def frame_from_columns(parts: Sequence[tuple[str, ReadingColumns]]) -> pd.DataFrame:
    """The same of columns, each with its site, one after the other. A column that was left out is missing in every row."""
    counts = [len(columns.timestamp) for _, columns in parts]
    values = np.full((len(VALUE_COLUMNS), sum(counts)), np.nan)
    stamps = np.empty(sum(counts), dtype="datetime64[us]")
    sites: list[str] = []
    devices: list[str] = []
    periods: list[str | None] = []
    for (site_id, columns), count in zip(parts, counts, strict=True):
        rows = slice(len(sites), len(sites) + count)
        for place, name in enumerate(VALUE_COLUMNS):
            if name in columns.values:
                values[place, rows] = columns.values[name]
        stamps[rows] = instants(columns.timestamp)
        sites += [site_id] * count
        devices += columns.device_id
        periods += columns.time_of_use_period if columns.time_of_use_period is not None else [None] * count
    return _frame(sites, devices, stamps, values.T, periods)


def columns_from_frame(frame: pd.DataFrame) -> ReadingColumns:
    """A readings frame as a message's columns, in its order, values as they are stored; nothing is validated again."""
    places = {name: place for place, name in enumerate(frame.columns.tolist())}
    names = [name for name in VALUE_COLUMNS if name in places]
    values = frame.iloc[:, [places[name] for name in names]]  # by place: looking the names up takes longer than all the rest
    stamps = frame["timestamp"].to_numpy(dtype="datetime64[us]")  # in UTC
    return ReadingColumns.model_construct(
        timestamp=[f"{text}+00:00" for text in np.datetime_as_string(stamps, unit="us").tolist()],
        device_id=frame["device_id"].to_numpy(dtype=object).tolist(),
        values=dict(zip(names, _number_lists(values.to_numpy(dtype=np.float64)), strict=True)),
        time_of_use_period=_periods(frame),
    )


def documents_from_frame(frame: pd.DataFrame) -> list[ReadingDocument]:
    """One document for each row of a readings frame, in its order; absent columns and NaN are null.

    The values are shown as they are stored, also those that a quality flag doubts: nothing is validated again. Site and
    quality are no part of what a gateway sends and are left out.
    """
    sections = {
        section: [dict(zip(names, row, strict=True)) for row in zip(*(_values(frame, column) for column in columns), strict=True)]
        for section, (names, columns) in ((key, tuple(zip(*fields, strict=True))) for key, fields in _BY_SECTION.items())
    }
    periods: list[Any] = _periods(frame)
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
    return _number_lists(frame[column].to_numpy(dtype=np.float64, na_value=np.nan)[:, None])[0]


def _number_lists(numbers: NDArray[np.float64]) -> list[list[float | None]]:
    """Of a matrix of rows and columns a list for each column; None for NaN."""
    lists: list[list[float | None]] = numbers.T.tolist()
    gaps = np.isnan(numbers)
    for column in np.flatnonzero(gaps.any(axis=0)).tolist():
        lists[column] = [None if gap else value for value, gap in zip(lists[column], gaps[:, column].tolist(), strict=True)]
    return lists


def _periods(frame: pd.DataFrame) -> list[str | None]:
    texts = frame["time_of_use_period"].to_numpy(dtype=object).tolist() if "time_of_use_period" in frame else [None] * len(frame)
    return [text if isinstance(text, str) else None for text in texts]


def _moments(frame: pd.DataFrame) -> list[datetime]:
    return list(pd.DatetimeIndex(frame["timestamp"]).tz_convert("UTC").to_pydatetime())
