"""What every `HomeFileReader` promises."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from shared.adapters.home_file import HomeFiles
from shared.domain.errors import InvalidValueError
from shared.domain.reading import READING_COLUMNS, VALUE_COLUMNS
from shared.domain.time import Interval
from shared.ports.home_file import HomeFileReader

READERS = {"files": HomeFiles}


@pytest.fixture(params=sorted(READERS), name="reader")
def _reader(request: pytest.FixtureRequest) -> HomeFileReader:
    return READERS[request.param]()


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    path = tmp_path / "home.csv"
    path.write_text(
        "time,site,load_w,pv_w,price_per_kwh,color\n"
        "2024-06-15T00:00Z,a,1000,0,0.1,red\n"
        "2024-06-15T01:00Z,a,,500,0.2,red\n"
        "2024-06-15T02:00Z,a,3000,900,,red\n"
        "2024-06-15T05:00Z,a,1500,100,0.3,red\n"
        "2024-06-15T06:00Z,b,100,100,0.3,red\n"
    )
    return path


def test_readings_have_the_columns_of_a_reading_sorted_without_repetition(reader: HomeFileReader, path: Path) -> None:
    readings = reader.read(path, site_id="home").readings
    assert tuple(readings.columns) == READING_COLUMNS
    assert set(readings["site_id"]) == {"home"}
    assert readings["timestamp"].is_monotonic_increasing
    assert readings["timestamp"].is_unique
    assert str(readings["timestamp"].dtype) == "datetime64[us, UTC]"
    assert all(readings[name].dtype == "float64" for name in VALUE_COLUMNS)
    assert readings["quality"].dtype == "int64"


def test_every_guess_is_in_the_evidence(reader: HomeFileReader, path: Path) -> None:
    home = reader.read(path, site_id="home")
    assert home.columns["total_load_kw"] == "load_w (W, divided by 1000)"
    assert home.columns["solar_generation_kw"] == "pv_w (W, divided by 1000)"
    assert home.ignored_columns == ("color",)
    assert home.sites == ("a", "b")
    assert home.site_in_file == "a"
    assert home.resolution == timedelta(hours=1)
    assert home.timezone == "UTC"
    assert home.interval == Interval(start=datetime(2024, 6, 15, 0, tzinfo=UTC), end=datetime(2024, 6, 15, 6, tzinfo=UTC))
    assert home.gaps == (Interval(start=datetime(2024, 6, 15, 3, tzinfo=UTC), end=datetime(2024, 6, 15, 5, tzinfo=UTC)),)
    assert home.missing_share["total_load_kw"] == pytest.approx(0.5)


def test_a_missing_value_is_missing_and_prices_have_none(reader: HomeFileReader, path: Path) -> None:
    home = reader.read(path, site_id="home")
    assert home.readings["total_load_kw"].isna().tolist() == [False, True, False, False]
    assert home.prices is not None
    assert home.prices["price_per_kwh"].tolist() == [0.1, 0.2, 0.3]
    pd.testing.assert_index_equal(home.prices.columns, pd.Index(["timestamp", "price_per_kwh"]))


def test_what_is_asked_for_beats_what_is_guessed(reader: HomeFileReader, path: Path) -> None:
    home = reader.read(path, site_id="home", columns={"load_kw": "pv_w"}, timezone="Europe/Berlin", site_in_file="a")
    assert home.readings["total_load_kw"].tolist() == [0, 0.5, 0.9, 0.1]
    assert home.timezone == "Europe/Berlin"


def test_a_file_that_is_not_there_is_one_line(reader: HomeFileReader, tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError) as problem:
        reader.read(tmp_path / "none.csv", site_id="home")
    assert "none.csv" in str(problem.value)
    assert "\n" not in str(problem.value)
