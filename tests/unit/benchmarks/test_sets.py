"""Sets are found by the columns of their files."""

import numpy as np
import pandas as pd

from forecasting.sets import read_data


def frame(site: str = "a", *, hours: int = 48, freq: str = "h", **columns) -> pd.DataFrame:
    stamps = pd.date_range("2024-06-01", periods=hours, freq=freq, tz="UTC", unit="us")
    return pd.DataFrame({"timestamp": stamps, "site_id": site} | columns)


def write(folder, name: str, table: pd.DataFrame) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    table.to_parquet(folder / name)


def sun_at(noon: float, count: int = 48) -> np.ndarray:
    return np.maximum(0.0, np.cos(2 * np.pi * (np.arange(count) + 0.5 - noon) / 24))


def test_homes_plants_and_the_rest_are_told_apart_by_their_columns(tmp_path):
    write(tmp_path, "one/any.parquet", frame(load_kw=1.0, solar_kw=sun_at(12.0)))
    write(tmp_path, "two/any.parquet", frame("p", solar_frac=sun_at(2.0), ghi_nwp_w_m2=sun_at(2.0), temp_k=293.15, u10=3.0, v10=4.0))
    write(tmp_path, "three/any.parquet", frame(price_per_kwh=0.1))
    data = read_data(tmp_path)
    assert [home.name for home in data.homes] == ["a"]
    assert [plant.name for plant in data.plants] == ["p"]
    assert data.unread == ("three/any.parquet: prices",)
    weather = data.plants[0].weather
    assert weather["temperature_2m"][0] == 20.0
    assert weather["wind_speed_10m"][0] == 5.0


def test_a_known_place_is_known_by_its_folder_and_another_by_the_noon_of_its_array(tmp_path):
    write(tmp_path, "more_of_london/homes.parquet", frame("x", load_kw=1.0))
    write(tmp_path, "elsewhere/homes.parquet", frame("y", load_kw=1.0, solar_kw=sun_at(20.0)))
    write(tmp_path, "nowhere/homes.parquet", frame("z", load_kw=1.0))
    places = {home.name: home.place for home in read_data(tmp_path).homes}
    assert places["x"].timezone == "Europe/London"
    assert places["y"].timezone == "Etc/GMT+8"
    assert abs(places["y"].longitude + 120.0) < 8.0
    assert places["z"].timezone == "UTC"


def test_homes_of_two_sets_with_the_same_name_are_two_homes(tmp_path):
    for folder in ("one", "two"):
        write(tmp_path, f"{folder}/homes.parquet", frame(load_kw=1.0))
    assert [home.name for home in read_data(tmp_path).homes] == ["one/a", "two/a"]


def test_half_hours_are_measured_ones_or_halves_of_measured_hours(tmp_path):
    write(tmp_path, "one/homes.parquet", frame("fine", freq="15min", hours=8, load_kw=np.arange(8.0)))
    write(tmp_path, "two/homes.parquet", frame("coarse", hours=2, load_kw=[1.0, 2.0]))
    halves = {home.name: home.load_half_hours.tolist() for home in read_data(tmp_path).homes}
    assert halves == {"fine": [0.5, 2.5, 4.5, 6.5], "coarse": [1.0, 1.0, 2.0, 2.0]}


def test_an_array_that_never_made_anything_is_none(tmp_path):
    write(tmp_path, "one/homes.parquet", frame(load_kw=1.0, solar_kw=0.0))
    assert read_data(tmp_path).homes[0].solar_kw is None
