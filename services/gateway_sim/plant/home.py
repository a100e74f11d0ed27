"""One home over any steps: the parts put together to readings."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np

from services.gateway_sim.plant import battery as storage
from services.gateway_sim.plant.battery import BatteryState
from services.gateway_sim.plant.columns import ReadingArrays, no_readings
from services.gateway_sim.plant.equipment import Home, HomeBattery
from services.gateway_sim.plant.ev import ev_charging_kw, sessions_of
from services.gateway_sim.plant.grid_price import Price, price_at
from services.gateway_sim.plant.home_load import HomeLoad, home_load_at
from services.gateway_sim.plant.living import living_in
from services.gateway_sim.plant.noise import Floats
from services.gateway_sim.plant.solar import Solar, solar_at, solar_over
from services.gateway_sim.plant.steps import Steps
from services.gateway_sim.plant.sun import sun_at
from services.gateway_sim.plant.weather import temperature_celsius, weather_at
from shared.domain.balance import net_grid_flow_kw
from shared.domain.dispatch import by_value_kw, self_consumption_kw
from shared.domain.schedule import Schedule
from shared.domain.site import BatterySpec
from shared.domain.time import Interval, TimeGrid, parse_instant, zone

if TYPE_CHECKING:
    import pandas as pd

_LONGEST_PIECE = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Everything but the battery: means over the steps, shape (steps,). A function of the home and the steps alone."""

    solar: Solar
    load: HomeLoad
    ev_kw: Floats
    total_load_kw: Floats
    price: Price
    """In force at the start of each step."""
    outdoor_celsius: Floats


@dataclass(frozen=True, slots=True)
class Simulation:
    """Readings, one for each step, and the battery at the end of the last."""

    arrays: ReadingArrays
    state: BatteryState | None

    @property
    def readings(self) -> "pd.DataFrame":
        """As `READING_COLUMNS`."""
        return self.arrays.frame()


def simulate(home: Home, grid: TimeGrid, *, state: BatteryState | None = None, schedule: Schedule | None = None) -> Simulation:
    """Live through the steps of a grid.

    A reading is stamped with the start of its step: powers are means over the step, the battery's state of charge,
    temperature, cycles and health are those at the start. Without a state the battery begins as configured; with a
    schedule it acts on what it measures by the schedule's values, and by self-consumption where that says nothing.
    """
    if grid.count == 0:
        return Simulation(arrays=no_readings(home.site_id, home.device_id), state=state)
    around = surroundings(home, grid)
    if home.battery is None:
        return Simulation(arrays=_arrays(home, grid, around, _no_battery(grid.count)), state=None)
    begin = state or new_battery(home, home.battery, grid.start)
    columns, final = _run_battery(home, home.battery.spec, grid, around, state=begin, schedule=schedule)
    return Simulation(arrays=_arrays(home, grid, around, columns), state=final)


def surroundings(home: Home, grid: TimeGrid) -> Surroundings:
    """Sun, load, car and price over a grid."""
    steps = Steps(grid=grid, tz=zone(home.timezone))
    sun = sun_at(home.latitude, home.longitude, steps.instants_us)
    weather = weather_at(home, steps.instants_us)
    solar = solar_at(home, steps.instants_us, sun, clear_sky_index=weather.clear_sky_index, temperature_celsius=weather.temperature_celsius)
    living = living_in(home, steps)
    load = home_load_at(living, steps)
    ev_kw = ev_charging_kw(sessions_of(living), steps)
    return Surroundings(
        solar=solar_over(home, steps, solar),
        load=load,
        ev_kw=ev_kw,
        total_load_kw=load.hvac_kw + load.appliances_kw + load.lighting_kw + ev_kw + load.other_kw,
        price=price_at(home, steps.starts_us),
        outdoor_celsius=steps.mean(weather.temperature_celsius),
    )


def new_battery(home: Home, battery: HomeBattery, moment: datetime) -> BatteryState:
    """As full as configured, as warm as its room."""
    instant = Steps(grid=TimeGrid(start=moment, step=timedelta(minutes=5), count=1), tz=zone(home.timezone)).starts_us
    room = storage.room_celsius(float(temperature_celsius(home, instant)[0]))
    return BatteryState(soc_percent=battery.initial_soc_percent, temperature_celsius=room)


def state_after(home: Home, reading: Mapping[str, object], *, step: timedelta) -> BatteryState | None:
    """The battery one step after a reading of this home, when the power of the reading has been held; None without its state."""
    names = ("battery_soc_percent", "battery_power_kw", "battery_temperature_celsius", "battery_cycles", "battery_health_percent")
    soc, power, temperature, cycles, health = (float(str(reading[name])) for name in names)
    if home.battery is None or not all(isfinite(value) for value in (soc, power, temperature, cycles, health)):
        return None
    start = parse_instant(str(reading["timestamp"]), "timestamp")
    steps = Steps(grid=TimeGrid(start=start, step=step, count=1), tz=zone(home.timezone))
    outdoor = steps.mean(temperature_celsius(home, steps.instants_us))[0]
    state = BatteryState(soc_percent=soc, temperature_celsius=temperature, cycles=cycles, health_percent=health)
    return storage.step(
        home.battery.spec, state, power_kw=power, step_hours=steps.grid.step_hours, room_celsius=storage.room_celsius(float(outdoor))
    )[1]


def pieces(grid: TimeGrid, longest: timedelta = _LONGEST_PIECE) -> list[TimeGrid]:
    """Consecutive grids of at most that length, whole steps each, that together are the grid."""
    count = max(1, longest // grid.step)
    return [
        TimeGrid(start=grid.start + first * grid.step, step=grid.step, count=min(count, grid.count - first))
        for first in range(0, grid.count, count)
    ]


def grid_after(interval: Interval, *, step: timedelta, origin: datetime) -> TimeGrid:
    """The stamps `origin + k x step` (k any whole number) that lie in an interval."""
    first = origin - ((origin - interval.start) // step) * step
    return TimeGrid(start=first, step=step, count=max(0, -((first - interval.end) // step)))


def _run_battery(
    home: Home, spec: BatterySpec, grid: TimeGrid, around: Surroundings, *, state: BatteryState, schedule: Schedule | None
) -> tuple[dict[str, Floats], BatteryState]:
    hours, export = grid.step_hours, home.supplier.base_feed_in_tariff
    net = (around.total_load_kw - around.solar.generation_kw).tolist()
    prices, outdoor = around.price.price_per_kwh.tolist(), around.outdoor_celsius.tolist()
    rows = []
    for index, net_load in enumerate(net):
        moment = grid.start + index * grid.step
        slot = schedule.slot_at(moment) if schedule and moment >= schedule.not_before else None
        if slot is None:
            wish = self_consumption_kw(net_load_kw=net_load)
        else:
            wish = by_value_kw(
                spec,
                energy_kwh=state.soc_percent * spec.capacity_kwh / 100.0,
                step_hours=hours,
                net_load_kw=net_load,
                import_price_per_kwh=prices[index],
                export_price_per_kwh=export,
                value_curve=slot.value_curve,
                grid_charge_limit_kw=slot.grid_charge_limit_kw,
                grid_discharge_limit_kw=slot.grid_discharge_limit_kw,
            )
        power, after = storage.step(spec, state, power_kw=wish, step_hours=hours, room_celsius=storage.room_celsius(outdoor[index]))
        rows.append((
            state.soc_percent, spec.capacity_kwh, power, storage.voltage_v(spec, state.soc_percent, power),
            state.temperature_celsius, state.cycles, state.health_percent,
        ))  # fmt: skip
        state = after
    return dict(zip(_BATTERY_COLUMNS, np.array(rows).T.copy(), strict=True)), state


_BATTERY_COLUMNS = (
    "battery_soc_percent", "battery_capacity_kwh", "battery_power_kw", "battery_voltage_v",
    "battery_temperature_celsius", "battery_cycles", "battery_health_percent",
)  # fmt: skip


def _no_battery(count: int) -> dict[str, Floats]:
    return {name: np.full(count, np.nan) for name in _BATTERY_COLUMNS}


def _arrays(home: Home, grid: TimeGrid, around: Surroundings, battery: dict[str, Floats]) -> ReadingArrays:
    count = grid.count
    flow = net_grid_flow_kw(
        load_kw=around.total_load_kw,
        battery_kw=battery["battery_power_kw"] if home.battery else np.zeros(count),
        solar_kw=around.solar.generation_kw,
    )
    values = {
        "solar_generation_kw": around.solar.generation_kw,
        "solar_irradiance_w_m2": around.solar.irradiance_w_m2,
        "solar_panel_temp_celsius": around.solar.panel_temp_celsius,
        "solar_efficiency_percent": around.solar.efficiency_percent,
        **battery,
        "total_load_kw": around.total_load_kw,
        "hvac_kw": around.load.hvac_kw,
        "appliances_kw": around.load.appliances_kw,
        "lighting_kw": around.load.lighting_kw,
        "ev_charging_kw": around.ev_kw,
        "other_kw": around.load.other_kw,
        "price_per_kwh": around.price.price_per_kwh,
        "feed_in_tariff": np.full(count, home.supplier.base_feed_in_tariff),
        "demand_charge": np.full(count, home.supplier.demand_charge),
        "carbon_intensity_g_kwh": around.price.carbon_intensity_g_kwh,
        "net_grid_flow_kw": flow,
    }
    return ReadingArrays(site_id=home.site_id, device_id=home.device_id, timestamp=grid.starts(), values=values, period=around.price.period)
