"""Homes, plants and prices in a folder of data, found by the columns of its files."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from likeness.homes import PLACES, HourlyHome, Place, hourly, start_of
from likeness.measures import Values

GEFCOM = Place(name="GEFCom14", timezone="Etc/GMT-10", latitude=-35.28, longitude=149.11, folder="solar_nwp_gefcom14")
"""Plants in the south-east of Australia (Hong et al. 2016); their exact places are not published."""
KNOWN = (*PLACES, GEFCOM)
SOMEWHERE_LATITUDE = 45.0
"""Of an array whose place nobody tells; its longitude is told by its noon."""
WEATHER = {
    "shortwave_radiation": ("ghi_nwp_w_m2", "shortwave_radiation_w_m2", "shortwave_radiation"),
    "cloud_cover": ("cloud_cover",),
    "temperature_2m": ("temperature_2m_c", "temperature_2m", "temp_k"),
    "relative_humidity_2m": ("rh1000", "relative_humidity_2m_pct", "relative_humidity_2m"),
    "wind_speed_10m": ("wind_speed_10m", "wind_speed_10m_m_s"),
    "wind_east": ("u10",),
    "wind_north": ("v10",),
}
"""Forecasts under the names of Open-Meteo, and the columns that may hold each."""
RADIATION = "shortwave_radiation"
FREEZING_K = 273.15
HALF_HOUR = np.timedelta64(30, "m")


@dataclass(frozen=True, slots=True, kw_only=True)
class Home(HourlyHome):
    """With its load of every half hour, for those who forecast these; an hour's value for both where it was measured hourly."""

    load_half_hours: Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """An array's hours with the weather that was forecast for them the day before; `start` is naive UTC."""

    name: str
    place: Place
    start: np.datetime64
    power: Values
    """In kW, or in parts of the capacity."""
    weather: dict[str, Values]


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """What a folder holds."""

    homes: tuple[Home, ...]
    plants: tuple[Plant, ...]
    unread: tuple[str, ...]
    """Files that are neither homes nor plants, each with what it is or lacks."""


def read_data(folder: Path) -> Data:
    """Every set below the folder, in the order of the names of its files."""
    homes: list[Home] = []
    plants: list[Plant] = []
    unread = []
    for file in sorted(folder.rglob("*.parquet")):
        columns = set(pq.read_schema(file).names)
        if {"timestamp", "site_id", "load_kw"} <= columns:
            homes += _homes(file)
        elif _power(columns) and any(name in columns for name in WEATHER[RADIATION]):
            plants += _plants(file)
        else:
            unread.append(f"{file.relative_to(folder)}: {'prices' if 'price_per_kwh' in columns else 'neither load_kw nor solar power'}")
    return Data(homes=_renamed(homes), plants=tuple(plants), unread=tuple(unread))


def place_of(file: Path, site_id: str, frame: pd.DataFrame) -> Place:
    """The known place whose name the folder or the site bears; else one at the longitude of the array's noon, UTC without an array."""
    words = f"{file.parent.name} {file.stem} {site_id}".lower()
    for place in KNOWN:
        if place.folder in words or place.name.lower() in words:
            return place
    noon = _noon(frame)
    if noon is None:
        return Place(name=file.parent.name, timezone="UTC", latitude=SOMEWHERE_LATITUDE, longitude=0.0, folder=file.parent.name)
    longitude = (12.0 - noon) * 15.0
    offset = round(longitude / 15.0)
    name = "UTC" if offset == 0 else f"Etc/GMT{-offset:+d}"  # POSIX signs: Etc/GMT-1 is an hour ahead of UTC
    return Place(name=file.parent.name, timezone=name, latitude=SOMEWHERE_LATITUDE, longitude=longitude, folder=file.parent.name)


def _noon(frame: pd.DataFrame) -> float | None:
    """The hour of UTC around which generation is centred."""
    power = _power(set(frame.columns))
    if power is None or not (frame[power] > 0).any():
        return None
    stamps = pd.DatetimeIndex(frame["timestamp"])
    angle = 2.0 * np.pi * (np.asarray(stamps.hour) + np.asarray(stamps.minute) / 60.0 + 0.25) / 24.0
    weight = np.nan_to_num(frame[power].to_numpy(dtype=np.float64)).clip(0.0)
    middle = np.arctan2((weight * np.sin(angle)).sum(), (weight * np.cos(angle)).sum())
    return float(middle * 12.0 / np.pi % 24.0)


def _power(columns: set[str]) -> str | None:
    return next((name for name in ("solar_kw", "solar_frac") if name in columns), None)


def _sites(file: Path) -> Iterator[tuple[str, Place, pd.DataFrame]]:
    frame = pd.read_parquet(file)
    for site_id, rows in frame.groupby("site_id", observed=True):
        yield str(site_id), place_of(file, str(site_id), rows), rows


def _homes(file: Path) -> Iterator[Home]:
    for site_id, place, rows in _sites(file):
        hours = hourly(rows, [column for column in ("load_kw", "solar_kw") if column in rows])
        solar = hours["solar_kw"].clip(lower=0.0).to_numpy(dtype=np.float64) if "solar_kw" in hours else None
        yield Home(
            name=site_id,
            place=place,
            start=start_of(hours),
            load_kw=hours["load_kw"].to_numpy(dtype=np.float64),
            solar_kw=solar if solar is not None and np.nanmax(solar, initial=0.0) > 0 else None,
            load_half_hours=_half_hours(rows, hours),
        )


def _half_hours(rows: pd.DataFrame, hours: pd.DataFrame) -> Values:
    """Two for each hour."""
    load = rows.set_index("timestamp")["load_kw"].sort_index()
    if np.median(np.diff(pd.DatetimeIndex(load.index).to_numpy())) > HALF_HOUR:
        return hours["load_kw"].to_numpy(dtype=np.float64).repeat(2)
    index = pd.date_range(hours.index[0], periods=2 * len(hours), freq="30min")
    return load.resample("30min").mean().reindex(index).to_numpy(dtype=np.float64)


def _plants(file: Path) -> Iterator[Plant]:
    for site_id, place, rows in _sites(file):
        power = _power(set(rows.columns))
        held = {name: next((column for column in columns if column in rows), None) for name, columns in WEATHER.items()}
        sources = {name: column for name, column in held.items() if column}
        hours = hourly(rows, [str(power), *sources.values()])
        weather = {name: hours[column].to_numpy(dtype=np.float64) for name, column in sources.items()}
        if sources.get("temperature_2m") == "temp_k":
            weather["temperature_2m"] = weather["temperature_2m"] - FREEZING_K
        if "cloud_cover" in weather and np.nanmax(weather["cloud_cover"], initial=0.0) <= 1.0:
            weather["cloud_cover"] = 100.0 * weather["cloud_cover"]  # a share
        if {"wind_east", "wind_north"} <= weather.keys():
            weather["wind_speed_10m"] = np.hypot(weather.pop("wind_east"), weather.pop("wind_north"))
        yield Plant(
            name=site_id, place=place, start=start_of(hours), power=hours[power].clip(lower=0.0).to_numpy(dtype=np.float64), weather=weather
        )


def _renamed(homes: list[Home]) -> tuple[Home, ...]:
    """Homes whose names are their own, for two sets may number theirs alike."""
    names = [home.name for home in homes]
    return tuple(replace(home, name=f"{home.place.folder}/{home.name}") if names.count(home.name) > 1 else home for home in homes)
