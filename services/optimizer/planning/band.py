"""Where the stored energy may be at the end of each step, also for a battery that starts outside its band."""

import numpy as np

from services.optimizer.planning.problem import Array, Problem


def band(problem: Problem) -> tuple[Array, Array]:
    """Least and most stored energy at the end of each step, shape (steps,).

    A battery that starts outside its band has to come back as fast as its power and the limits of the connection allow.
    """
    battery, start = problem.battery, problem.initial_energy_kwh
    if not problem.out_of_band:
        return np.full(problem.grid.count, battery.min_energy_kwh), np.full(problem.grid.count, battery.max_energy_kwh)
    charge, discharge = _way_back_kw(problem)
    hours = problem.grid.step_hours
    floor = np.minimum(battery.min_energy_kwh, start + np.cumsum(charge) * battery.charge_efficiency * hours)
    ceiling = np.maximum(battery.max_energy_kwh, start - np.cumsum(discharge) / battery.discharge_efficiency * hours)
    return floor, ceiling


def _way_back_kw(problem: Problem) -> tuple[Array, Array]:
    """The most that can be charged and discharged in each step without breaking a limit."""
    battery = problem.battery
    room_in = np.maximum(0.0, problem.import_limit_kw - problem.load_kw + problem.solar_kw)
    spill = 0.0 if problem.solar_curtailable else problem.solar_kw
    room_out = np.maximum(0.0, problem.export_limit_kw + problem.load_kw - spill)
    charge = np.minimum(battery.max_charge_rate_kw, room_in if problem.grid_charging else np.minimum(room_in, problem.solar_kw))
    discharge = np.minimum(battery.max_discharge_rate_kw, room_out if problem.battery_export else np.minimum(room_out, problem.load_kw))
    return charge, discharge
