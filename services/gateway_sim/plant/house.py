"""The house as two heat stores, its thermostat and its heat pump.

Air with furniture, and the walls: the order and the time constants that Bacher & Madsen (2011), doi:10.1016/j.enbuild.2011.02.005,
identify from measurements (their model TiTe), with capacities and the exchange between the two per square metre from ISO 13790.
"""

import numpy as np

from services.gateway_sim.plant.climate import mean_celsius, synoptic_celsius
from services.gateway_sim.plant.lattice import CELL_US, SPIN_UP_CELLS, WEEK_CELLS, Occupancy
from services.gateway_sim.plant.living import Living
from services.gateway_sim.plant.noise import HOUR_US, Floats, Stream
from services.gateway_sim.plant.steps import Steps
from shared.domain.tiered import tiered

DESIGN_CELSIUS = -10.0
"""The heat pump of an average house holds 20 degrees inside at this temperature outside, EN 14825's design point of its average climate."""
DESIGN_DEVIATIONS = 2.3
"""Where winters are colder, at what one day in a hundred of the depth of winter falls below."""
MEAN_LOSS, MOST_LOSS = 0.72, 1.1
"""Of the house that a heat pump was sized for: sizes come in steps and are rounded up, and nobody lives long with one that is too small."""
WARM_WATER_CELSIUS = 42.0
"""Of the radiators."""
COLD_COIL_CELSIUS = 8.0
CONDENSER_ABOVE_CELSIUS = 8.0
"""How much warmer than the air outside the heat is given away in summer."""
LEAST_MODULATION = 0.3
"""Below this share of its capacity a compressor switches on and off."""
ABSENT_COOLER_CELSIUS = 2.0
ABSENT_WARMER_CELSIUS = 3.0
LOSS_KW_M2_K = 0.0022
"""Of the house that the heat pump was sized for, by floor area: the middle of the European stock."""
THERMOSTAT_CELSIUS = 1.0
"""Between the ends of its dead band, with hands, doors and windows."""
AWAY_CELSIUS = (14.0, 31.0)
"""What is kept when nobody is home for nights."""


def hvac_kw(living: Living, steps: Steps) -> Floats:
    """Electric power of heating and cooling: means over the steps, shape (steps,)."""
    capacity = living.home.household.hvac_capacity_kw
    if capacity <= 0.0:
        return np.zeros(steps.grid.count)
    return _cycled(living, steps, cells_kw(living), LEAST_MODULATION * capacity)


def cells_kw(living: Living) -> Floats:
    """Mean electric power in each cell of the lattice, shape (cells,)."""
    home, lattice, occupancy = living.home, living.lattice, living.occupancy
    u = Stream.of(home.seed, home.site_id, "house").uniform(np.zeros(1, dtype=np.int64), 8)[0]
    capacity = home.household.hvac_capacity_kw
    # the house that this heat pump was sized for, better or worse insulated than its installer thought
    design = _design_celsius(home.latitude)
    sized_kw_k = capacity * _heating_cop(design) / (20.0 - design)
    area_m2 = sized_kw_k / LOSS_KW_M2_K
    gains = area_m2 * (0.015 + 0.02 * u[0]) * living.sunshine_w_m2 / 1000.0
    gains += 0.07 * occupancy.present + 0.12 * occupancy.awake + 0.5 * home.household.base_load_kw * living.habits.standby
    heat_to, cool_to = _set_points(occupancy, u)
    touches = Stream.of(home.seed, home.site_id, "thermostat").uniform(lattice.middles_us // HOUR_US)[:, 0] - 0.5
    heat_to += THERMOSTAT_CELSIUS * touches
    cool_to += THERMOSTAT_CELSIUS * touches
    loss_kw_k = min(MEAN_LOSS * living.habits.draughts, MOST_LOSS) * sized_kw_k
    power = np.zeros(lattice.count)
    _live(
        living.outdoor_celsius, gains, heat_to, cool_to, power, lattice.weeks, WEEK_CELLS, SPIN_UP_CELLS, CELL_US / HOUR_US,
        loss_kw_k, 0.012 * area_m2, (0.03 + 0.05 * u[1]) * area_m2, 0.008 * area_m2, capacity,
        steps=(SPIN_UP_CELLS + WEEK_CELLS) * lattice.weeks,
    )  # fmt: skip
    return power


def _design_celsius(latitude: float) -> float:
    winter = np.array([-1.0])
    coldest = mean_celsius(latitude, winter) - DESIGN_DEVIATIONS * synoptic_celsius(latitude, winter)
    return min(DESIGN_CELSIUS, float(coldest[0]))


def _heating_cop(outdoor_celsius: float) -> float:
    """Of air-source heat pumps: Staffell et al. (2012), doi:10.1039/c2ee22653g, for lifts of 15 to 60 degrees."""
    lift = min(max(WARM_WATER_CELSIUS - outdoor_celsius, 15.0), 60.0)
    return 6.81 - 0.121 * lift + 0.000630 * lift * lift


def _cooling_cop(outdoor_celsius: float) -> float:
    """The same machine the other way round; what it takes from the room is what it gives outside less its own work."""
    lift = min(max(outdoor_celsius + CONDENSER_ABOVE_CELSIUS - COLD_COIL_CELSIUS, 15.0), 60.0)
    return 5.81 - 0.121 * lift + 0.000630 * lift * lift


def _set_points(occupancy: Occupancy, u: Floats) -> tuple[Floats, Floats]:
    """Below which it heats and above which it cools, in each cell."""
    setback = ABSENT_COOLER_CELSIUS * (1.5 * u[2] if u[3] < 0.7 else 0.0)
    night = setback * (0.5 + u[4])
    heat, cool = 19.0 + 3.0 * u[5], 24.0 + 3.5 * u[6] + (3.0 if u[7] < 0.2 else 0.0)
    awake, present = occupancy.awake > 0, occupancy.present > 0
    heat_to = heat - np.where(awake, 0.0, np.where(present, night, setback))
    cool_to = cool + np.where(present, 0.0, ABSENT_WARMER_CELSIUS)
    return np.where(occupancy.away, AWAY_CELSIUS[0], heat_to), np.where(occupancy.away, AWAY_CELSIUS[1], cool_to)


def _cycled(living: Living, steps: Steps, mean_kw: Floats, least_kw: float) -> Floats:
    """Modulated where the compressor can, else one stretch at its least power in each cell, with the cell's energy."""
    home, lattice = living.home, living.lattice
    cycles = (mean_kw > 0.0) & (mean_kw < least_kw)
    held = np.where(cycles, 0.0, mean_kw)
    touched = np.zeros(lattice.count, dtype=np.bool_)
    low, high = lattice.cells_of(np.array([steps.starts_us[0], steps.starts_us[-1] + steps.step_us]))
    touched[low : high + 1] = True
    cells = np.flatnonzero(cycles & touched)
    begin = lattice.first_us + cells * CELL_US
    length = np.round(mean_kw[cells] / least_kw * CELL_US).astype(np.int64)
    when = Stream.of(home.seed, home.site_id, "compressor").uniform(begin // CELL_US)[:, 0]
    start = begin + np.round(when * (CELL_US - length)).astype(np.int64)
    power = mean_kw[cells] * CELL_US / np.maximum(length, 1)
    total: Floats = steps.mean(held[lattice.cells_of(steps.instants_us)])
    return total + steps.mean_of_runs(start, start + length, power)


def _live_kernel(  # noqa: PLR0917 a kernel takes what it needs one by one
    outdoor: Floats, gains: Floats, heat_to: Floats, cool_to: Floats, power: Floats,
    weeks: int, week_cells: int, spin_up_cells: int, hours: float,
    loss: float, air: float, walls: float, exchange: float, capacity: float,
) -> None:  # fmt: skip
    """Fill `power`. Each week begins three days early from rest, so that it does not depend on the weeks before.

    Implicit Euler: stable for any step. `loss`, `exchange` in kW/K, `air`, `walls` in kWh/K. Half of the loss is through the
    walls' own store, half is draught and glass; the sun warms both.
    """
    through_walls, direct = 0.5 * loss, 0.5 * loss
    air_h, walls_h = air / hours, walls / hours
    outer = walls_h + exchange + through_walls
    for week in range(weeks):
        begin = week * week_cells
        inside = heat_to[begin]
        if outdoor[begin] > inside:
            inside = min(outdoor[begin], cool_to[begin])
        wall = inside + 0.25 * (outdoor[begin] - inside) * through_walls / (through_walls + exchange)
        for cell in range(begin, begin + spin_up_cells + week_cells):
            out, gain = outdoor[cell], gains[cell]
            leak = direct
            if inside > 23.0 and out < inside - 1.0:
                leak = direct + 2.0 * loss  # windows are opened
            left = air_h + exchange + leak
            right_wall = walls_h * wall + through_walls * out + 0.5 * gain
            stiff = left - exchange * exchange / outer
            free = (air_h * inside + leak * out + 0.5 * gain + exchange * right_wall / outer) / stiff
            heat, drawn = 0.0, 0.0
            if free < heat_to[cell]:
                cop = _heating_cop(out)
                heat = min(stiff * (heat_to[cell] - free), capacity * cop)
                drawn = heat / cop
            elif free > cool_to[cell]:
                cop = _cooling_cop(out)
                heat = -min(stiff * (free - cool_to[cell]), capacity * cop)
                drawn = -heat / cop
            inside = free + heat / stiff
            wall = (right_wall + exchange * inside) / outer
            if cell >= begin + spin_up_cells:
                power[cell] = min(drawn, capacity)


_live = tiered(_live_kernel, helpers=(_heating_cop, _cooling_cop))
