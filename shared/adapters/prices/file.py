"""Prices of a file: CSV, Parquet or JSON lines with a time and a price per kWh (or per MWh).

A series is a path, and behind a `#` the zone of local times and the currency: `file:prices.csv`, `file:prices.csv#Europe/Berlin`,
`file:prices.csv#Europe/London,GBP`.
"""

import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shared.adapters.home_file.local_time import utc_from_local
from shared.adapters.home_file.numbers import read_numbers
from shared.adapters.home_file.table import Table, read_table
from shared.adapters.home_file.time_columns import read_time
from shared.adapters.prices.supplier import CENTRAL_EUROPE, MOST_PER_KWH, Market, resolution_of
from shared.domain.errors import InvalidValueError
from shared.domain.time import Interval, local_clock, zone
from shared.domain.units import price_per_kwh_from_per_mwh
from shared.ports.errors import NotFoundError
from shared.ports.origin import Freshness, Origin
from shared.ports.price_feed import PRICE_FEED_COLUMNS, PriceAnswer

NAME = "file"
MOST_BYTES = 200_000_000
PER_KWH, PER_MWH, PUBLISHED = "price_per_kwh", "price_per_mwh", "published_at"
_CURRENCY = re.compile(r"[A-Z]{3}")


class PriceFiles:
    """`PriceFeed` of files. With a folder, only of files inside it: series come with tariffs, and those from anybody."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def knows(self, series_id: str) -> bool:
        return series_id.startswith(f"{NAME}:")

    def read(self, series_id: str, *, interval: Interval, now: datetime) -> PriceAnswer:
        written, _, options = series_id.removeprefix(f"{NAME}:").partition("#")
        timezone, currency = _options(series_id, options)
        path = self._path(series_id, written)
        table = read_table(path, most_bytes=MOST_BYTES)
        rows = _rows(table, timezone)
        known = (rows["timestamp"] >= interval.start) & (rows["timestamp"] < interval.end) & (rows[PUBLISHED] <= now)
        return PriceAnswer(
            prices=rows[known].reset_index(drop=True),
            currency=currency,
            tax="as the file has it",
            origin=Origin(
                supplier=NAME,
                attribution=f"Prices: {path.name}",
                licence_url="",
                resolution=resolution_of(rows["timestamp"]),
                fetched_at=datetime.fromtimestamp(path.stat().st_mtime, UTC),
                freshness=Freshness.FRESH,
            ),
        )

    def _path(self, series_id: str, written: str) -> Path:
        path = Path(written) if self._folder is None else self._folder / written
        if self._folder is not None and not path.resolve().is_relative_to(self._folder.resolve()):
            raise InvalidValueError("series", series_id, f"must name a file inside {str(self._folder)!r}; put it there")
        if not written or not path.is_file():
            raise NotFoundError(f"series {series_id!r}: no file {str(path)!r}; put it there, or correct the name")
        return path


def _options(series_id: str, text: str) -> tuple[str | None, str]:
    """The zone and the currency behind the `#`."""
    timezone, currency = None, "EUR"
    for part in filter(None, text.split(",")):
        if _CURRENCY.fullmatch(part) and part != "UTC":
            currency = part
        else:
            timezone = zone(part, f"time zone of series {series_id!r}").key
    return timezone, currency


def _rows(table: Table, timezone: str | None) -> pd.DataFrame:
    frame = table.frame
    scale = next((name for name in (PER_KWH, PER_MWH) if name in frame.columns), None)
    if scale is None:
        found = ", ".join(map(str, frame.columns[:20]))
        raise InvalidValueError(
            "price file", str(table.path), f"has no column {PER_KWH} or {PER_MWH}; rename its price column (it has {found})"
        )
    prices = read_numbers(table, scale)
    prices = price_per_kwh_from_per_mwh(prices) if scale == PER_MWH else prices
    absurd = np.abs(prices) > MOST_PER_KWH
    if absurd.any():
        at = int(absurd.argmax())
        raise InvalidValueError(
            f"{scale} at {table.where(at)} of {table.path.name}",
            str(frame[scale].iloc[at]),
            f"is no price per kWh; call the column {PER_MWH}, or convert it",
        )
    stamps = _stamps(table, None, timezone)
    rows = pd.DataFrame({"timestamp": _utc(stamps), PER_KWH: prices, PUBLISHED: _utc(_published(table, stamps, timezone))})
    rows = rows[np.isfinite(prices)].drop_duplicates("timestamp", keep="last").sort_values("timestamp", ignore_index=True)
    return rows[list(PRICE_FEED_COLUMNS)]


def _stamps(table: Table, name: str | None, timezone: str | None) -> NDArray[np.datetime64]:
    """Naive UTC. Raises `InvalidValueError` for local times of no known zone."""
    times = (
        Table(path=table.path, frame=table.frame.drop(columns=[PUBLISHED], errors="ignore"), place=table.place) if name is None else table
    )
    read = read_time(times, name)
    if np.isnat(read.parsed.stamps).any():
        bad = int(np.isnat(read.parsed.stamps).argmax())
        raise InvalidValueError(f"time at {table.where(bad)} of {table.path.name}", "missing", "every price needs a time")
    if read.labels_end:
        raise InvalidValueError("time column", read.columns[0], "tells the end of each price; give the start")
    if read.parsed.aware or read.says_utc:
        return read.parsed.stamps
    local = timezone or read.parsed.zone
    if local is None:
        raise InvalidValueError(
            "price file", str(table.path), "has local times without an offset; name their zone: file:prices.csv#Europe/Berlin"
        )
    return utc_from_local(table, read.parsed.stamps, local)[0]


def _published(table: Table, stamps: NDArray[np.datetime64], timezone: str | None) -> NDArray[np.datetime64]:
    """As the file says, or as day-ahead prices are: at 13:00 of the day before."""
    if PUBLISHED in table.frame.columns:
        return _stamps(table, PUBLISHED, timezone)
    market = Market(timezone=timezone or CENTRAL_EUROPE.timezone, announces=CENTRAL_EUROPE.announces)
    days, row = np.unique(local_clock(stamps, zone(market.timezone)).date, return_inverse=True)
    announced = [market.announced_at(day.item()).replace(tzinfo=None) for day in days]
    return np.array(announced, dtype="datetime64[us]")[row]


def _utc(stamps: NDArray[np.datetime64]) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(stamps.astype("datetime64[us]")).tz_localize("UTC")
