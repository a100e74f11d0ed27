"""`WeatherHistory` from a file on disk: CSV or Parquet with our columns, or a download of Open-Meteo."""

from datetime import timedelta
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from shared.adapters.home_file.numbers import Numbers, read_numbers
from shared.adapters.home_file.table import Table, read_content, read_table
from shared.adapters.weather.open_meteo import RADIATION, TEMPERATURE, begun_at_timestamp, open_meteo
from shared.domain.errors import InvalidValueError
from shared.domain.time import Interval
from shared.ports.weather import WEATHER_COLUMNS

TEMPERATURES_CELSIUS = (-95.0, 65.0)
"""Wider than any air on record."""
IRRADIANCES_W_M2 = (-20.0, 1800.0)
"""A sensor at night shows a little less than nothing; between bright clouds more than the sun alone."""
MOST_BYTES = 200_000_000
"""More than 150 years of hours."""
_FAR_DEGREES = 1.0
_OFFSET = r"(?:[zZ]|[+-]\d{2}:?\d{2})$"


class WeatherFile:
    """Rows of `timestamp` (RFC 3339 with offset, the start of the time that a row is the mean of), `temperature_celsius` and `ghi_w_m2`.

    Rows may stand in any order; of two with one timestamp the later line counts. The columns `time`, `temperature_2m` and
    `shortwave_radiation` are taken to be Open-Meteo's and converted to means that begin at their timestamp. The file is read
    once. Its place is the reader's to know, unless it names it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, *, latitude: float, longitude: float, interval: Interval) -> pd.DataFrame:
        rows, place = self._content
        if place is not None and _far(place, (latitude, longitude)):
            raise InvalidValueError(
                "weather file", str(self._path),
                f"is of latitude {place[0]:g}, longitude {place[1]:g}, not of {latitude:g}, {longitude:g}; "
                "name a file of the home's place, or correct the place",
            )  # fmt: skip
        inside = (rows["timestamp"] >= interval.start) & (rows["timestamp"] < interval.end)
        return rows[inside].reset_index(drop=True)

    @cached_property
    def _content(self) -> tuple[pd.DataFrame, tuple[float, float] | None]:
        """All rows, and the place that the file names, if any."""
        document = open_meteo(self._path, read_content(self._path, most_bytes=MOST_BYTES))
        table = document.table if document else read_table(self._path, most_bytes=MOST_BYTES)
        rows = _rows(self._path, table, utc_offset_seconds=document.utc_offset_seconds if document else None)
        return rows, (document.latitude, document.longitude) if document else None


def _rows(path: Path, table: Table, *, utc_offset_seconds: int | None) -> pd.DataFrame:
    theirs = RADIATION in table.frame.columns and "ghi_w_m2" not in table.frame.columns
    time, temperature, radiation = ("time", TEMPERATURE, RADIATION) if theirs else WEATHER_COLUMNS
    for name in (time, temperature, radiation):
        if name not in table.frame.columns:
            raise InvalidValueError(
                "weather file", str(path),
                f"has no column {name}; give timestamp, temperature_celsius and ghi_w_m2 (it has {', '.join(table.frame.columns)})",
            )  # fmt: skip
    ghi = _bounded(table, radiation, IRRADIANCES_W_M2, "W/m²")
    rows = pd.DataFrame({
        "timestamp": _instants(table, time, utc_offset_seconds=utc_offset_seconds),
        "temperature_celsius": _bounded(table, temperature, TEMPERATURES_CELSIUS, "degrees Celsius"),
        "ghi_w_m2": np.maximum(ghi, 0.0),
    })  # fmt: skip
    rows = rows.drop_duplicates("timestamp", keep="last").sort_values("timestamp", ignore_index=True)
    return begun_at_timestamp(rows, ["temperature_celsius"], lone=True) if theirs else rows


def _instants(table: Table, name: str, *, utc_offset_seconds: int | None) -> "pd.Series[pd.Timestamp]":
    column = table.frame[name]
    text = column.map(lambda value: value.isoformat() if isinstance(value, pd.Timestamp) else str(value).strip())
    shown = "2024-06-15T14:00:00+00:00"
    if utc_offset_seconds is None:
        bare = ~text.str.contains(_OFFSET).to_numpy()
        if bare.any():
            raise _wrong(table, name, int(bare.argmax()), f"is no time with an offset; write it as RFC 3339, for example {shown}")
    moments = pd.to_datetime(text, utc=True, errors="coerce", format="ISO8601")
    broken = moments.isna().to_numpy()
    if broken.any():
        raise _wrong(table, name, int(broken.argmax()), f"is not a time; write it as RFC 3339, for example {shown}")
    return (moments - timedelta(seconds=utc_offset_seconds or 0)).dt.as_unit("us").reset_index(drop=True)


def _bounded(table: Table, name: str, bounds: tuple[float, float], unit: str) -> Numbers:
    values = read_numbers(table, name)
    impossible = (values < bounds[0]) | (values > bounds[1])
    if impossible.any():
        raise _wrong(
            table,
            name,
            int(impossible.argmax()),
            f"must be from {bounds[0]:g} to {bounds[1]:g} {unit}; convert the column or correct the row",
        )
    return values


def _wrong(table: Table, name: str, position: int, remedy: str) -> InvalidValueError:
    value = table.frame[name].iloc[position]
    return InvalidValueError(f"{name} at {table.where(position)} of {table.path.name}", str(value)[:60], remedy)


def _far(place: tuple[float, float], other: tuple[float, float]) -> bool:
    around = abs(place[1] - other[1]) % 360.0
    return abs(place[0] - other[0]) > _FAR_DEGREES or min(around, 360.0 - around) > _FAR_DEGREES
