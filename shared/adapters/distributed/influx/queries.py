"""What is asked of InfluxDB, in Flux, and its answers as frames.

The texts are constant and every value is a parameter, so no value can become code. `range` and the measurement come first,
and each aggregate stands directly behind its filter: that part is done where the data is stored.
"""

from collections.abc import Mapping
from io import StringIO
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shared.adapters.distributed.influx.lines import FIELD_COLUMNS, MEASUREMENT, PRESENT
from shared.domain.reading import READING_COLUMNS, VALUE_COLUMNS
from shared.ports.errors import UnavailableError

_RANGE = "from(bucket: _bucket)\n  |> range(start: _start, stop: _stop)\n"
_SITE = f'  |> filter(fn: (r) => r._measurement == "{MEASUREMENT}" and r.site_id == _site)\n'
_POINTS = f'{_RANGE}  |> filter(fn: (r) => r._measurement == "{MEASUREMENT}" and r._field == "quality")\n'
_SITE_POINTS = f'{_RANGE}  |> filter(fn: (r) => r._measurement == "{MEASUREMENT}" and r.site_id == _site and r._field == "quality")\n'
_OF_DEVICES = '  |> group()\n  |> keep(columns: ["site_id", "device_id", "{}"])\n'

READINGS = (
    f"{_RANGE}{_SITE}"
    '  |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")\n'
    "  |> group()\n"
    '  |> sort(columns: ["_time", "device_id"])\n'
    "  |> limit(n: _limit)\n"
)
"""Whole readings of a site in `[_start, _stop)`, the oldest `_limit`."""
FIRST = f"{_POINTS}  |> first()\n{_OF_DEVICES.format('_time')}"
LAST = f"{_POINTS}  |> last()\n{_OF_DEVICES.format('_time')}"
COUNT = f"{_POINTS}  |> count()\n{_OF_DEVICES.format('_value')}"
"""Of each device: the time of its first and its last reading, how many it has."""
SITE_FIRST = f"{_SITE_POINTS}  |> first()\n{_OF_DEVICES.format('_time')}"
SITE_LAST = f"{_SITE_POINTS}  |> last()\n{_OF_DEVICES.format('_time')}"
SITE_COUNT = f"{_SITE_POINTS}  |> count()\n{_OF_DEVICES.format('_value')}"
"""The same for the devices of one site."""

SITE_MEASUREMENT, PRICE_MEASUREMENT = "announced_site", "announced_price"
SITES = (
    f'{_RANGE}  |> filter(fn: (r) => r._measurement == "{SITE_MEASUREMENT}")\n'
    '  |> last()\n  |> group()\n  |> keep(columns: ["site_id", "_time", "_field", "_value"])\n'
)
"""The last value of each field of each site, all texts, and when it was written."""
PRICES = (
    f'{_RANGE}  |> filter(fn: (r) => r._measurement == "{PRICE_MEASUREMENT}" and r.series_id == _series)\n'
    '  |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")\n  |> group()\n'
)
"""Every publication of a series in `[_start, _stop)`."""

_TEXTS = ("site_id", "device_id", "_time", "time_of_use_period")
READING_KINDS = {
    **dict.fromkeys(_TEXTS, "str"),
    **dict.fromkeys(VALUE_COLUMNS, "float64"),
    **dict.fromkeys(("quality", PRESENT, "_value"), "Int64"),
}
SITE_KINDS = dict.fromkeys(("site_id", "_time", "_field", "_value"), "str")
PRICE_KINDS = {"_time": "str", "published_us": "int64", "present": "int64", "price_per_kwh": "float64"}
"""The columns of each kind of answer, and what they hold."""


def table_of(answer: str, kinds: Mapping[str, str] = READING_KINDS) -> pd.DataFrame:
    """The one table of an answer in CSV without annotations: the columns of `kinds`, `_time` as `datetime64[us, UTC]`; none for no answer.

    Raises `UnavailableError` for an answer that ends in an error, as one does that fails while it is sent.
    """
    if not answer.strip():
        return pd.DataFrame()
    if "error,reference" in answer:
        _raise_if_failed(answer)
    table = pd.read_csv(
        StringIO(answer),
        usecols=lambda name: name in kinds,
        dtype=dict(kinds),
        keep_default_na=False,
        na_values=[""],
    )
    if "_time" in table:
        table["_time"] = pd.to_datetime(table["_time"], format="ISO8601", utc=True).dt.as_unit("us")
    return table


def readings_of(answer: str) -> pd.DataFrame:
    """The readings in an answer to `READINGS`; columns that it lacks are missing values."""
    table = table_of(answer)
    if table.empty:
        return no_readings()
    present = _bits(table)
    frame = table.rename(columns={"_time": "timestamp"}).reindex(columns=list(READING_COLUMNS))
    for bit, name in enumerate(FIELD_COLUMNS):
        column = frame[name].where((present >> bit & 1).astype(bool))
        if name in VALUE_COLUMNS:
            frame[name] = column.astype("float64")
        else:
            texts = column.tolist()
            frame[name] = pd.Series([text if isinstance(text, str) else None for text in texts], dtype="object")
    return frame.assign(quality=frame["quality"].fillna(0).astype("int64"))


def no_readings() -> pd.DataFrame:
    """No rows, in the dtypes of a readings frame."""
    types = {"site_id": "str", "device_id": "str", "timestamp": "datetime64[us, UTC]"}
    types |= dict.fromkeys(VALUE_COLUMNS, "float64") | {"time_of_use_period": "object", "quality": "int64"}
    return pd.DataFrame({name: pd.Series(dtype=types[name]) for name in READING_COLUMNS})


def _bits(table: pd.DataFrame) -> NDArray[np.int64]:
    """Which values each point has; all that are there for a point that another program wrote."""
    if PRESENT not in table:
        return np.full(len(table), -1, dtype=np.int64)
    return table[PRESENT].fillna(-1).to_numpy(dtype=np.int64)


def _raise_if_failed(answer: str) -> None:
    for header, problem in pairwise(answer.splitlines()):
        if header.strip() == ",error,reference":
            raise UnavailableError(f"InfluxDB broke off its answer ({problem.strip(',')}); it is asked again later")
