"""`der import` on real stores."""

import io
import json
from argparse import ArgumentTypeError
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from services.embedded.home_import import IMPORT, ImportedHome, import_home, mapping, read_tariff
from services.embedded.home_site import DEFAULT_BATTERY, battery_of
from shared.adapters.embedded.edge_store import SqliteEdgeStore
from shared.adapters.home_file import HomeFiles
from shared.domain.errors import InvalidValueError
from shared.domain.tariff import DynamicPrice, FlatPrice, TimeOfUsePrice
from shared.domain.time import Interval, TimeGrid
from shared.runtime.cli import UsageError
from shared.runtime.command import script
from tests.factories import a_site, a_tariff

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ALWAYS = Interval(start=datetime(2000, 1, 1, tzinfo=UTC), end=datetime(2100, 1, 1, tzinfo=UTC))
HOURS = pd.date_range("2024-06-15", periods=48, freq="h", tz="UTC")
LOAD_ONLY = "time,load_kw\n" + "".join(f"{moment.isoformat()},{1 + moment.hour / 10}\n" for moment in HOURS)
WITH_PRICE = "time,load_kw,solar_kw,price_per_kwh\n" + "".join(f"{m.isoformat()},1,{m.hour % 5},{m.hour / 100}\n" for m in HOURS)


@pytest.fixture(name="edge")
def _edge(tmp_path: Path) -> Iterator[SqliteEdgeStore]:
    store = SqliteEdgeStore(tmp_path / "edge.sqlite")
    yield store
    store.close()


def imported(edge: SqliteEdgeStore, folder: Path, text: str, **options: object) -> tuple[ImportedHome, str]:
    path = folder / "home.csv"
    path.write_text(text)
    printed = io.StringIO()
    done = import_home(
        path, site_id="home", edge=edge, announcements=edge, home_files=HomeFiles(), now=NOW, console=Console(file=printed), **options  # type: ignore[arg-type]
    )  # fmt: skip
    return done, printed.getvalue()


def stored(edge: SqliteEdgeStore) -> pd.DataFrame:
    return edge.read(site_id="home", interval=ALWAYS, limit=10**6)


def test_readings_are_in_the_edge_store_as_device_import(edge: SqliteEdgeStore, tmp_path: Path) -> None:
    done, _ = imported(edge, tmp_path, LOAD_ONLY)
    rows = stored(edge)
    assert done.readings == len(rows) == 48
    assert set(rows["device_id"]) == {"import"}
    assert rows["total_load_kw"].iloc[13] == pytest.approx(2.3)


def test_importing_again_changes_nothing(edge: SqliteEdgeStore, tmp_path: Path) -> None:
    imported(edge, tmp_path, WITH_PRICE)
    before, announced = stored(edge), edge.sites()
    imported(edge, tmp_path, WITH_PRICE)
    pd.testing.assert_frame_equal(stored(edge), before)
    assert edge.sites() == announced
    assert len(edge.prices(series_id="home.import", interval=ALWAYS)) == 48


def test_the_site_is_history_with_the_files_resolution_and_zone(edge: SqliteEdgeStore, tmp_path: Path) -> None:
    imported(edge, tmp_path, WITH_PRICE, timezone="Europe/Berlin", latitude=47.7, longitude=9.2)
    ((site, _),) = edge.sites()
    assert not site.live
    assert not site.simulated
    assert site.timezone == "Europe/Berlin"
    assert site.resolution == timedelta(hours=1)
    assert (site.latitude, site.longitude) == (47.7, 9.2)
    assert site.solar is not None
    assert site.solar.capacity_kw == 4.0


def test_an_unusual_resolution_is_planned_in_quarter_hours(edge: SqliteEdgeStore, tmp_path: Path) -> None:
    rows = "".join(f"2024-06-15T00:{minute:02d}:00Z,1\n" for minute in range(30))
    _, printed = imported(edge, tmp_path, f"time,load_kw\n{rows}")
    ((site, _),) = edge.sites()
    assert site.resolution == timedelta(minutes=15)
    assert len(stored(edge)) == 30
    assert "1 min, forecasts and plans every 15 min" in printed


def test_without_a_battery_the_default_is_assumed_and_said(edge: SqliteEdgeStore, tmp_path: Path) -> None:
    done, printed = imported(edge, tmp_path, LOAD_ONLY)
    assert done.site.battery == DEFAULT_BATTERY
    assert done.site.solar is None
    assert "battery 13.5 kWh, 5 kW, 90% round trip: assumed, the file has none; give yours with --battery-kwh and --battery-kw" in printed


def test_a_battery_in_the_file_sets_its_power(edge: SqliteEdgeStore, tmp_path: Path) -> None:
    text = "time,load_kw,battery_kw,soc\n2024-06-15T00:00Z,1,3,20\n2024-06-15T01:00Z,1,3,50\n2024-06-15T02:00Z,1,-2,80\n"
    done, printed = imported(edge, tmp_path, text)
    assert done.site.battery == replace(DEFAULT_BATTERY, max_charge_rate_kw=3.0, max_discharge_rate_kw=3.0)
    assert "its capacity assumed" in printed


def test_a_battery_can_be_given(edge: SqliteEdgeStore, tmp_path: Path) -> None:
    done, _ = imported(edge, tmp_path, LOAD_ONLY, battery=battery_of(10.0, None))
    assert done.site.battery == replace(DEFAULT_BATTERY, capacity_kwh=10.0)


def test_without_a_price_time_of_use_is_assumed(edge: SqliteEdgeStore, tmp_path: Path) -> None:
    done, printed = imported(edge, tmp_path, LOAD_ONLY, timezone="Europe/Berlin", currency="CHF")
    assert isinstance(done.tariff.import_price, TimeOfUsePrice)
    assert done.tariff.export_price == FlatPrice(price_per_kwh=0.05)
    assert "time of use 0.08 / 0.15 / 0.3 CHF" in printed
    friday = TimeGrid(start=datetime(2024, 6, 13, 22, tzinfo=UTC), step=timedelta(hours=1), count=24)
    prices = done.tariff.import_prices(friday, series=lambda _: friday.starts().astype(float)).tolist()
    assert prices == [0.08] * 7 + [0.15] * 9 + [0.30] * 5 + [0.15] * 2 + [0.08]


def test_a_price_in_the_file_is_the_tariff_known_since_13_of_the_local_day_before(edge: SqliteEdgeStore, tmp_path: Path) -> None:
    done, _ = imported(edge, tmp_path, WITH_PRICE, timezone="Europe/Berlin")
    assert done.tariff.import_price == DynamicPrice(series_id="home.import")
    assert done.tariff.export_price == DynamicPrice(series_id="home.import", ceiling_per_kwh=0.08)
    prices = edge.prices(series_id="home.import", interval=ALWAYS).set_index("timestamp")["published_at"]
    assert prices[pd.Timestamp("2024-06-15T21:00Z")] == pd.Timestamp("2024-06-14T11:00Z")
    assert prices[pd.Timestamp("2024-06-15T22:00Z")] == pd.Timestamp("2024-06-15T11:00Z")


def test_a_given_tariff_may_name_the_files_price(edge: SqliteEdgeStore, tmp_path: Path) -> None:
    tariff = a_tariff(import_price=DynamicPrice(series_id="file", factor=1.2, surcharge_per_kwh=0.1))
    done, _ = imported(edge, tmp_path, WITH_PRICE, tariff=tariff)
    assert done.tariff.import_price == DynamicPrice(series_id="home.import", factor=1.2, surcharge_per_kwh=0.1)
    assert done.tariff.export_price == tariff.export_price


def test_a_tariff_on_a_price_that_the_file_lacks_is_refused_and_nothing_written(edge: SqliteEdgeStore, tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match="have no price column; name one with --map price_per_kwh"):
        imported(edge, tmp_path, LOAD_ONLY, tariff=a_tariff(import_price=DynamicPrice(series_id="file")))
    assert edge.sites() == []
    assert edge.extents() == []


def test_a_file_that_is_not_understood_writes_nothing(edge: SqliteEdgeStore, tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError):
        imported(edge, tmp_path, LOAD_ONLY + "nonsense,1\n")
    assert edge.sites() == []
    assert edge.extents() == []


def test_a_simulated_home_is_not_mixed_with_measurements(edge: SqliteEdgeStore, tmp_path: Path) -> None:
    edge.announce_site(a_site("home", simulated=True), a_tariff())
    with pytest.raises(UsageError, match="a live or simulated home has this id already; choose another"):
        imported(edge, tmp_path, LOAD_ONLY)
    assert edge.extents() == []


def test_what_was_understood_is_printed_a_fact_a_line(edge: SqliteEdgeStore, tmp_path: Path) -> None:
    _, printed = imported(edge, tmp_path, WITH_PRICE.replace("2024-06-15T03:00:00+00:00,1,", "2024-06-15T03:00:00+00:00,,"))
    for fact in (
        "home.csv (48 rows)",
        "period      2024-06-15 00:00 to 2024-06-17 00:00 UTC (2.0 days)",
        "zone        UTC",
        "resolution  60 min",
        "column      total_load_kw <- load_kw (kW), 2.1% missing",
        "gaps        none",
        "time zone UTC: hours of the day",
    ):
        assert fact in printed
    assert "\x1b" not in printed


def tariff_file(folder: Path, document: object) -> Path:
    path = folder / "tariff.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


FLAT = {"kind": "flat", "price_per_kwh": 0.3}


def test_a_tariff_file_is_read(tmp_path: Path) -> None:
    tariff = read_tariff(tariff_file(tmp_path, {"currency": "GBP", "import_price": FLAT, "export_price": FLAT}))
    assert (tariff.currency, tariff.import_price) == ("GBP", FlatPrice(price_per_kwh=0.3))


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"import_price": FLAT}, "/export_price: Field required"),
        ({"import_price": FLAT | {"price_per_kwh": "much"}, "export_price": FLAT}, "/import_price/price_per_kwh is 'much'"),
        ({"import_price": FLAT, "export_price": FLAT, "timezone": "Mars"}, "/timezone: timezone is 'Mars'"),
        (
            {"import_price": {"kind": "time_of_use", "default_price_per_kwh": 1, "periods": [{"name": "a"}]}, "export_price": FLAT},
            "/import_price/periods/0/price_per_kwh: Field required",
        ),
        ("{", "/: Invalid JSON"),
    ],
)
def test_a_wrong_tariff_file_is_one_line_with_its_pointer(tmp_path: Path, document: object, words: str) -> None:
    with pytest.raises(UsageError) as problem:
        read_tariff(tariff_file(tmp_path, document))
    assert words in str(problem.value)
    assert "tariff.json" in str(problem.value)
    assert "\n" not in str(problem.value)


def test_a_map_without_an_equals_sign_is_refused() -> None:
    assert mapping("load_kw = My column") == ("load_kw", "My column")
    with pytest.raises(ArgumentTypeError, match="write OURS=THEIRS, for example load_kw=consumption"):
        mapping("load_kw")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--map", "load_kw=nope"], "the file has no column 'nope'"),
        (["--timezone", "Nowhere"], "timezone is 'Nowhere'"),
        (["--latitude", "47"], "--latitude and --longitude go together"),
        (["--latitude", "147", "--longitude", "0"], "latitude is 147.0: must be between -90 and 90"),
        (["--currency", "euro"], "currency is 'euro': must be an ISO 4217 code such as EUR"),
    ],
)
def test_wrong_options_end_with_status_2_and_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    monkeypatch.setenv("DER_STATE_DIR", str(tmp_path / "state"))
    path = tmp_path / "home.csv"
    path.write_text(WITH_PRICE)
    assert script(IMPORT, [str(path), "--site", "home", *options]) == 2
    printed = capsys.readouterr().err
    assert words in printed
    assert printed.count("\n") == 1


def test_the_command_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("DER_STATE_DIR", str(tmp_path / "state"))
    path = tmp_path / "home.csv"
    path.write_text(LOAD_ONLY)
    assert script(IMPORT, [str(path), "--site", "home"]) == 0
    assert "48 readings and 0 prices of home" in capsys.readouterr().out


@pytest.mark.parametrize("year", ["2026", "2924"])
def test_measurements_of_the_future_are_refused_before_anything_is_written(edge: SqliteEdgeStore, tmp_path: Path, year: str) -> None:
    with pytest.raises(InvalidValueError, match=rf"newest time in the file is '{year}-06-16T23:00:00\+00:00': is in the future"):
        imported(edge, tmp_path, LOAD_ONLY.replace("2024-", f"{year}-"))
    assert edge.sites() == []


def test_a_measurement_of_just_now_is_no_future(edge: SqliteEdgeStore, tmp_path: Path) -> None:
    text = "time,load_kw\n2025-12-31T23:00:00Z,1\n2026-01-01T00:00:00Z,1\n"
    assert imported(edge, tmp_path, text)[0].readings == 2
