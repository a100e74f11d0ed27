"""Files as people have them."""

import gzip
import io

import pandas as pd
import pytest

from shared.domain.reading import READING_COLUMNS, Quality
from tests.unit.adapters.home_file.layouts import Read, load_of, solar_of, times_of

PLAIN = "timestamp,load_kw,solar_kw\n2024-06-15T00:00:00Z,1.0,0\n2024-06-15T00:15:00Z,2.0,0.5\n2024-06-15T00:30:00Z,3.0,1\n"


def test_our_own_names_need_no_help(read: Read) -> None:
    home = read(PLAIN)
    assert tuple(home.readings.columns) == READING_COLUMNS
    assert load_of(home) == [1, 2, 3]
    assert solar_of(home) == [0, 0.5, 1]
    assert str(home.resolution) == "0:15:00"
    assert home.timezone == "UTC"
    assert home.notes == ()
    assert str(home.readings["timestamp"].dtype) == "datetime64[us, UTC]"
    assert set(home.readings["quality"]) == {0}


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_any_separator(read: Read, separator: str) -> None:
    assert load_of(read(PLAIN.replace(",", separator))) == [1, 2, 3]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_any_encoding(read: Read, encoding: str) -> None:
    home = read(PLAIN.replace("load_kw", "Geräte Verbrauch [kW]").encode(encoding))
    assert load_of(home) == [1, 2, 3]


@pytest.mark.parametrize("newline", ["\r\n", "\n\n"])
def test_any_line_ends_and_blank_lines(read: Read, newline: str) -> None:
    assert load_of(read(PLAIN.replace("\n", newline))) == [1, 2, 3]


def test_gzip_is_unpacked(read: Read) -> None:
    assert load_of(read(gzip.compress(PLAIN.encode()), "home.csv.gz")) == [1, 2, 3]


def test_a_german_export_with_decimal_comma_and_dots_in_dates(read: Read) -> None:
    home = read(
        "Zeit;Verbrauch (kW);PV-Erzeugung (kW);Strompreis (ct/kWh)\n15.06.2024 00:00;1,5;0;30,1\n15.06.2024 00:15;1.002,25;0,5;\n",
        timezone="Europe/Berlin",
    )
    assert load_of(home) == [1.5, 1002.25]
    assert solar_of(home) == [0, 0.5]
    assert times_of(home) == ["06-14 22:00", "06-14 22:15"]
    assert home.prices is not None
    assert list(home.prices["price_per_kwh"].round(6)) == [0.301]


def test_date_and_time_in_two_columns(read: Read) -> None:
    home = read("Datum;Uhrzeit;Last kW\n15.06.2024;00:00;1\n15.06.2024;00:15;2\n", timezone="UTC")
    assert times_of(home) == ["06-15 00:00", "06-15 00:15"]


def test_date_and_hour_of_the_day(read: Read) -> None:
    home = read("date,hour,load_kw\n2024-06-15,23,1\n2024-06-16,0,2\n", timezone="UTC")
    assert times_of(home) == ["06-15 23:00", "06-16 00:00"]


def test_hours_from_1_to_24_begin_an_hour_earlier(read: Read) -> None:
    rows = "".join(f"2024-06-15,{hour},{hour}\n" for hour in range(1, 25))
    home = read(f"date,hour,load_kw\n{rows}", timezone="UTC")
    assert times_of(home)[0] == "06-15 00:00"
    assert any("1 to 24" in note for note in home.notes)


def test_year_month_day_hour(read: Read) -> None:
    home = read("year,month,day,hour,load_kw\n2024,6,15,0,1\n2024,6,15,1,2\n", timezone="UTC")
    assert times_of(home) == ["06-15 00:00", "06-15 01:00"]


@pytest.mark.parametrize(
    ("first", "second"),
    [("1718409600", "1718410500"), ("1718409600000", "1718410500000"), ("1718409600.0", "1718410500.0")],
)
def test_epochs_in_seconds_and_milliseconds(read: Read, first: str, second: str) -> None:
    assert times_of(read(f"ts,load_kw\n{first},1\n{second},2\n")) == ["06-15 00:00", "06-15 00:15"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2024-06-15 00:00", "2024-06-15 00:15"),
        ("2024/06/15 00:00:00", "2024/06/15 00:15:00"),
        ("15/06/2024 00:00", "15/06/2024 00:15"),
        ("06/15/2024 12:00 AM", "06/15/2024 12:15 AM"),
        ("15-Jun-2024 00:00", "15-Jun-2024 00:15"),
        ("15.06.24 00:00", "15.06.24 00:15"),
        ("202406150000", "202406150015"),
        ("2024-06-14 24:00", "2024-06-15 00:15"),
        ("2024-06-15 00:00:00.0000000", "2024-06-15 00:15:00.0000000"),
    ],
)
def test_dates_in_any_usual_form(read: Read, first: str, second: str) -> None:
    assert times_of(read(f"time;load_kw\n{first};1\n{second};2\n", timezone="UTC")) == ["06-15 00:00", "06-15 00:15"]


@pytest.mark.parametrize("offset", ["+02:00", "+0200", " CEST", " +02:00"])
def test_offsets_in_the_text_are_minded(read: Read, offset: str) -> None:
    home = read(f"time,load_kw\n15.06.2024 02:00{offset},1\n15.06.2024 02:15{offset},2\n")
    assert times_of(home) == ["06-15 00:00", "06-15 00:15"]


def test_a_date_that_could_be_read_two_ways_is_told(read: Read) -> None:
    rows = "".join(f"0{day}/06/2024 {hour:02d}:00,1\n" for day in (1, 2, 3) for hour in range(24))
    home = read(f"time,load_kw\n{rows}", timezone="UTC")
    assert times_of(home)[-1] == "06-03 23:00"
    assert any("day/month" in note for note in home.notes)


def test_a_column_named_utc_needs_no_zone_and_wins_over_local_time(read: Read) -> None:
    home = read(
        "cet_cest_timestamp,utc_timestamp,load_kw\n2024-06-15T02:00:00,2024-06-15T00:00:00,1\n2024-06-15T03:00:00,2024-06-15T01:00:00,2\n"
    )
    assert times_of(home) == ["06-15 00:00", "06-15 01:00"]
    assert any("utc_timestamp" in note for note in home.notes)


def test_an_unnamed_index_of_times_is_found(read: Read) -> None:
    assert load_of(read(",load_kw\n2024-06-15T00:00Z,1\n2024-06-15T01:00Z,2\n")) == [1, 2]


def test_rows_labelled_by_their_end_are_moved_to_their_start(read: Read) -> None:
    home = read("interval_end,load_kw\n2024-06-15T00:15Z,1\n2024-06-15T00:30Z,2\n")
    assert times_of(home) == ["06-15 00:00", "06-15 00:15"]
    assert any("moved to its start" in note for note in home.notes)


def test_start_and_end_columns_take_the_start(read: Read) -> None:
    home = read("von;bis;Verbrauch kWh\n15.06.2024 00:00;15.06.2024 00:15;0,25\n15.06.2024 00:15;15.06.2024 00:30;0,5\n", timezone="UTC")
    assert times_of(home) == ["06-15 00:00", "06-15 00:15"]
    assert load_of(home) == [1, 2]


def test_lines_above_the_column_names_are_skipped(read: Read) -> None:
    home = read("# exported by a portal\nPlant: roof\n\n" + PLAIN)
    assert load_of(home) == [1, 2, 3]
    assert any("skipped" in note for note in home.notes)


def test_a_row_of_units_below_the_names(read: Read) -> None:
    home = read(
        "Datum und Uhrzeit;PV-Produktion;Verbrauch\n[dd.MM.yyyy HH:mm];[Wh];[Wh]\n15.06.2024 12:00;500;250\n15.06.2024 12:15;250;125\n",
        timezone="Europe/Vienna",
    )
    assert load_of(home) == [1, 0.5]
    assert solar_of(home) == [2, 1]


def test_words_for_missing_are_missing_not_nought(read: Read) -> None:
    home = read("time,load_kw,solar_kw\n2024-06-15T00:00Z,1,n/a\n2024-06-15T00:15Z,unavailable,2\n2024-06-15T00:30Z,3,-\n")
    assert home.readings["total_load_kw"].isna().tolist() == [False, True, False]
    assert home.readings["solar_generation_kw"].isna().tolist() == [True, False, True]
    assert set(home.readings["quality"]) == {int(Quality.MISSING)}
    assert home.missing_share["total_load_kw"] == pytest.approx(1 / 3)


def test_thousands_marks_are_no_decimals(read: Read) -> None:
    assert load_of(read('time,load_w\n2024-06-15T00:00Z,"1,250"\n2024-06-15T00:15Z,"12,000"\n')) == [1.25, 12.0]
    assert load_of(read("time;load_w\n2024-06-15T00:00Z;1'250\n2024-06-15T00:15Z;12 000\n")) == [1.25, 12.0]


def test_units_behind_the_numbers(read: Read) -> None:
    assert load_of(read("time,load_kw\n2024-06-15T00:00Z,1.5 kW\n2024-06-15T00:15Z,2 kW\n")) == [1.5, 2]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_parquet_with_a_zone(read: Read, zone: str) -> None:
    stamps = pd.date_range("2024-03-30", periods=60, freq="h", tz=zone)
    frame = pd.DataFrame({"timestamp": stamps, "load_kw": pd.Series(range(60), dtype="float32")})
    home = read(_parquet(frame), "home.parquet")
    assert list(home.readings["timestamp"]) == list(stamps.tz_convert("UTC"))
    assert home.timezone == zone


def test_parquet_with_times_in_the_index_and_without_a_zone(read: Read) -> None:
    frame = pd.DataFrame({"load_kw": [1.0, 2.0]}, index=pd.date_range("2024-06-15", periods=2, freq="h", name="time"))
    assert times_of(read(_parquet(frame), "home.parquet", timezone="Europe/Berlin")) == ["06-14 22:00", "06-14 23:00"]


def test_single_precision_keeps_its_decimals(read: Read) -> None:
    frame = pd.DataFrame(
        {"timestamp": pd.date_range("2024-06-15", periods=2, freq="h", tz="UTC"), "load_kw": pd.Series([0.1, 0.06402], dtype="float32")}
    )
    assert list(read(_parquet(frame), "home.parquet").readings["total_load_kw"]) == [0.1, 0.06402]


def test_the_gateways_json_lines(read: Read) -> None:
    home = read(
        '{"timestamp": "2024-06-15T14:30:00+00:00", "device_id": "g", "solar": {"generation_kw": 7.5},'
        ' "battery": {"soc_percent": 0.5, "power_kw": 2.0},'
        ' "home_load": {"total_load_kw": 3.5, "hvac_kw": 1.5}, "grid_price": {"price_per_kwh": 0.28, "demand_charge": 10.0,'
        ' "time_of_use_period": "peak"}, "net_grid_flow_kw": -2.0}\n'
        '{"timestamp": "2024-06-15T14:35:00+00:00", "device_id": "g", "solar": {"generation_kw": 7.0},'
        ' "battery": {"soc_percent": 66.0, "power_kw": 2.0},'
        ' "home_load": {"total_load_kw": null}}\n',
        "readings.jsonl",
    )
    first = home.readings.iloc[0]
    assert first[["solar_generation_kw", "battery_soc_percent", "battery_power_kw", "total_load_kw", "hvac_kw"]].tolist() == [
        7.5,
        0.5,
        2.0,
        3.5,
        1.5,
    ]
    assert first[["price_per_kwh", "demand_charge", "net_grid_flow_kw"]].tolist() == [0.28, 10.0, -2.0]
    assert home.readings["time_of_use_period"].tolist() == ["peak", None]
    assert home.readings["total_load_kw"].isna().tolist() == [False, True]
    assert str(home.resolution) == "0:05:00"


def test_flat_json_lines_and_a_json_array(read: Read) -> None:
    rows = ['{"time": "2024-06-15T00:00Z", "consumption_w": 1500}', '{"time": "2024-06-15T00:15Z", "consumption_w": 500}']
    assert load_of(read("\n".join(rows), "home.jsonl")) == [1.5, 0.5]
    assert load_of(read(f"[{','.join(rows)}]", "home.json")) == [1.5, 0.5]


def test_a_parquet_file_under_another_name_is_still_read(read: Read) -> None:
    frame = pd.DataFrame({"timestamp": pd.date_range("2024-06-15", periods=2, freq="h", tz="UTC"), "load_kw": [1.0, 2.0]})
    assert load_of(read(_parquet(frame), "home.csv")) == [1, 2]


def _parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    return buffer.getvalue()
