"""The benchmark of realism, on a made-up folder laid out like that of the real homes."""

import json

import numpy as np
import pandas as pd
import pytest

import realism
from likeness.homes import FILES, LONDON, PRICES, real_homes, real_prices

DAYS = 42


def stamps(step: str, *, start: str, days: int = DAYS, tz: str | None = "UTC") -> pd.DatetimeIndex:
    return pd.date_range(start, periods=int(pd.Timedelta(days=days) / pd.Timedelta(step)), freq=step, tz=tz, unit="ns")


def a_home(index: pd.DatetimeIndex, name: str, *, solar: bool) -> pd.DataFrame:
    rng = np.random.default_rng(len(name))
    frame = pd.DataFrame({"timestamp": index, "site_id": name, "load_kw": 0.3 + rng.random(len(index))})
    if solar:
        bell = np.maximum(np.sin(2 * np.pi * (index.hour.to_numpy() - 6) / 24), 0.0)
        frame["solar_kw"] = 4.0 * bell * np.repeat(rng.uniform(0.1, 1.0, DAYS), len(index) // DAYS)
    frame["price_per_kwh"] = 0.1 + 0.1 * rng.random(len(index))
    return frame


@pytest.fixture
def data(tmp_path):
    steps = dict(zip(FILES, ("1h", "30min", "15min", "1h", "30min"), strict=True))
    for place, file in FILES.items():
        names = [f"{place.name}-1", f"{place.name}-2"] if file.endswith("homes.parquet") else [place.name]
        index = stamps(steps[place], start="2016-03-01")
        write(tmp_path / file, pd.concat([a_home(index, name, solar=place is not LONDON) for name in names]))
    for name, (file, _) in PRICES.items():
        if not (tmp_path / file).is_file():
            local = name == "EPEX"
            write(tmp_path / file, a_home(stamps("1h", start="2014-11-15", days=120, tz=None if local else "UTC"), name, solar=False))
    return tmp_path


def write(file, frame: pd.DataFrame) -> None:
    file.parent.mkdir(exist_ok=True)
    frame.to_parquet(file)


def test_homes_and_prices_come_as_hours(data):
    homes = list(real_homes(data))
    assert {home.name for home in homes} == {"Konstanz", "France", "Aargau", "Fontana-1", "Fontana-2", "London-1", "London-2"}
    assert {len(home.load_kw) for home in homes} == {DAYS * 24}
    assert {home.name for home in homes if home.solar_kw is None} == {"London-1", "London-2"}


def test_a_market_year_is_counted_once(data):
    names = [price.name for price in real_prices(data)]
    assert names == [
        "Germany 2014", "Germany 2015", "EPEX 2014", "New South Wales 2014", "New South Wales 2015",
        "London dToU 2014", "London dToU 2015", "Fontana TOU 2016",
    ]  # fmt: skip


def test_the_table_has_every_measure_and_counts_those_inside(data, tmp_path, capsys):
    file = tmp_path / "realism.json"
    assert realism.main(["--data", str(data), "--quick", "--no-forecast", "--json", str(file)]) == 0
    said = capsys.readouterr().out
    document = json.loads(file.read_text("utf-8"))
    rows = document["rows"]
    assert [row["name"] for row in rows] == [*realism.LOAD, *realism.SOLAR, *realism.PRICE]
    assert f"{sum(row['inside'] for row in rows)} of {len(rows)} rows inside" in said
    assert "left out: forecasts" in said
    assert set(document["simulated"]["London"]["london-1"]) == {*realism.LOAD, *realism.PRICE}


def test_a_named_folder_without_homes_is_an_error_and_a_missing_default_is_not(tmp_path, monkeypatch, capsys):
    assert realism.main(["--data", str(tmp_path)]) == 2
    assert "--data DIR" in capsys.readouterr().out
    monkeypatch.chdir(tmp_path)
    assert realism.main([]) == 0
