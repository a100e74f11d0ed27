"""The configuration file: the customer's shape, and every problem named."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway_sim.service import site_of, tariff_of
from services.gateway_sim.settings import GatewayConfiguration, read_configuration, write_configuration
from shared.domain.tariff import DemandCharge, DynamicPrice, FlatPrice
from shared.runtime.cli import UsageError

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


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[]", b"", b'{"solar": 1}'])
def test_a_file_that_is_no_configuration_is_named(tmp_path: Path, content: bytes):
    path = tmp_path / "home.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"home\.json"):
        read_configuration(path)


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
