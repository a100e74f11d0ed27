"""Weather files as people have them, and what is said of those that cannot be read."""

import os
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pandas as pd
import pytest

from shared.adapters.weather import WeatherFile
from shared.domain.errors import InvalidValueError
from shared.domain.time import Interval

ALWAYS = Interval(start=datetime(1950, 1, 1, tzinfo=UTC), end=datetime(2101, 1, 1, tzinfo=UTC))
PLAIN = "timestamp,temperature_celsius,ghi_w_m2\n2024-06-15T12:00:00+02:00,20.5,700\n2024-06-15T13:00:00+02:00,21,-2\n"
OPEN_METEO = (
    "latitude,longitude,elevation,utc_offset_seconds,timezone,timezone_abbreviation\n"
    "52.54833,13.407822,38.0,7200,Europe/Berlin,GMT+2\n"
    "\n"
    "time,temperature_2m (°C),shortwave_radiation (W/m²)\n"
    "2024-06-15T10:00,18.0,400\n"
    "2024-06-15T11:00,20.0,500\n"
    "2024-06-15T12:00,21.0,600\n"
)
OPEN_METEO_JSON = {
    "latitude": 52.54833,
    "longitude": 13.407822,
    "utc_offset_seconds": 7200,
    "hourly_units": {"time": "iso8601", "temperature_2m": "°C", "shortwave_radiation": "W/m²"},
    "hourly": {
        "time": ["2024-06-15T10:00", "2024-06-15T11:00", "2024-06-15T12:00"],
        "temperature_2m": [18.0, 20.0, 21.0],
        "shortwave_radiation": [400.0, 500.0, 600.0],
    },
}


def read(path: Path, content: str | bytes, *, latitude: float = 52.5, longitude: float = 13.4) -> pd.DataFrame:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return WeatherFile(path).read(latitude=latitude, longitude=longitude, interval=ALWAYS)


def test_times_are_read_with_their_offset_and_a_little_less_than_dark_is_dark(tmp_path: Path):
    found = read(tmp_path / "weather.csv", PLAIN)
    assert found["timestamp"].tolist() == [pd.Timestamp("2024-06-15T10:00Z"), pd.Timestamp("2024-06-15T11:00Z")]
    assert found["temperature_celsius"].tolist() == [20.5, 21.0]
    assert found["ghi_w_m2"].tolist() == [700.0, 0.0]


def test_a_semicolon_and_a_decimal_comma_are_understood(tmp_path: Path):
    text = PLAIN.replace(",", ";").replace("20.5", "20,5")
    assert read(tmp_path / "weather.csv", text)["temperature_celsius"].tolist() == [20.5, 21.0]


@pytest.mark.parametrize("content", [OPEN_METEO, orjson.dumps(OPEN_METEO_JSON)], ids=["csv", "json"])
def test_open_meteo_s_hours_are_those_before_their_stamp_in_local_time(tmp_path: Path, content: str | bytes):
    found = read(tmp_path / ("weather.csv" if isinstance(content, str) else "weather.json"), content)
    # 11:00 in Berlin's summer is 9:00 UTC: its mean irradiance is that of the hour from 8:00 UTC
    assert found["timestamp"].tolist() == [pd.Timestamp(f"2024-06-15T{hour:02}:00Z") for hour in (7, 8, 9)]
    assert found["ghi_w_m2"].tolist() == [400.0, 500.0, 600.0]
    assert found["temperature_celsius"].tolist() == [18.0, 19.0, 20.5]


def test_open_meteo_s_names_in_a_table_of_ones_own_mean_the_same(tmp_path: Path):
    rows = pd.DataFrame({"time": pd.date_range("2024-06-15", periods=3, freq="h", tz="UTC"), "temperature_2m": [1.0, 3.0, 5.0],
                         "shortwave_radiation": [0.0, 10.0, 20.0]})  # fmt: skip
    rows.to_parquet(tmp_path / "weather.parquet")
    found = WeatherFile(tmp_path / "weather.parquet").read(latitude=0.0, longitude=0.0, interval=ALWAYS)
    assert found["timestamp"].iloc[0] == pd.Timestamp("2024-06-14T23:00Z")
    assert found["temperature_celsius"].tolist() == [1.0, 2.0, 4.0]


def test_a_gap_of_open_meteo_s_is_not_averaged_over(tmp_path: Path):
    found = read(tmp_path / "weather.csv", OPEN_METEO + "2024-06-15T18:00,11.0,100\n")
    assert found["timestamp"].iloc[-1] == pd.Timestamp("2024-06-15T15:00Z")
    assert found["temperature_celsius"].iloc[-1] == 11.0


def test_a_file_of_another_place_is_refused(tmp_path: Path):
    with pytest.raises(InvalidValueError, match=r"is of latitude 52\.5483, longitude 13\.4078, not of 37\.7, -122\.4"):
        read(tmp_path / "weather.csv", OPEN_METEO, latitude=37.7, longitude=-122.4)


def test_places_on_both_sides_of_the_date_line_are_near(tmp_path: Path):
    content = orjson.dumps(OPEN_METEO_JSON | {"latitude": -17.7, "longitude": 179.9})
    assert len(read(tmp_path / "weather.json", content, latitude=-17.5, longitude=-179.9)) == 3


ROW = "2024-06-15T12:00:00+00:00"
HEAD = "timestamp,temperature_celsius,ghi_w_m2\n"
REFUSED = {
    "nothing": ("", "is empty"),
    "no rows": (HEAD, "has no rows"),
    "no temperature": (f"timestamp,ghi_w_m2\n{ROW},1\n", "has no column temperature_celsius"),
    "no sun": (f"timestamp,temperature_celsius\n{ROW},1\n", "has no column ghi_w_m2"),
    "no time": ("day,temperature_celsius,ghi_w_m2\n2024,1,2\n", "has no column timestamp"),
    "no offset": (f"{HEAD}{ROW},1,2\n2024-06-15T13:00:00,1,2\n", "timestamp at line 3 of weather.csv is '2024-06-15T13:00:00': .*offset"),
    "no moment": (f"{HEAD}{ROW},1,2\n2024-06-31T13:00:00Z,1,2\n", "timestamp at line 3 .* is not a time"),
    "words": (f"{HEAD}{ROW},warm,2\n", "temperature_celsius at line 2 is 'warm': is not a number"),
    "Kelvin": (f"{HEAD}{ROW},293.1,2\n", "temperature_celsius at line 2 .* must be from -95 to 65 degrees Celsius"),
    "kilojoules": (f"{HEAD}{ROW},20,2400\n", "ghi_w_m2 at line 2 .* must be from -20 to 1800 W/m²"),
    "long row": (f"{HEAD}{ROW},20,2,3\n", "line 2"),
    "Fahrenheit": (OPEN_METEO.replace("°C", "°F"), "temperature_2m of weather.csv is '°F': must be in °C"),
    "head alone": ("".join(OPEN_METEO.splitlines(keepends=True)[:4]), "has no rows below its head"),
    "head without values": (OPEN_METEO.splitlines()[0], "has no line of column names"),
    "damaged head": (OPEN_METEO.replace("7200", "two"), "its head is damaged"),
    "other variables": (OPEN_METEO.replace("temperature_2m", "rain"), "has no column temperature_2m"),
}


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_what_is_wrong_is_named_in_one_line(tmp_path: Path, case: str):
    content, expected = REFUSED[case]
    with pytest.raises(InvalidValueError, match=expected) as problem:
        read(tmp_path / "weather.csv", content)
    assert "\n" not in str(problem.value)


JSON_REFUSED = {
    "no section": ({key: value for key, value in OPEN_METEO_JSON.items() if key != "hourly"}, "has no rows of hourly values"),
    "empty section": (OPEN_METEO_JSON | {"hourly": {"time": []}}, "has no rows of hourly values"),
    "numbers": (OPEN_METEO_JSON | {"hourly": {"time": 5}}, "has no rows of hourly values"),
    "ragged": (OPEN_METEO_JSON | {"hourly": {"time": ["2024-06-15T10:00"], "temperature_2m": []}}, "has no rows of hourly values"),
    "Fahrenheit": (OPEN_METEO_JSON | {"hourly_units": {"temperature_2m": "°F"}}, "must be in °C"),
    "an offset of years": (OPEN_METEO_JSON | {"utc_offset_seconds": 10**14}, "its head is damaged"),
    "an offset beyond all time": (OPEN_METEO_JSON | {"utc_offset_seconds": 1e300}, "its head is damaged"),
    "a place off the globe": (OPEN_METEO_JSON | {"latitude": 152.5}, "its head is damaged"),
}


@pytest.mark.parametrize("case", sorted(JSON_REFUSED))
def test_what_is_wrong_with_a_document_is_named_in_one_line(tmp_path: Path, case: str):
    document, expected = JSON_REFUSED[case]
    with pytest.raises(InvalidValueError, match=expected) as problem:
        read(tmp_path / "weather.json", orjson.dumps(document))
    assert "\n" not in str(problem.value)


def test_units_that_are_no_units_are_none(tmp_path: Path):
    assert len(read(tmp_path / "weather.json", orjson.dumps(OPEN_METEO_JSON | {"hourly_units": 3}))) == 3


@pytest.mark.parametrize("name", ["folder.csv", "pipe.csv", "zero.csv", "loop.csv", "n" * 300, "none.csv"])
def test_what_is_no_file_is_neither_waited_for_nor_read_without_end(tmp_path: Path, name: str):
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "zero.csv").symlink_to("/dev/zero")
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    with pytest.raises(InvalidValueError, match="give the path of a"):
        WeatherFile(tmp_path / name).read(latitude=0.0, longitude=0.0, interval=ALWAYS)


def test_a_cut_off_document_is_named(tmp_path: Path):
    with pytest.raises(InvalidValueError, match="is not JSON"):
        read(tmp_path / "weather.json", orjson.dumps(OPEN_METEO_JSON)[:-20])


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(InvalidValueError, match=r"none\.csv.*No such file"):
        WeatherFile(tmp_path / "none.csv").read(latitude=0.0, longitude=0.0, interval=ALWAYS)


def test_a_parquet_file_without_zone_is_refused(tmp_path: Path):
    rows = pd.DataFrame({"timestamp": pd.date_range("2024-06-15", periods=2, freq="h"), "temperature_celsius": 1.0, "ghi_w_m2": 0.0})
    rows.to_parquet(tmp_path / "weather.parquet")
    with pytest.raises(InvalidValueError, match=r"timestamp at row 1 .*offset"):
        WeatherFile(tmp_path / "weather.parquet").read(latitude=0.0, longitude=0.0, interval=ALWAYS)
