"""A file as Open-Meteo's API and download page give it: https://open-meteo.com/en/docs/historical-weather-api.

Times are local by a constant `utc_offset_seconds`; `temperature_2m` is that of the moment, `shortwave_radiation` the mean of the
hour before it.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import orjson
import pandas as pd

from shared.adapters.home_file.delimited import delimited_rows
from shared.adapters.home_file.table import Table
from shared.domain.errors import InvalidValueError, require_between

TEMPERATURE, RADIATION = "temperature_2m", "shortwave_radiation"
_SECTIONS = ("hourly", "minutely_15")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenMeteo:
    """Rows with the columns `time` and the asked variables, and what the head of the document says of them."""

    table: Table
    utc_offset_seconds: int
    latitude: float
    longitude: float


def begun_at_timestamp(rows: pd.DataFrame, moments: Sequence[str], *, lone: bool) -> pd.DataFrame:
    """Moments, and means and sums of the time before them, as means and sums of the time behind each timestamp.

    `lone`: a moment whose forerunner is missing stands for the mean of the two.
    """
    distances = rows["timestamp"].diff()
    step = distances.min()
    if pd.isna(step):
        step = pd.Timedelta(timedelta(hours=1))
    middles = {}
    for name in moments:
        earlier = rows[name].shift(1).where(distances == step)
        middle = (earlier + rows[name]) / 2.0
        middles[name] = middle.fillna(rows[name]) if lone else middle
    return rows.assign(timestamp=rows["timestamp"] - step, **middles)


def open_meteo(path: Path, content: bytes) -> OpenMeteo | None:
    """A document of Open-Meteo, or None for anything else."""
    if content[:4096].lstrip(b"\xef\xbb\xbf \r\n").startswith(b"latitude,longitude,"):
        return _from_csv(path, content.decode("utf-8-sig", errors="replace"))
    if content[:4096].lstrip().startswith(b"{") and b'"utc_offset_seconds"' in content[:4096]:
        return _from_json(path, content)
    return None


def _from_csv(path: Path, text: str) -> OpenMeteo:
    lines = text.splitlines()
    names, values = (next(csv.reader([line]), []) for line in [*lines, "", ""][:2])
    head = dict(zip(names, values, strict=False))
    # without the head, but with its lines, so that a line is counted as in the file
    rows = delimited_rows(path, "\n".join(["", "", *lines[2:], ""]))
    if rows.frame.empty:
        raise InvalidValueError("weather file", str(path), "has no rows below its head; download it again with hourly values")
    frame = rows.frame.rename(columns=lambda name: _in_our_unit(path, *_name_and_unit(name)))
    return _document(path, head, Table(path=path, frame=frame, place="line"))


def _from_json(path: Path, content: bytes) -> OpenMeteo:
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError as problem:
        raise InvalidValueError("weather file", str(path), f"is not JSON ({problem}); download it again") from None
    section = next((name for name in _SECTIONS if isinstance(document.get(name), dict)), None)
    columns = document[section] if section else {}
    lengths = {len(values) if isinstance(values, list) else 0 for values in columns.values()}
    if len(lengths) != 1 or 0 in lengths or "time" not in columns:
        raise InvalidValueError("weather file", str(path), "has no rows of hourly values; download it again with them")
    units = document.get(f"{section}_units")
    for name in columns:
        _in_our_unit(path, name, str(units.get(name, "")) if isinstance(units, dict) else "")
    frame = pd.DataFrame(columns)
    return _document(path, document, Table(path=path, frame=frame.set_axis(range(1, len(frame) + 1), axis=0), place="row"))


def _document(path: Path, head: dict[str, str], table: Table) -> OpenMeteo:
    try:
        offset, latitude, longitude = int(head["utc_offset_seconds"]), float(head["latitude"]), float(head["longitude"])
        require_between("utc_offset_seconds", offset, -86_400, 86_400)
        require_between("latitude", latitude, -90, 90)
        require_between("longitude", longitude, -180, 360)
    except (KeyError, OverflowError, TypeError, ValueError):
        raise InvalidValueError(
            "weather file", str(path), "begins like a download of Open-Meteo but its head is damaged; download it again"
        ) from None
    return OpenMeteo(table=table, utc_offset_seconds=offset, latitude=latitude, longitude=longitude)


def _name_and_unit(title: str) -> tuple[str, str]:
    """`temperature_2m (°C)` as its two parts."""
    name, _, unit = title.partition(" (")
    return name.strip(), unit.rstrip(") ")


def _in_our_unit(path: Path, name: str, unit: str) -> str:
    wanted = {TEMPERATURE: "°C", RADIATION: "W/m²"}.get(name, unit)
    if unit and unit != wanted:
        raise InvalidValueError(f"{name} of {path.name}", unit, f"must be in {wanted}; download it in metric units")
    return name
