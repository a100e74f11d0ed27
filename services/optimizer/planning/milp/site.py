"""A whole problem as a programme, and the solver's values read back as flows."""

from dataclasses import dataclass

import highspy
import numpy as np

from services.optimizer.planning.milp.deferrable import Run, add_run
from services.optimizer.planning.milp.house import Directions, House, add_house, terms_of
from services.optimizer.planning.milp.peak import add_peaks, adder_per_kwh
from services.optimizer.planning.milp.programme import CONTINUOUS, INTEGER, SEMI_CONTINUOUS, Integers, Programme
from services.optimizer.planning.milp.thermal import Tank, add_tank
from services.optimizer.planning.milp.vehicle import Vehicle, add_vehicle
from services.optimizer.planning.problem import Array, Problem
from services.optimizer.planning.solution import DeviceCourse


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteProgramme:
    """Devices stand in the order of their names, so the order in which they are listed does not matter."""

    problem: Problem
    programme: Programme
    house: House
    vehicles: tuple[Vehicle, ...]
    runs: tuple[Run, ...]
    tanks: tuple[Tank, ...]
    peaks: Integers

    @classmethod
    def of(cls, problem: Problem, directions: Directions) -> "SiteProgramme":
        steer, programme = problem.steering, Programme()
        house = add_house(programme, problem, steer, directions)
        terms, devices = terms_of(problem, steer, house.balance), problem.devices
        return cls(
            problem=problem,
            programme=programme,
            house=house,
            vehicles=tuple(add_vehicle(programme, ev, terms) for ev in sorted(devices.evs, key=lambda each: each.name)),
            runs=tuple(add_run(programme, load, terms) for load in sorted(devices.deferrable, key=lambda each: each.name)),
            tanks=tuple(add_tank(programme, store, terms) for store in sorted(devices.thermal, key=lambda each: each.name)),
            peaks=add_peaks(programme, problem, (house.columns["bought"], house.columns["over_bought"])),
        )

    @property
    def integral(self) -> bool:
        """Some column is not continuous."""
        return bool((self.programme.kinds != CONTINUOUS).any())

    def fix(self, solver: highspy.Highs, values: Array) -> None:
        """Hold integers at their values, and what may be 0 or between bounds on its side, so that a linear programme is left."""
        kinds = self.programme.kinds
        chosen = np.flatnonzero(kinds != CONTINUOUS)
        lower = np.concatenate(self.programme.lower)[chosen]
        upper = np.concatenate(self.programme.upper)[chosen]
        integer, off = kinds[chosen] == INTEGER, (kinds[chosen] == SEMI_CONTINUOUS) & (values[chosen] < 0.5 * lower)
        lower = np.where(integer, np.round(values[chosen]), np.where(off, 0.0, lower))
        upper = np.where(integer, np.round(values[chosen]), np.where(off, 0.0, upper))
        solver.changeColsIntegrality(len(chosen), chosen.astype(np.int32), np.zeros(len(chosen), dtype=np.uint8))
        solver.changeColsBounds(len(chosen), chosen.astype(np.int32), lower, upper)

    def devices(self, values: Array) -> dict[str, DeviceCourse]:
        """What every device does, by its name."""
        count, hours = self.problem.grid.count, self.problem.grid.step_hours
        found: dict[str, DeviceCourse] = {}
        for vehicle in self.vehicles:
            power = np.zeros(count)
            power[vehicle.steps] = _clean(values[vehicle.charge])
            if len(vehicle.discharge):
                power[vehicle.steps] -= _clean(values[vehicle.discharge])
            found[vehicle.session.name] = DeviceCourse.of_vehicle(vehicle.session, power, hours)
        for run in self.runs:
            found[run.load.name] = DeviceCourse.of_load(run.load, run.power_kw(values, count), hours)
        for tank in self.tanks:
            found[tank.store.name] = DeviceCourse.of_heat(tank.store, _clean(values[tank.power]), hours)
        return found

    def peak_adder_per_kwh(self, duals: Array) -> Array:
        """What a kWh bought in each step adds to demand charges at the margin."""
        return adder_per_kwh(self.problem, -duals[self.peaks])


def _clean(values: Array) -> Array:
    """Without the solver's rounding."""
    return np.where(values > 1e-7, values, 0.0)
