"""What columns mean: names, units, meters, signs."""

import numpy as np
import pytest

from shared.adapters.home_file.roles import role_of
from shared.domain.errors import InvalidValueError
from shared.domain.reading import Quality
from tests.unit.adapters.home_file.layouts import Read, load_of, solar_of


def hourly(header: str, *rows: str, start: int = 0) -> str:
    lines = [f"2024-06-{15 + (start + i) // 24:02d}T{(start + i) % 24:02d}:00Z,{row}" for i, row in enumerate(rows)]
    return "\n".join([f"time,{header}", *lines]) + "\n"


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("load_kw", "load_kw"), ("total_load_kw", "load_kw"), ("house_load", "load_kw"), ("consumption", "load_kw"),
        ("Verbrauch", "load_kw"),
        ("Hausverbrauch [W]", "load_kw"), ("Stromverbrauch in kWh", "load_kw"), ("Energy Consumed (Wh)", "load_kw"),
        ("use [kW]", "load_kw"),
        ("House overall [kW]", "load_kw"), ("consommation", "load_kw"), ("Consumo (kWh)", "load_kw"), ("verbruik",
        "load_kw"), ("loadW", "load_kw"),
        ("Global_active_power", "load_kw"), ("currentLoadW", "load_kw"),
        ("solar_kw", "solar_kw"), ("pv", "solar_kw"), ("PV-Erzeugung", "solar_kw"), ("generation", "solar_kw"), ("gen [kW]", "solar_kw"),
        ("System Production (Wh)", "solar_kw"), ("DE_KN_residential4_pv", "solar_kw"), ("production photovoltaïque",
        "solar_kw"), ("pvPower", "solar_kw"),
        ("grid_import_kw", "grid_import_kw"), ("Netzbezug", "grid_import_kw"), ("Imported from Grid (Wh)", "grid_import_kw"),
        ("consumption_from_grid", "grid_import_kw"), ("soutirage", "grid_import_kw"),
        ("grid_export_kw", "grid_export_kw"), ("Einspeisung", "grid_export_kw"), ("feed-in kWh", "grid_export_kw"),
        ("Exported to Grid (Wh)", "grid_export_kw"),
        ("grid_power", "net_grid_flow_kw"), ("Grid (kW)", "net_grid_flow_kw"),
        ("battery_soc", "battery_soc_percent"), ("Ladezustand %", "battery_soc_percent"), ("Battery level", "battery_soc_percent"),
        ("battery_power_kw", "battery_power_kw"), ("Powerwall (kW)", "battery_power_kw"), ("battery_charge_w", "battery_charge_kw"),
        ("Batterieladung kWh", "battery_charge_kw"), ("Batterieentladung kWh", "battery_discharge_kw"),
        ("battery discharging [W]", "battery_discharge_kw"),
        ("ev_charging_kw", "ev_charging_kw"), ("wallbox", "ev_charging_kw"), ("heat_pump", "hvac_kw"), ("Wärmepumpe", "hvac_kw"),
        ("price", "price_per_kwh"), ("Strompreis ct/kWh", "price_per_kwh"), ("EUR/MWh", "price_per_kwh"),
        ("DE_LU_price_day_ahead", "price_per_kwh"),
        ("feed_in_tariff", "feed_in_tariff"), ("export price", "feed_in_tariff"),
        ("carbon_kg_per_kwh", "carbon_intensity_g_kwh"), ("CO2 g/kWh", "carbon_intensity_g_kwh"), ("ghi_w_m2", "solar_irradiance_w_m2"),
    ],
)  # fmt: skip
def test_names_of_the_trade_are_recognised(name: str, role: str) -> None:
    found = role_of(name)
    assert found is not None
    assert found.name == role


@pytest.mark.parametrize(
    "name",
    ["load_forecast_mw", "solar_fc_recorded_kw", "pv_kwp", "battery_capacity_kwh", "Self consumption (Wh)", "temperature",
    "voltage", "battery_health",
     "grid_frequency", "inverter_temp", "sub_dishwasher_kw", "solar_irradiance", "wind_speed", "battery temperature"],
)  # fmt: skip
def test_what_is_no_measured_power_is_left_alone(name: str) -> None:
    assert role_of(name) is None


def test_a_forecast_in_the_file_is_not_taken_for_generation(read: Read) -> None:
    home = read(hourly("load_kw,solar_fc_kw,solar_kw", "1,9,2", "1,9,3"))
    assert solar_of(home) == [2, 3]
    assert home.ignored_columns == ("solar_fc_kw",)


@pytest.mark.parametrize(("unit", "values"), [("kW", "1.5,1.5"), ("W", "1500,1500"), ("MW", "0.0015,0.0015")])
def test_powers_of_any_unit_become_kilowatts(read: Read, unit: str, values: str) -> None:
    assert load_of(read(hourly(f"Verbrauch [{unit}]", *values.split(",")))) == [1.5, 1.5]


def test_energy_of_each_interval_is_divided_by_its_hours(read: Read) -> None:
    home = read("time,KWH/hh (per half hour)\n2013-01-01 00:00Z,0.5\n2013-01-01 00:30Z,0.25\n2013-01-01 01:00Z,0.75\n")
    assert load_of(home) == [1, 0.5, 1.5]
    assert "divided by its hours" in home.columns["total_load_kw"]


def test_a_running_meter_becomes_the_power_between_its_readings(read: Read) -> None:
    home = read(hourly("consumption_kwh", "1000", "1001", "1003", "1003.5", "1004.5", "1007", "1008"))
    assert load_of(home) == [1, 2, 0.5, 1, 2.5, 1]
    assert "running meter" in home.columns["total_load_kw"]


def test_a_meter_that_starts_anew_each_day_loses_nothing_plausible(read: Read) -> None:
    counts = [0.0]
    for hour in range(1, 72):
        counts.append(1.0 if hour % 24 == 0 else counts[-1] + 1.0)
    home = read(hourly("load energy kWh", *map(str, counts)))
    assert set(load_of(home)) == {1.0}
    assert any("starts anew 2 times" in note for note in home.notes)


def test_a_meter_without_unit_that_only_rises_is_recognised_and_told(read: Read) -> None:
    home = read(hourly("DE_KN_residential4_grid_import,DE_KN_residential4_pv", *[f"{100 + i * 0.5},{7 + i * 0.25}" for i in range(60)]))
    assert set(solar_of(home)) == {0.25}
    assert any("running meter" in note for note in home.notes)


def test_across_a_gap_a_meter_tells_nothing(read: Read) -> None:
    rows = [
        f"2024-06-15T{hour:02d}:00Z,{value}" for hour, value in ((0, 10), (1, 11), (2, 12), (5, 30), (6, 31), (7, 32), (8, 33), (9, 34))
    ]
    home = read("time,consumption_kwh\n" + "\n".join(rows) + "\n")
    assert home.readings["total_load_kw"].isna().tolist() == [False, False, True, False, False, False, False]


def test_a_load_of_hundreds_of_kilowatts_is_told_not_converted(read: Read) -> None:
    home = read(hourly("load_kw", "450", "800"))
    assert load_of(home) == [450, 800]
    assert any("--map load_w=load_kw" in note for note in home.notes)
    assert load_of(read(hourly("load_kw", "450", "800"), columns={"load_w": "load_kw"})) == [0.45, 0.8]


@pytest.mark.parametrize(
    ("name", "value"), [("price EUR/MWh", "80"), ("Preis ct/kWh", "8"), ("price_per_kwh", "0.08"), ("spot [€/MWh]", "80")]
)
def test_prices_of_any_unit_are_per_kwh(read: Read, name: str, value: str) -> None:
    home = read(hourly(f"load_kw,{name}", f"1,{value}", f"2,{value}"))
    assert home.prices is not None
    assert home.prices["price_per_kwh"].tolist() == pytest.approx([0.08, 0.08])


def test_a_price_without_plausible_unit_is_left_out_and_told(read: Read) -> None:
    text = hourly("load_kw,price", "1,80", "2,90")
    home = read(text)
    assert home.prices is None
    assert any("--map price_per_mwh=price" in note for note in home.notes)
    asked = read(text, columns={"price_per_mwh": "price"})
    assert asked.prices is not None
    assert asked.prices["price_per_kwh"].tolist() == pytest.approx([0.08, 0.09])


def test_carbon_in_kilograms_becomes_grams(read: Read) -> None:
    assert read(hourly("load_kw,carbon_kg_per_kwh", "1,0.17", "2,0.2")).readings["carbon_intensity_g_kwh"].tolist() == pytest.approx(
        [170, 200]
    )


def test_state_of_charge_as_a_fraction_becomes_percent(read: Read) -> None:
    assert read(hourly("load_kw,soc", "1,0.5", "2,0.75")).readings["battery_soc_percent"].tolist() == [50, 75]


def test_generation_written_below_zero_is_turned_and_told(read: Read) -> None:
    home = read(hourly("load_kw,solar_kw", "1,-2", "1,-3", "1,0"))
    assert solar_of(home) == [2, 3, 0]
    assert any("sign was turned" in note for note in home.notes)


def test_standby_of_the_inverter_is_no_generation_but_large_negatives_are_kept_and_flagged(read: Read) -> None:
    home = read(hourly("load_kw,solar_kw", "1,5", "1,-0.01", "1,-2", "1,4"))
    assert solar_of(home) == [5, 0, -2, 4]
    assert (home.readings["quality"].to_numpy() & int(Quality.OUT_OF_RANGE)).tolist() == [0, 0, 2, 0]
    assert any("solar_generation_kw are outside" in note for note in home.notes)


def test_a_negative_load_is_kept_flagged_and_told(read: Read) -> None:
    home = read(hourly("load_kw", "1", "-0.5", "2"))
    assert load_of(home) == [1, -0.5, 2]
    assert home.readings["quality"].tolist() == [0, int(Quality.OUT_OF_RANGE), 0]
    assert any("total_load_kw" in note for note in home.notes)


def test_load_is_derived_from_the_meter_the_sun_and_the_battery(read: Read) -> None:
    home = read(hourly("Netzbezug kW,Einspeisung kW,PV kW,Batterieladung kW,Batterieentladung kW", "1,0,0.5,0,0.5", "0,2,4,1,0"))
    assert load_of(home) == [2.0, 1.0]
    assert home.readings["battery_power_kw"].tolist() == [-0.5, 1.0]
    assert home.readings["net_grid_flow_kw"].tolist() == [1.0, -2.0]
    assert home.columns["total_load_kw"] == "grid + solar - battery (derived)"


def test_import_alone_is_the_load(read: Read) -> None:
    assert load_of(read(hourly("import kWh", "1", "3", "2"))) == [1, 3, 2]


def test_a_signed_meter_whose_sign_is_the_other_way_round_is_turned(read: Read) -> None:
    home = read(hourly("load_kw,solar_kw,grid_kw", "1,0,-1", "1,4,3", "2,1,-1"))
    assert home.readings["net_grid_flow_kw"].tolist() == [1, -3, 1]
    derived = read(hourly("solar_kw,grid_kw", "0,-1", "4,3", "1,-1", "0,-2"))
    assert load_of(derived) == [1, 1, 2, 2]


def test_battery_power_follows_the_state_of_charge(read: Read) -> None:
    home = read(hourly("load_kw,battery_kw,soc", "1,2,80", "1,2,60", "1,-1,40", "1,-1,50", "1,0,60"))
    assert home.readings["battery_power_kw"].tolist() == [-2, -2, 1, 1, 0]
    assert any("discharging in the file" in note for note in home.notes)
    kept = read(hourly("load_kw,battery_kw,soc", "1,-2,80", "1,-2,60", "1,1,40", "1,1,50", "1,0,60"))
    assert kept.readings["battery_power_kw"].tolist() == [-2, -2, 1, 1, 0]


def test_without_a_state_of_charge_the_balance_tells_the_battery_sign(read: Read) -> None:
    home = read(hourly("Home (kW),Solar (kW),Powerwall (kW),Grid (kW)", "1.5,4,-2.5,0", "1.5,0,1,0.5", "2,0,2,0"))
    assert home.readings["battery_power_kw"].tolist() == [2.5, -1, -2]
    assert any("by the balance" in note for note in home.notes)


def test_a_load_that_does_not_fit_the_meter_is_told(read: Read) -> None:
    home = read(hourly("load_kw,solar_kw,grid_import_kw,grid_export_kw", "5,0,1,0", "5,0,1,0"))
    assert any("differs from load + battery - solar" in note for note in home.notes)


def test_parts_of_one_meter_are_added_up_and_told(read: Read) -> None:
    home = read(hourly("load_kw,pv1_w,pv2_w", "1,1000,500", "1,2000,0"))
    assert solar_of(home) == [1.5, 2]
    assert any("sum of pv1_w, pv2_w" in note for note in home.notes)


def test_another_candidate_is_told(read: Read) -> None:
    home = read(hourly("consumption_kw,consumption_kitchen_kw", "2,1", "3,1"))
    assert load_of(home) == [2, 3]
    assert any("could also be consumption_kitchen_kw" in note for note in home.notes)


def test_the_persons_word_beats_every_guess(read: Read) -> None:
    home = read(hourly("load_kw,solar_kw,a,b", "1,2,3,4", "1,2,5,6"), columns={"load_kw": "a+b", "solar_kw": ""})
    assert load_of(home) == [7, 11]
    assert np.isnan(solar_of(home)).all()
    assert home.columns["total_load_kw"].startswith("a + b")


def test_times_can_be_named_too(read: Read) -> None:
    home = read("when,time,load_kw\n2024-06-15T00:00Z,1,1\n2024-06-15T01:00Z,2,2\n", columns={"timestamp": "when"})
    assert load_of(home) == [1, 2]


def test_the_only_meter_of_a_file_is_the_load(read: Read) -> None:
    home = read(hourly("value_kwh", "1", "3", "2"))
    assert load_of(home) == [1, 3, 2]
    assert any("the only meter" in note for note in home.notes)


def test_rows_marked_as_interpolated_are_flagged(read: Read) -> None:
    home = read(hourly("load_kw,interpolated", "1,False", "2,True"))
    assert home.readings["quality"].tolist() == [0, int(Quality.INTERPOLATED)]


def test_one_home_of_many(read: Read) -> None:
    text = hourly("site_id,load_kw", "b,1", "b,2") + "".join(f"2024-06-15T{hour:02d}:00Z,a,{hour + 10}\n" for hour in range(3))
    first, second = read(text), read(text, site_in_file="a")
    assert (first.sites, first.site_in_file, load_of(first)) == (("b", "a"), "b", [1, 2])
    assert (second.site_in_file, load_of(second)) == ("a", [10, 11, 12])
    assert any("--site-in-file" in note for note in first.notes)


def test_homes_side_by_side_are_never_mixed(read: Read) -> None:
    text = hourly("DE_residential3_load_kw,DE_residential4_load_kw,DE_residential4_pv_kw,price_per_kwh", "1,10,5,0.3", "2,20,6,0.3")
    first, second = read(text), read(text, site_in_file="residential4")
    assert (first.sites, first.site_in_file) == (("residential3", "residential4"), "residential3")
    assert load_of(first) == [1, 2]
    assert np.isnan(solar_of(first)).all()
    assert (load_of(second), solar_of(second)) == ([10, 20], [5, 6])
    assert second.prices is not None
    with pytest.raises(InvalidValueError, match="is not in the column names; there is residential3, residential4"):
        read(text, site_in_file="residential9")


def test_the_phases_of_a_meter_are_added_up(read: Read) -> None:
    assert load_of(read(hourly("load_l1_w,load_l2_w,load_l3_w", "100,200,300", "500,500,500"))) == [0.6, 1.5]
