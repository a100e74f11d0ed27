"""Real homes and prices at hourly resolution, as the folders of the data hold them. Missing stays missing."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from likeness.measures import Values
from shared.domain.time import LocalClock, local_clock, zone

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a set of homes stands."""

    name: str
    timezone: str
    latitude: float
    longitude: float
    folder: str
    """Of the data."""


KONSTANZ = Place(name="Konstanz", timezone="Europe/Berlin", latitude=47.66, longitude=9.18, folder="opsd_konstanz")
FRANCE = Place(name="France", timezone="Europe/Paris", latitude=44.84, longitude=-0.58, folder="emhass_france")
AARGAU = Place(name="Aargau", timezone="Europe/Zurich", latitude=47.39, longitude=8.05, folder="aew_aargau")
FONTANA = Place(name="Fontana", timezone="America/Los_Angeles", latitude=34.09, longitude=-117.44, folder="citylearn2022_fontana")
LONDON = Place(name="London", timezone="Europe/London", latitude=51.51, longitude=-0.13, folder="lcl_london")
PLACES = (KONSTANZ, FRANCE, AARGAU, FONTANA, LONDON)
FILES = {place: f"{place.folder}/{name}.parquet" for place, name in zip(PLACES, ("home", "home", "sites", "homes", "homes"), strict=True)}
PRICES = {
    "Germany": ("price_de_2015_2025/price.parquet", "Europe/Berlin"),
    # a day has 24 hours in this file, named by the clock on the wall: read as UTC its days and hours are the local ones
    "EPEX": ("price_epf/de_2012_2017_local_time.parquet", "UTC"),
    "New South Wales": ("price_aemo_5min/price.parquet", "Etc/GMT-10"),
    "London dToU": ("lcl_london/tariff_dtou.parquet", "Europe/London"),
    "Fontana TOU": ("citylearn2022_fontana/homes.parquet", "America/Los_Angeles"),
}
"""Name: file and the zone of its days."""
LEAST_HOURS = 28 * 24
"""A shorter series says nothing about a price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HourlyHome:
    """A home's hours; `start` is naive UTC. Generation is None where there is no array."""

    name: str
    place: Place
    start: np.datetime64
    load_kw: Values
    solar_kw: Values | None

    @property
    def clock(self) -> LocalClock:
        return clock_of(self.start, len(self.load_kw), self.place.timezone)


@dataclass(frozen=True, slots=True, kw_only=True)
class HourlyPrice:
    """Prices of consecutive hours of one market in one year."""

    name: str
    market: str
    price_per_kwh: Values
    clock: LocalClock


def missing_file(data: Path) -> str | None:
    """The first file that is not there."""
    names = [*FILES.values(), *(file for file, _ in PRICES.values())]
    return next((name for name in names if not (data / name).is_file()), None)


def clock_of(start: np.datetime64, count: int, timezone: str) -> LocalClock:
    """Local time of hours from a start in naive UTC."""
    return local_clock((start + np.arange(count) * np.timedelta64(1, "h")).astype("datetime64[us]"), zone(timezone))


def real_homes(data: Path) -> Iterator[HourlyHome]:
    """Every home of every place."""
    for place in PLACES:
        frame = pd.read_parquet(data / FILES[place])
        for name, rows in frame.groupby("site_id", observed=True):
            hours = hourly(rows, [column for column in ("load_kw", "solar_kw") if column in rows])
            yield HourlyHome(
                name=str(name),
                place=place,
                start=start_of(hours),
                load_kw=hours["load_kw"].to_numpy(dtype=np.float64),
                solar_kw=hours["solar_kw"].clip(lower=0.0).to_numpy(dtype=np.float64) if "solar_kw" in hours else None,
            )


def real_prices(data: Path) -> Iterator[HourlyPrice]:
    """Every market year, and the tariffs of homes."""
    for name, (file, timezone) in PRICES.items():
        frame = pd.read_parquet(data / file)
        rows = frame[frame["site_id"] == frame["site_id"].iloc[0]]
        if name == "EPEX":  # its last year is in the German series, too
            rows = rows[rows["timestamp"] < "2015-01-01"]
        hours = hourly(rows, ["price_per_kwh"])["price_per_kwh"]
        for year, part in hours.groupby(pd.DatetimeIndex(hours.index).year):
            if len(part) >= LEAST_HOURS:
                clock = clock_of(start_of(part), len(part), timezone)
                yield HourlyPrice(name=f"{name} {year}", market=name, price_per_kwh=part.to_numpy(dtype=np.float64), clock=clock)


def hourly(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Means of the hours of UTC; an hour of which a part is missing is missing."""
    rows = frame.set_index("timestamp")[columns].sort_index()
    spacing = pd.Timedelta(np.median(np.diff(pd.DatetimeIndex(rows.index).to_numpy())))
    grouped = rows.resample("h")
    return grouped.mean().where(grouped.count() >= pd.Timedelta(HOUR) // spacing)


def start_of(hours: "pd.DataFrame | pd.Series[float]") -> np.datetime64:
    """The first hour in naive UTC."""
    index = pd.DatetimeIndex(hours.index)
    stamps = (index.tz_localize(None) if index.tz is None else index.tz_convert("UTC").tz_localize(None)).to_numpy()
    first: np.datetime64 = stamps.astype("datetime64[us]")[0]
    return first
