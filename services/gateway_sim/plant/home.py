"""One home over any steps: the parts put together to readings."""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np

from services.gateway_sim.plant import battery as storage
from services.gateway_sim.plant.battery import Battery, BatteryState
from services.gateway_sim.plant.columns import ReadingArrays, no_readings
from services.gateway_sim.plant.control import PlannedWish, own_wish_kw, slots_in_force
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
from shared.domain.reading import VALUE_COLUMNS
from shared.domain.schedule import Schedule
from shared.domain.time import Interval, TimeGrid, zone

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
    schedule it acts on what it measures by the schedule's values, and by its own rule where that says nothing. Longer
    steps are lived through in their parts, so that their length hardly matters.
    """
    if grid.count == 0:
        return Simulation(arrays=no_readings(home.site_id, home.device_id), state=state)
    steps = Steps(grid=grid, tz=zone(home.timezone))
    parts = steps.grid_of_parts
    around = surroundings(home, parts)
    over_steps = around if parts == grid else _over_steps(home, around, steps)
    if home.battery is None:
        return Simulation(arrays=_arrays(home, grid, over_steps, _no_battery(grid.count)), state=None)
    begin = state or new_battery(home, home.battery, grid.start)
    columns, final = _run_battery(home, home.battery, steps, around, state=begin, schedule=schedule)
    return Simulation(arrays=_arrays(home, grid, over_steps, columns), state=final)


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
        total_load_kw=_total_kw(load, ev_kw),
        price=price_at(home, steps.starts_us),
        outdoor_celsius=steps.mean(weather.temperature_celsius),
    )


def new_battery(home: Home, battery: HomeBattery, moment: datetime) -> BatteryState:
    """As full as configured, as warm as its room."""
    instant = Steps(grid=TimeGrid(start=moment, step=timedelta(minutes=5), count=1), tz=zone(home.timezone)).starts_us
    room = storage.room_celsius(float(temperature_celsius(home, instant)[0]))
    return BatteryState(soc_percent=battery.initial_soc_percent, temperature_celsius=room)


def state_after(home: Home, readings: "pd.DataFrame", *, step: timedelta, schedule: Schedule | None = None) -> BatteryState | None:
    """The battery one step after the newest of a device's stored readings; None where that knows none.

    `readings` (`READING_COLUMNS`, sorted) reach back to the last Monday 00:00 UTC; with fewer of them, cycles that began earlier
    are counted from the first. Of a step with parts only the mean power is stored: the step is lived through again, and where
    another power comes out (under a schedule that is not known any more), the stored one is held. Otherwise nothing differs from
    a run that never stopped.
    """
    newest = readings.iloc[-1]
    soc, power, temperature, cycles, health = (float(newest[f"battery_{name}"]) for name in _STORED)
    if home.battery is None or not all(isfinite(value) for value in (soc, power, temperature, cycles, health)):
        return None
    week = storage.week_of(readings["timestamp"].to_numpy("datetime64[us]").astype(np.int64))
    levels = readings["battery_soc_percent"].to_numpy(np.float64)[week == week[-1]]
    state = BatteryState(
        soc_percent=soc,
        temperature_celsius=temperature,
        cycles=cycles,
        health_percent=health,
        turning=storage.turning_points(levels[np.isfinite(levels)].tolist()),
    )
    steps = Steps(grid=TimeGrid(start=newest["timestamp"].to_pydatetime(), step=step, count=1), tz=zone(home.timezone))
    parts = steps.grid_of_parts
    if parts.count > 1:
        again = simulate(home, steps.grid, state=state, schedule=schedule)
        if again.arrays.values["battery_power_kw"][0] == power:
            return again.state
    inside = Steps(grid=parts, tz=steps.tz)
    room = storage.room_celsius(inside.mean(temperature_celsius(home, inside.instants_us)))
    return (
        Battery(home.battery, part_hours=parts.step_hours)
        .live(state, wish_kw=np.full(parts.count, power), room_celsius=room, closes=storage.week_closes(steps.starts_us, steps.step_us))
        .state
    )


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
    home: Home, battery: HomeBattery, steps: Steps, around: Surroundings, *, state: BatteryState, schedule: Schedule | None
) -> tuple[dict[str, Floats], BatteryState]:
    """The battery's columns over the steps; `around` is that of their parts."""
    parts, net_load = steps.grid_of_parts, around.total_load_kw - around.solar.generation_kw
    own = own_wish_kw(battery, net_load_kw=net_load, period=around.price.period)
    room, closes = storage.room_celsius(around.outdoor_celsius), storage.week_closes(steps.starts_us, steps.step_us)
    machine, slots = Battery(battery, part_hours=parts.step_hours), slots_in_force(schedule, parts)
    if slots is None:
        run = machine.live(state, wish_kw=own, room_celsius=room, closes=closes)
    else:
        wish = PlannedWish(
            battery=battery,
            part_hours=parts.step_hours,
            slots=slots,
            own_kw=own.tolist(),
            net_load_kw=net_load.tolist(),
            import_price_per_kwh=around.price.price_per_kwh.tolist(),
            export_price_per_kwh=home.supplier.base_feed_in_tariff,
        )
        run = machine.live_by(state, wish=wish, room_celsius=room, closes=closes)
    columns = {
        "battery_soc_percent": run.soc_percent,
        "battery_capacity_kwh": np.full(steps.grid.count, battery.spec.capacity_kwh),
        "battery_power_kw": run.power_kw,
        "battery_voltage_v": storage.voltage_v(
            battery, soc_percent=run.soc_percent, power_kw=run.power_kw, temperature_celsius=run.temperature_celsius
        ),
        "battery_temperature_celsius": run.temperature_celsius,
        "battery_cycles": run.cycles,
        "battery_health_percent": run.health_percent,
    }
    return columns, run.state


def _over_steps(home: Home, around: Surroundings, steps: Steps) -> Surroundings:
    """What was computed for the parts of the steps as means over the steps; the price is that of their start."""
    load = HomeLoad(**{part.name: steps.mean(getattr(around.load, part.name)) for part in fields(HomeLoad)})
    ev_kw = steps.mean(around.ev_kw)
    first = slice(None, None, steps.parts)
    return Surroundings(
        solar=solar_over(home, steps, around.solar),
        load=load,
        ev_kw=ev_kw,
        total_load_kw=_total_kw(load, ev_kw),
        price=Price(**{part.name: getattr(around.price, part.name)[first] for part in fields(Price)}),
        outdoor_celsius=steps.mean(around.outdoor_celsius),
    )


def _total_kw(load: HomeLoad, ev_kw: Floats) -> Floats:
    return load.hvac_kw + load.appliances_kw + load.lighting_kw + ev_kw + load.other_kw


_STORED = ("soc_percent", "power_kw", "temperature_celsius", "cycles", "health_percent")
"""What of a battery's reading, with the readings before it, is its state."""
_BATTERY_COLUMNS = tuple(name for name in VALUE_COLUMNS if name.startswith("battery_"))


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
