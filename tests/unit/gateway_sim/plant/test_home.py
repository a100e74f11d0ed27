"""A home's promises: repeatable, in any pieces, in bounds, in balance."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway_sim.plant.columns import no_readings
from services.gateway_sim.plant.equipment import Chemistry, Control, Home, HomeBattery, Household
from services.gateway_sim.plant.home import grid_after, pieces, simulate, state_after
from services.gateway_sim.plant.tariff_periods import SUMMER_PEAKS, WINTER_PEAKS
from shared.domain.reading import FIELDS, READING_COLUMNS, Quality
from shared.domain.schedule import ValueCurve
from shared.domain.site import BatterySpec
from shared.domain.time import EPOCH, Interval, TimeGrid, local_day
from tests.unit.gateway_sim.schedules import a_schedule

STEPS = st.sampled_from([1, 10, 300, 301, 420, 900, 3600, 86_400]).map(lambda seconds: timedelta(seconds=seconds))
STARTS = st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 the strategy adds the zone
ZONES = st.sampled_from(["America/Los_Angeles", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Chatham", "UTC"])


@st.composite
def homes(draw: st.DrawFn) -> Home:
    low = draw(st.floats(0, 60))
    high = draw(st.floats(low, 100))
    spec = BatterySpec(
        capacity_kwh=draw(st.floats(0.5, 100)),
        max_charge_rate_kw=draw(st.floats(0, 50)),
        max_discharge_rate_kw=draw(st.floats(0, 50)),
        charge_efficiency=draw(st.floats(0.5, 1.0)),
        discharge_efficiency=draw(st.floats(0.5, 1.0)),
        min_soc_percent=low,
        max_soc_percent=high,
    )
    battery = HomeBattery(
        spec=spec,
        initial_soc_percent=draw(st.floats(low, high)),
        chemistry=draw(st.sampled_from(Chemistry)),
        control=draw(st.sampled_from(Control)),
    )
    return Home(
        seed=draw(st.integers(-(2**63), 2**63 - 1)),
        timezone=draw(ZONES),
        latitude=draw(st.floats(-90, 90)),
        longitude=draw(st.floats(-180, 180)),
        battery=battery,
    )


def a_grid(start: datetime = datetime(2024, 6, 15, tzinfo=UTC), minutes: int = 5, count: int = 288) -> TimeGrid:
    return TimeGrid(start=start, step=timedelta(minutes=minutes), count=count)


@settings(max_examples=15)
@given(home=homes(), start=STARTS, step=STEPS, count=st.integers(1, 150))
def test_the_same_seed_makes_the_same_frame(home: Home, start: datetime, step: timedelta, count: int):
    grid = TimeGrid(start=start, step=step, count=count)
    pd.testing.assert_frame_equal(simulate(home, grid).readings, simulate(home, grid).readings, check_exact=True)


@settings(max_examples=15)
@given(home=homes(), start=STARTS, step=STEPS, count=st.integers(2, 150), cuts=st.lists(st.integers(1, 149), max_size=3))
def test_a_range_in_pieces_with_the_battery_carried_equals_one_piece(
    home: Home, start: datetime, step: timedelta, count: int, cuts: list[int]
):
    whole = simulate(home, TimeGrid(start=start, step=step, count=count))
    edges = sorted({0, count, *(cut for cut in cuts if cut < count)})
    state, parts = None, []
    for first, last in pairwise(edges):
        done = simulate(home, TimeGrid(start=start + first * step, step=step, count=last - first), state=state)
        state = done.state
        parts.append(done.readings)
    pd.testing.assert_frame_equal(whole.readings, pd.concat(parts, ignore_index=True), check_exact=True)
    assert whole.state == state


@settings(max_examples=15)
@given(home=homes(), start=STARTS, step=STEPS, count=st.integers(2, 150), share=st.floats(0, 1))
def test_a_run_stopped_and_continued_from_its_stored_readings_equals_one_run(
    home: Home, start: datetime, step: timedelta, count: int, share: float
):
    cut = 1 + int(share * (count - 2))
    whole = simulate(home, TimeGrid(start=start, step=step, count=count))
    state = state_after(home, whole.readings.iloc[:cut], step=step)
    rest = simulate(home, TimeGrid(start=start + cut * step, step=step, count=count - cut), state=state)
    pd.testing.assert_frame_equal(whole.readings.iloc[cut:].reset_index(drop=True), rest.readings, check_exact=True)
    assert rest.state == whole.state


@settings(max_examples=15)
@given(home=homes(), start=STARTS, step=STEPS, first=st.integers(0, 500), count=st.integers(1, 200))
def test_a_sub_range_is_the_cut_out_of_the_whole_in_all_but_the_battery(
    home: Home, start: datetime, step: timedelta, first: int, count: int
):
    whole = simulate(home, TimeGrid(start=start, step=step, count=first + count)).readings.iloc[first:].reset_index(drop=True)
    part = simulate(home, TimeGrid(start=start + first * step, step=step, count=count)).readings
    untouched = [name for name in READING_COLUMNS if not name.startswith("battery_") and name != "net_grid_flow_kw"]
    pd.testing.assert_frame_equal(whole[untouched], part[untouched], check_exact=True)


@settings(max_examples=15)
@given(home=homes(), start=STARTS, step=STEPS, count=st.integers(1, 150))
def test_every_value_is_there_in_bounds_and_in_balance(home: Home, start: datetime, step: timedelta, count: int):
    readings = simulate(home, TimeGrid(start=start, step=step, count=count)).readings
    assert tuple(readings.columns) == READING_COLUMNS
    for field in FIELDS:
        assert readings[field.column].between(field.low, field.high).all(), field.column
    assert home.battery is not None
    spec = home.battery.spec
    assert readings["battery_soc_percent"].between(spec.min_soc_percent - 1e-9, spec.max_soc_percent + 1e-9).all()
    assert readings["battery_power_kw"].between(-spec.max_discharge_rate_kw, spec.max_charge_rate_kw).all()
    assert (readings["battery_health_percent"].diff().dropna() <= 0).all()
    assert (readings["battery_cycles"].diff().dropna() >= 0).all()
    flow = readings["total_load_kw"] + readings["battery_power_kw"] - readings["solar_generation_kw"]
    np.testing.assert_allclose(readings["net_grid_flow_kw"], flow, rtol=0, atol=1e-9)
    parts = readings[["hvac_kw", "appliances_kw", "lighting_kw", "ev_charging_kw", "other_kw"]]
    np.testing.assert_allclose(readings["total_load_kw"], parts.sum(axis=1), rtol=0, atol=1e-9)
    assert (parts >= 0).all().all()
    assert (readings["quality"] == int(Quality.SIMULATED)).all()


@settings(max_examples=10)
@given(
    home=homes(),
    monday=st.integers(0, 500).map(lambda week: datetime(2020, 1, 6, tzinfo=UTC) + week * timedelta(days=7)),
    step=STEPS,
    before=st.integers(1, 100),
    share=st.floats(0, 1),
)
def test_also_across_a_monday_at_which_the_open_cycles_close(home: Home, monday: datetime, step: timedelta, before: int, share: float):
    grid = TimeGrid(start=monday - before * step, step=step, count=150)
    whole, cut = simulate(home, grid), 1 + int(share * 148)
    state = state_after(home, whole.readings.iloc[:cut], step=step)
    rest = simulate(home, TimeGrid(start=grid[cut], step=step, count=150 - cut), state=state)
    pd.testing.assert_frame_equal(whole.readings.iloc[cut:].reset_index(drop=True), rest.readings, check_exact=True)
    assert rest.state == whole.state


@pytest.mark.parametrize("minutes", [5, 15, 60])
def test_continued_under_the_schedule_it_knows_or_without_it_the_battery_goes_on(minutes: int):
    start, step = datetime(2024, 6, 14, 20, tzinfo=UTC), timedelta(minutes=minutes)
    plan = a_schedule(start, curve=ValueCurve(soc_percent=(0.0, 60.0), value_per_kwh=(0.2, 0.05)), grid_charge_limit_kw=1.0)
    grid = TimeGrid(start=start, step=step, count=2 * 24 * 60 // minutes)
    whole, cut = simulate(Home(), grid, schedule=plan), grid.count // 3
    before, rest = whole.readings.iloc[:cut], TimeGrid(start=grid[cut], step=step, count=grid.count - cut)
    known = simulate(Home(), rest, state=state_after(Home(), before, step=step, schedule=plan), schedule=plan)
    pd.testing.assert_frame_equal(whole.readings.iloc[cut:].reset_index(drop=True), known.readings, check_exact=True)
    held = state_after(Home(), before, step=step)
    assert held is not None
    assert held.soc_percent == pytest.approx(whole.readings["battery_soc_percent"].iloc[cut], abs=0.5)


def test_another_seed_and_another_site_are_other_homes():
    grid = a_grid(count=2016)
    loads = {
        (seed, site): simulate(Home(seed=seed, site_id=site), grid).readings["total_load_kw"].sum()
        for seed in (1, 2)
        for site in ("home", "house")
    }
    assert len({round(load, 6) for load in loads.values()}) == 4


def test_a_fleet_from_one_seed_is_diverse():
    grid = TimeGrid(start=datetime(2024, 3, 1, tzinfo=UTC), step=timedelta(hours=1), count=24 * 28)
    fleet = [simulate(Home(seed=1, site_id=f"home-{n}", battery=None), grid).readings["total_load_kw"] for n in range(12)]
    energy = np.array([load.sum() for load in fleet])
    assert energy.std() / energy.mean() > 0.08
    correlations = np.corrcoef(np.array(fleet))[np.triu_indices(12, 1)]
    assert correlations.max() < 0.95


@pytest.mark.parametrize("control", Control)
@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Europe/Berlin"])
def test_steps_of_5_15_and_60_minutes_agree_on_a_days_energy_also_through_the_battery(zone: str, control: Control):
    home = Home(timezone=zone, battery=replace(HomeBattery.default(), control=control), seed=4)
    totals = {}
    for minutes in (5, 15, 60):
        grid = a_grid(start=datetime(2024, 2, 1, tzinfo=UTC), minutes=minutes, count=30 * 24 * 60 // minutes)
        readings = simulate(home, grid).readings.set_index("timestamp")
        totals[minutes] = readings[["total_load_kw", "solar_generation_kw", "battery_power_kw"]].resample("1D").sum() * (minutes / 60)
        totals[minutes]["turned"] = readings["battery_cycles"].resample("1D").first().diff().fillna(0.0)
    for minutes in (15, 60):
        np.testing.assert_allclose(totals[minutes], totals[5], rtol=0.01, atol=0.01)


@pytest.mark.parametrize(
    ("day", "hours", "peaks"),
    [(date(2024, 3, 10), 23, WINTER_PEAKS), (date(2024, 11, 3), 25, WINTER_PEAKS), (date(2024, 6, 16), 24, SUMMER_PEAKS)],
)
def test_a_local_day_has_as_many_steps_as_its_clock_and_the_next_its_peaks_by_the_clock(
    day: date, hours: int, peaks: tuple[tuple[float, float], ...]
):
    zone = ZoneInfo("America/Los_Angeles")
    sunday, monday = local_day(day, zone), local_day(day + timedelta(days=1), zone)
    readings = simulate(Home(), TimeGrid.over(Interval(start=sunday.start, end=monday.end), timedelta(minutes=5))).readings
    assert (readings["timestamp"] < sunday.end).sum() == hours * 12
    assert not readings["timestamp"].duplicated().any()
    on_monday = readings[readings["timestamp"] >= monday.start]
    local = on_monday["timestamp"].dt.tz_convert(zone)
    assert set(local[on_monday["time_of_use_period"] == "peak"].dt.hour) == {
        hour for begin, end in peaks for hour in range(int(begin), int(end))
    }


def test_the_load_follows_people_and_weather():
    grid = TimeGrid(start=datetime(2024, 1, 1, 8, tzinfo=UTC), step=timedelta(hours=1), count=24 * 364)
    berlin = Home(seed=6, battery=None, timezone="Europe/Berlin", latitude=52.5, longitude=13.4)
    readings = simulate(berlin, grid).readings
    local = readings["timestamp"].dt.tz_convert("Europe/Berlin")
    by_hour = readings.groupby(local.dt.hour)[["appliances_kw", "lighting_kw"]].mean().sum(axis=1)
    assert by_hour.loc[18:21].mean() > 2.5 * by_hour.loc[1:4].mean()
    noon_light = readings["lighting_kw"][local.dt.hour == 12].mean()
    assert readings["lighting_kw"][local.dt.hour == 20].mean() > 3 * noon_light
    by_month = readings.groupby(local.dt.month)["hvac_kw"].mean()
    assert by_month[1] > 3 * by_month[6]
    assert readings["ev_charging_kw"].max() > 2.0


def test_a_home_without_a_battery_or_car_says_so_by_absence():
    readings = simulate(Home(battery=None, household=Household(has_ev=False)), a_grid()).readings
    assert readings["battery_soc_percent"].isna().all()
    assert readings["battery_power_kw"].isna().all()
    assert (readings["ev_charging_kw"] == 0.0).all()
    np.testing.assert_allclose(readings["net_grid_flow_kw"], readings["total_load_kw"] - readings["solar_generation_kw"], atol=1e-9)


def test_no_steps_make_no_rows_with_every_column_of_the_same_kind():
    some = simulate(Home(), a_grid(count=1)).readings
    assert (no_readings().frame().dtypes == some.dtypes).all()
    assert simulate(Home(), a_grid(count=0)).readings.empty


@given(start=STARTS, minutes=st.integers(0, 3000), origin=STARTS, step=STEPS)
def test_stamps_are_all_multiples_of_the_step_from_the_origin_in_the_interval(
    start: datetime, minutes: int, origin: datetime, step: timedelta
):
    interval = Interval(start=start, end=start + timedelta(minutes=minutes))
    grid = grid_after(interval, step=step, origin=origin)
    assert (grid.start - origin) % step == timedelta(0)
    assert interval.start <= grid.start < interval.start + step
    assert grid.end >= interval.end
    assert grid.count == 0 or grid.end - step < interval.end


@given(count=st.integers(0, 5000), hours=st.integers(1, 100))
def test_pieces_of_a_grid_are_the_grid(count: int, hours: int):
    grid = TimeGrid(start=EPOCH, step=timedelta(minutes=5), count=count)
    parts = pieces(grid, timedelta(hours=hours))
    assert sum(part.count for part in parts) == count
    assert all(part.count <= 12 * hours for part in parts)
    assert [part.start for part in parts[1:]] == [part.end for part in parts[:-1]]
