"""The configuration file: the customer's shape, and every problem named."""

import json
import os
import resource
import signal
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway_sim.plant.home import simulate
from services.gateway_sim.service import site_of, tariff_of
from services.gateway_sim.settings import GatewayConfiguration, read_configuration, write_configuration
from services.gateway_sim.settings.configuration import MOST_KW
from shared.adapters.holiday_calendar import HolidayLibrary
from shared.domain.reading import FIELDS
from shared.domain.tariff import DemandCharge, DynamicPrice, FlatPrice
from shared.domain.time import TimeGrid
from shared.runtime.cli import ProblemsError, UsageError

CUSTOMERS = {
    "device_id": "edge-gateway-001", "interval_seconds": 300, "output_file": None, "seed": None,
    "solar": {"capacity_kw": 10.0, "latitude": 37.7749, "panel_efficiency": 0.20, "temp_coefficient": -0.004},
    "battery": {"capacity_kwh": 13.5, "max_charge_rate_kw": 5.0, "max_discharge_rate_kw": 5.0, "round_trip_efficiency": 0.90,
                "initial_soc": 50.0, "min_soc": 10.0, "max_soc": 90.0},
    "home_load": {"base_load_kw": 0.5, "peak_load_kw": 8.0, "has_ev": True, "ev_charging_kw": 7.2, "hvac_capacity_kw": 3.5},
    "grid_price": {"off_peak_price": 0.08, "shoulder_price": 0.15, "peak_price": 0.30, "base_feed_in_tariff": 0.05,
                   "demand_charge": 10.0, "volatility": 0.15},
}  # fmt: skip


def a_file(folder: Path, document: object) -> Path:
    path = folder / "home.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_a_generated_file_has_the_customers_fields_in_order_and_is_read_back(tmp_path: Path):
    path = tmp_path / "home.json"
    write_configuration(path)
    text = path.read_text(encoding="utf-8")
    assert json.dumps(json.loads(text)) == json.dumps(CUSTOMERS)
    generated, empty = read_configuration(path).to_home(), GatewayConfiguration().to_home()
    assert generated.supplier.bills_demand
    assert (generated.solar, generated.battery, generated.household) == (empty.solar, empty.battery, empty.household)


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path):
    path = a_file(tmp_path, {"device_id": "mine"})
    with pytest.raises(UsageError, match="exists already"):
        write_configuration(path)
    assert read_configuration(path).device_id == "mine"


def test_the_site_is_the_devices_unless_named():
    assert GatewayConfiguration(device_id="gw-7").to_home().site_id == "gw-7"
    assert GatewayConfiguration(device_id="gw-7", site_id="home").to_home().site_id == "home"


def test_every_problem_is_listed_with_its_path_and_remedy(tmp_path: Path):
    document = {
        "interval_seconds": 0,
        "timezone": "Mars/Olympus",
        "colour": "red",
        "seed": "seven",
        "solar": {"latitude": 95, "pannel_efficiency": 0.2},
        "battery": {"capacity_kwh": -1},
        "home_load": {"has_ev": "yes"},
        "grid_price": {"volatility": True},
    }
    with pytest.raises(UsageError) as problem:
        read_configuration(a_file(tmp_path, document))
    lines = str(problem.value).splitlines()
    assert "9 problems" in lines[0]
    told = {line.strip().split(" is ")[0].split(":")[0]: line for line in lines[1:]}
    assert set(told) == {
        "interval_seconds", "timezone", "colour", "seed", "solar.latitude", "solar.pannel_efficiency", "battery.capacity_kwh",
        "home_load.has_ev", "grid_price.volatility",
    }  # fmt: skip
    assert "95: must be less than or equal to 90" in told["solar.latitude"]
    assert "Europe/Berlin" in told["timezone"]
    assert "panel_efficiency" in told["solar.pannel_efficiency"].replace("pannel_efficiency", "")


@pytest.mark.parametrize(
    ("battery", "told"),
    [
        ({"min_soc": 95}, "min_soc 95 must not be above max_soc 90"),
        ({"initial_soc": 5}, "initial_soc 5 must be between min_soc 10 and max_soc 90"),
    ],
)
def test_impossible_states_of_charge_are_refused(tmp_path: Path, battery: dict[str, float], told: str):
    with pytest.raises(UsageError, match=told):
        read_configuration(a_file(tmp_path, {"battery": battery}))


def test_an_unwritten_initial_soc_gives_way_to_written_bounds():
    home = GatewayConfiguration.model_validate({"battery": {"min_soc": 60}}).to_home()
    assert home.battery is not None
    assert home.battery.initial_soc_percent == 60.0


WRONG = [
    ({"battery": {"min_soc": 95, "capacity_kwh": "big"}}, ["battery.capacity_kwh is \"big\"", "min_soc 95 must not be above max_soc 90"]),
    ({"battery": {"initial_soc": 5, "max_charge_rate_kw": -1}}, ["battery.max_charge_rate_kw is -1", "initial_soc 5 must be between"]),
    ({"home_load": {"base_load_kw": 9}}, ["home_load: base_load_kw 9 must not be above peak_load_kw 8; lower it, or raise the other"]),
    ({"home_load": {"base_load_kw": 9, "has_ev": 1}}, ["home_load.has_ev is 1", "base_load_kw 9 must not be above peak_load_kw 8"]),
    ({"solar": {"latitude": 95}}, ["solar.latitude is 95: must be less than or equal to 90"]),
    ({"battery": {"capacity_kwh": -13.5}}, ["battery.capacity_kwh is -13.5: must be greater than or equal to 0.001"]),
    ({"interval_seconds": 0}, ["interval_seconds is 0: must be greater than or equal to 1"]),
    ({"interval_seconds": 1.5}, ["interval_seconds is 1.5: must be a valid integer"]),
    ({"sites": 0}, ["sites is 0"]),
    ({"seed": 10**30}, ["seed is 1000000"]),
    ({"solar": {"capacity": 5}}, ["solar.capacity: is no known field; did you mean capacity_kw?"]),
    ({"Solar": {}}, ["Solar: is no known field; did you mean solar?"]),
    ({"xyz": 1}, ["xyz: is no known field; remove it or correct its name (known are device_id"]),
    ({"solar": [1]}, ["solar is a list: must be a JSON object"]),
    ({"battery": {"chemistry": "lead"}}, ["battery.chemistry is \"lead\": must be 'lfp' or 'nmc'"]),
    ({"device_id": "a b"}, ["device_id is \"a b\": must be 1 to 64 letters, digits"]),
    ({"site_id": "=1+1"}, ["site_id is \"=1+1\": must be 1 to 64 letters, digits"]),
    ({"region": "../etc"}, ["region is \"../etc\": must be 1 to 64 letters, digits"]),
    ({"battery": {"min_soc": 10**400}}, ["battery.min_soc is 1000000"]),
    ({"home_load": {"base_load_kw": float("inf")}}, ["home_load.base_load_kw is Infinity: must be a finite number"]),
    ({"device_id": "x" * 500}, ["xxx...: "]),
    ({"output_file": ""}, ["output_file is \"\": must name a file"]),
    ({"output_file": "a\0b"}, ["output_file is"]),
    ({"holiday_calendar": "XX", "interval_seconds": 0}, ["holiday_calendar is \"XX\"", "such as DE, DE-BW", "interval_seconds is 0"]),
    ({"grid_price": {"currency": "dollars"}, "timezone": 5}, ["currency is \"dollars\": must be three capital", "timezone is 5"]),
]  # fmt: skip


@pytest.mark.parametrize(("document", "told"), WRONG, ids=lambda value: json.dumps(value)[:40])
def test_a_wrong_value_is_named_with_its_path_and_remedy(tmp_path: Path, document: object, told: list[str]):
    with pytest.raises(ProblemsError) as found:
        read_configuration(a_file(tmp_path, document), check=known_calendar)
    lines = str(found.value).splitlines()
    for text in told:
        assert any(text in line for line in lines[1:]), lines
    assert len(lines) - 1 == len({text.split(" ")[0] for text in told if "such as" not in text})


def known_calendar(configuration: GatewayConfiguration) -> None:
    if configuration.holiday_calendar:
        HolidayLibrary().dates(configuration.holiday_calendar, first=date(2024, 1, 1), last=date(2024, 1, 2))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{", "is not JSON"),
        (b"", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b'{"device_id": "caf\xe9"}', "is not JSON"),
        (b"[]", "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (b'{"solar": 1}', "solar is 1: must be a JSON object"),
        (b'{"battery": {"capacity_kwh": NaN}}', "battery.capacity_kwh is NaN: must be a finite number"),
        (b'{"battery": {"max_charge_rate_kw": Infinity}}', "battery.max_charge_rate_kw is Infinity: must be"),
        (b'{"battery": {"max_charge_rate_kw": 1e999}}', "battery.max_charge_rate_kw is Infinity: must be"),
        (b'{"seed": 1, "seed": 2}', "seed: is written more than once; keep one"),
        (b'{"solar": {"latitude": 1, "latitude": 95}}', "solar.latitude: is written more than once; keep one"),
        (b'{"solar": {"latitude": 1, "latitude": 95}}', "solar.latitude is 95"),
        (b'{"seed": ' + b"9" * 5000 + b"}", "is not JSON"),
        (b'{"\\ud800": 1}', "is not JSON"),
        (b'{"device_id": "\\udc00"}', "is not JSON"),
        (b"{" + b",".join(b'"n%d":1,"n%d":2' % (n, n) for n in range(20_000)) + b"}", "n19999: is written more than once"),
        (b"[" * 200_000, "is nested too deeply"),
        (b'{"a":' * 900 + b"1" + b"}" * 900, "a: is no known field"),
        (b" " * 1_000_001, "is longer than 1,000,000 bytes"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_file_that_is_no_configuration_is_named(tmp_path: Path, content: bytes, told: str):
    path = tmp_path / "home.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"home\.json") as found:
        read_configuration(path)
    assert told in str(found.value)


@pytest.mark.parametrize("name", ["none.json", "x" * 300, "loop", "folder", "pipe", "home.json/below"])
def test_what_is_no_file_is_named_and_not_waited_for(tmp_path: Path, name: str):
    a_file(tmp_path, {})
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match=name):
        read_configuration(tmp_path / name)


def test_a_configuration_for_which_there_is_no_room_is_not_left_behind(tmp_path: Path):
    path = tmp_path / "home.json"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(UsageError, match="cannot be written"):
            write_configuration(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert not path.exists()


NAMES = st.sampled_from(["solar", "battery", "min_soc", "latitude", "seed", "home_load", "device_id", "x"])
ANYTHING = st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.dictionaries(NAMES, inner) | st.lists(inner))


@given(document=ANYTHING)
def test_whatever_a_file_holds_is_read_or_refused_with_a_remedy(tmp_path_factory: pytest.TempPathFactory, document: object):
    path = tmp_path_factory.mktemp("any") / "home.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    try:
        remedy = "" if read_configuration(path) else "none"
    except UsageError as problem:
        remedy = str(problem)
    assert remedy == "" or "correct" in remedy


@pytest.mark.parametrize(
    ("document", "calendar"),
    [
        ({}, "US"),
        ({"timezone": "Europe/Berlin"}, "DE"),
        ({"timezone": "Europe/Berlin", "holiday_calendar": "DE-BW"}, "DE-BW"),
        ({"timezone": "Europe/Berlin", "holiday_calendar": "none"}, None),
        ({"timezone": "UTC"}, None),
    ],
)
def test_the_holidays_are_those_of_the_calendar_or_of_the_zones_country(document: dict[str, str], calendar: str | None):
    assert GatewayConfiguration.model_validate(document).calendar == calendar


def test_the_demand_charge_is_in_the_tariff_only_when_it_is_written():
    silent = GatewayConfiguration().to_home()
    written = GatewayConfiguration.model_validate({"grid_price": {"demand_charge": 7.5}}).to_home()
    assert silent.supplier.demand_charge == 10.0
    assert tariff_of(silent, "s").demand_charge is None
    assert tariff_of(written, "s").demand_charge == DemandCharge(price_per_kw=7.5)


def test_site_and_tariff_say_what_the_configuration_says():
    home = GatewayConfiguration.model_validate({"timezone": "Europe/Berlin", "solar": {"capacity_kw": 0}, "battery": None}).to_home()
    site, tariff = site_of(home), tariff_of(home, "home.import")
    assert (site.timezone, site.solar, site.battery, site.simulated, site.live) == ("Europe/Berlin", None, None, True, True)
    assert (tariff.currency, tariff.timezone) == ("USD", "Europe/Berlin")
    assert (tariff.import_price, tariff.export_price) == (DynamicPrice(series_id="home.import"), FlatPrice(price_per_kwh=0.05))


@given(efficiency=st.floats(0.01, 1.0))
def test_both_legs_of_the_battery_make_the_round_trip(efficiency: float):
    home = GatewayConfiguration.model_validate({"battery": {"round_trip_efficiency": efficiency}}).to_home()
    assert home.battery is not None
    spec = home.battery.spec
    assert spec.charge_efficiency * spec.discharge_efficiency == pytest.approx(efficiency)


def test_the_largest_devices_together_make_believable_readings():
    largest = GatewayConfiguration.model_validate(
        {
            "solar": {"capacity_kw": MOST_KW},
            "battery": {"capacity_kwh": 1e6, "max_charge_rate_kw": MOST_KW, "max_discharge_rate_kw": MOST_KW},
            "home_load": {"base_load_kw": MOST_KW, "peak_load_kw": MOST_KW, "ev_charging_kw": 1000.0, "hvac_capacity_kw": MOST_KW},
        }
    )
    readings = simulate(largest.to_home(), TimeGrid(start=datetime(2024, 6, 1, tzinfo=UTC), step=timedelta(hours=1), count=72)).readings
    for field in FIELDS:
        assert readings[field.column].between(field.low, field.high).all(), field.column


def test_the_smallest_battery_lives():
    smallest = GatewayConfiguration.model_validate({"battery": {"capacity_kwh": 0.001}})
    readings = simulate(smallest.to_home(), TimeGrid(start=datetime(2024, 6, 1, tzinfo=UTC), step=timedelta(hours=1), count=24)).readings
    assert readings["battery_soc_percent"].between(10.0, 90.0).all()
