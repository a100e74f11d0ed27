"""What people switch on: when each appliance begins, how long it runs, and through which phases its power goes."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from services.gateway_sim.plant.equipment import Home
from services.gateway_sim.plant.living import Living
from services.gateway_sim.plant.noise import HOUR_US, Floats, Integers, Stream
from services.gateway_sim.plant.people import Days, Habits, Role
from services.gateway_sim.plant.steps import Steps


class Around(IntEnum):
    """The moment of a day around which something is switched on."""

    WAKING = 0
    NOON = 1
    DINNER = 2
    EVENING = 3
    ANY = 4
    """All waking hours alike."""
    NIGHT = 5
    """Half past one, by a timer."""
    OFFICE = 6


class Needs(IntEnum):
    """Which homes have one."""

    NOTHING = 0
    COOKING = 1
    """Those that cook with electricity."""
    WATER = 2
    """Those that heat their water with it, by day."""
    NIGHT_WATER = 3
    OFFICE = 4
    CHILDREN = 5


# phases: when they begin and how long they last as shares of the run, and their power as a share of the rated one
_STEADY = ((0.0, 1.0, 1.0),)
_WASHER = ((0.05, 0.20, 1.0), (0.25, 0.55, 0.10), (0.80, 0.18, 0.25))
_DISHES = ((0.06, 0.18, 1.0), (0.24, 0.36, 0.05), (0.60, 0.17, 1.0), (0.77, 0.20, 0.03))
_DRYER = ((0.0, 0.75, 1.0), (0.75, 0.25, 0.4))
_OVEN = ((0.0, 0.25, 1.0), (0.32, 0.10, 1.0), (0.50, 0.10, 1.0), (0.68, 0.10, 1.0), (0.86, 0.10, 1.0))
_HOB = ((0.0, 0.30, 1.0), (0.30, 0.70, 0.45))
_Phases = tuple[tuple[float, float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Appliance:
    """One occasion in a day to run an appliance, in a home of two and of average gusto."""

    name: str
    kw: float
    hours: float
    weekday: float
    """Share of working days on which it happens."""
    rest: float
    around: Around
    after_hours: float = 0.0
    spread_hours: float = 0.5
    owned: float = 1.0
    needs: Needs = Needs.NOTHING
    phases: _Phases = _STEADY
    electronics: bool = False


APPLIANCES: tuple[Appliance, ...] = (
    Appliance(name="kettle at breakfast", kw=2.2, hours=0.08, weekday=0.85, rest=0.9, around=Around.WAKING, after_hours=0.4,
              spread_hours=0.3),
    Appliance(name="toaster", kw=1.0, hours=0.08, weekday=0.4, rest=0.6, around=Around.WAKING, after_hours=0.5,
              spread_hours=0.3, owned=0.8),
    Appliance(name="hair dryer", kw=1.4, hours=0.1, weekday=0.45, rest=0.4, around=Around.WAKING, after_hours=0.6,
              spread_hours=0.3, owned=0.7),
    Appliance(name="coffee", kw=1.2, hours=0.12, weekday=0.7, rest=0.8, around=Around.WAKING, after_hours=0.6, spread_hours=0.4, owned=0.6),
    Appliance(name="fried breakfast", kw=1.5, hours=0.25, weekday=0.2, rest=0.4, around=Around.WAKING, after_hours=0.6,
              needs=Needs.COOKING),
    Appliance(name="dishwasher by timer", kw=2.0, hours=1.6, weekday=0.5, rest=0.5, around=Around.NIGHT, spread_hours=1.5, owned=0.12,
              phases=_DISHES),
    Appliance(name="first tea of the day", kw=2.2, hours=0.06, weekday=0.7, rest=0.7, around=Around.ANY),
    Appliance(name="second tea of the day", kw=2.2, hours=0.06, weekday=0.7, rest=0.7, around=Around.ANY),
    Appliance(name="microwave", kw=1.2, hours=0.09, weekday=0.7, rest=0.7, around=Around.ANY),
    Appliance(name="microwave at noon", kw=1.2, hours=0.09, weekday=0.5, rest=0.3, around=Around.NOON, spread_hours=0.6),
    Appliance(name="lunch", kw=1.7, hours=0.45, weekday=0.5, rest=0.6, around=Around.NOON, spread_hours=0.8,
              needs=Needs.COOKING, phases=_HOB),
    Appliance(name="dinner", kw=2.1, hours=0.55, weekday=0.55, rest=0.55, around=Around.DINNER, spread_hours=0.9,
              needs=Needs.COOKING, phases=_HOB),
    Appliance(name="oven", kw=2.3, hours=0.8, weekday=0.17, rest=0.22, around=Around.DINNER, after_hours=-0.2, spread_hours=1.3,
              needs=Needs.COOKING, phases=_OVEN),
    Appliance(name="baking", kw=2.4, hours=1.0, weekday=0.13, rest=0.20, around=Around.ANY, owned=0.7, needs=Needs.COOKING, phases=_OVEN),
    Appliance(name="dishwasher after dinner", kw=2.0, hours=1.6, weekday=0.2, rest=0.2, around=Around.EVENING, after_hours=0.2,
              spread_hours=1.4, owned=0.6, phases=_DISHES),
    Appliance(name="dishwasher by day", kw=2.0, hours=1.6, weekday=0.28, rest=0.35, around=Around.ANY, owned=0.6, phases=_DISHES),
    Appliance(name="washing machine", kw=2.0, hours=1.5, weekday=0.34, rest=0.42, around=Around.ANY, phases=_WASHER),
    Appliance(name="second wash", kw=2.0, hours=1.5, weekday=0.19, rest=0.25, around=Around.ANY, phases=_WASHER),
    Appliance(name="tumble dryer", kw=2.0, hours=1.0, weekday=0.23, rest=0.30, around=Around.ANY, owned=0.5, phases=_DRYER),
    Appliance(name="vacuum cleaner", kw=1.1, hours=0.4, weekday=0.16, rest=0.25, around=Around.ANY),
    Appliance(name="iron", kw=1.2, hours=0.6, weekday=0.07, rest=0.12, around=Around.ANY, owned=0.7),
    Appliance(name="hobby", kw=0.5, hours=1.5, weekday=0.08, rest=0.15, around=Around.ANY, owned=0.3),
    Appliance(name="morning water", kw=2.4, hours=0.7, weekday=0.95, rest=0.95, around=Around.WAKING, after_hours=0.4, needs=Needs.WATER),
    Appliance(name="water by day", kw=2.4, hours=0.35, weekday=0.8, rest=0.85, around=Around.ANY, needs=Needs.WATER),
    Appliance(name="evening water", kw=2.4, hours=0.5, weekday=0.6, rest=0.6, around=Around.EVENING, needs=Needs.WATER,
              spread_hours=1.4),
    Appliance(name="water at night", kw=2.4, hours=1.6, weekday=1.0, rest=1.0, around=Around.NIGHT, needs=Needs.NIGHT_WATER,
              spread_hours=0.2),
    Appliance(name="television", kw=0.12, hours=2.3, weekday=0.85, rest=0.85, around=Around.EVENING, after_hours=-0.8, spread_hours=0.7,
              electronics=True),
    Appliance(name="second television", kw=0.1, hours=2.0, weekday=0.4, rest=0.5, around=Around.ANY, spread_hours=1.0, owned=0.6,
              electronics=True),
    Appliance(name="television by day", kw=0.12, hours=2.2, weekday=0.6, rest=0.7, around=Around.ANY, electronics=True),
    Appliance(name="computer", kw=0.12, hours=1.8, weekday=0.6, rest=0.6, around=Around.ANY, electronics=True),
    Appliance(name="computer at night", kw=0.15, hours=2.2, weekday=0.35, rest=0.4, around=Around.EVENING, after_hours=0.6, owned=0.7,
              spread_hours=1.0, electronics=True),
    Appliance(name="children's screens", kw=0.12, hours=2.0, weekday=0.7, rest=0.8, around=Around.DINNER, after_hours=-1.5,
              spread_hours=1.2, needs=Needs.CHILDREN, electronics=True),
    Appliance(name="office until noon", kw=0.14, hours=3.4, weekday=0.95, rest=0.05, around=Around.OFFICE, spread_hours=0.3,
              needs=Needs.OFFICE, electronics=True),
    Appliance(name="office after noon", kw=0.14, hours=4.0, weekday=0.95, rest=0.05, around=Around.OFFICE, after_hours=4.5,
              spread_hours=0.4, needs=Needs.OFFICE, electronics=True),
)  # fmt: skip

ANY_SCATTER = 0.15
"""Of what is done at any time, from day to day around the home's usual hour: a standard deviation, as a share of the waking day."""
WEEKLY = 0.7
"""How much a home prefers some days of the week to others."""

_RATED_KW, _HOURS, _WEEKDAY, _REST, _AFTER, _SPREAD, _OWNED = np.array([
    (each.kw, each.hours, each.weekday, each.rest, each.after_hours, each.spread_hours, each.owned) for each in APPLIANCES
]).T  # fmt: skip
_AROUND = np.array([each.around for each in APPLIANCES])
_NEEDS = np.array([each.needs for each in APPLIANCES])
_ELECTRONICS = np.array([each.electronics for each in APPLIANCES])
_PHASES = np.array([phase for each in APPLIANCES for phase in each.phases])
_MACHINE = np.array([each.phases in {_WASHER, _DISHES} for each in APPLIANCES])
_PHASE_COUNT = np.array([len(each.phases) for each in APPLIANCES])
_FIRST_PHASE = np.cumsum(_PHASE_COUNT) - _PHASE_COUNT
_KINDS = len(APPLIANCES)


@dataclass(frozen=True, slots=True)
class Runs:
    """Stretches of constant power, shape (runs,)."""

    start_us: Integers
    end_us: Integers
    power_kw: Floats

    def mean_kw(self, steps: Steps) -> Floats:
        """Shape (steps,)."""
        return steps.mean_of_runs(self.start_us, self.end_us, self.power_kw)


def runs_of(living: Living) -> tuple[Runs, Runs]:
    """Of appliances and of electronics, on every day of the plan on which somebody is there to switch them on."""
    home, habits, days = living.home, living.habits, living.days
    own = Stream.of(home.seed, home.site_id, "appliances owned").uniform(np.zeros(1, dtype=np.int64), 4 * _KINDS)[0].reshape(4, _KINDS)
    chance = Stream.of(home.seed, home.site_id, "appliances").uniform(days.calendar.index, 5 * _KINDS).reshape(-1, 5, _KINDS)
    size = (habits.occupants / 2.0) ** 0.6
    often = 1.1 * habits.gusto**0.6 * habits.room**0.5 * size * np.exp(1.4 * (own[1] - 0.5)) * _has(habits, own[0])
    if habits.roles[0] == Role.AT_HOME:  # the warm meal is at noon as often as in the evening
        often *= np.where(_AROUND == Around.DINNER, 0.5, np.where(_AROUND == Around.NOON, 1.5, 1.0))
    share = 1.0 - (1.0 - np.where(days.rest[:, None], _REST, _WEEKDAY) * 0.999) ** (often * _washdays(home, days) * days.activity[:, None])
    bell = 2.45 * habits.whims * (chance[:, 1] + chance[:, 2] - 1.0)
    usual = np.where(_AROUND == Around.NIGHT, 3.0, 3.0 * _SPREAD) * (own[2] - 0.5)
    hour = _anchors(habits, days, own[2] + ANY_SCATTER * bell) + _AFTER + (usual + 0.7 * _SPREAD * bell) * (_AROUND != Around.ANY)
    day, kind = np.nonzero((chance[:, 0] < share) & (days.activity[:, None] > 0.0))
    start = days.calendar.utc_us(day, hour[day, kind])
    # machines with a clock are filled in the morning and may run in an empty home
    clock = (_AROUND == Around.NIGHT) | (_MACHINE & habits.timers)
    alone = clock[kind] & ~days.away[day]
    there = alone | (living.occupancy.awake[living.lattice.cells_of(start)] > 0)
    day, kind, start = day[there], kind[there], start[there]
    longer = np.exp(0.9 * (chance[day, 3, kind] - 0.5)) * np.where(_RATED_KW[kind] < 1.0, 1.0, size**0.3)
    # who is frugal fills them less; the cylinder warms what was drawn from it
    longer *= np.where(_NEEDS[kind] == Needs.NIGHT_WATER, days.activity[day], (habits.gusto * habits.room) ** 0.3)
    length = _HOURS[kind] * HOUR_US * longer
    power = _RATED_KW[kind] * (0.7 + 0.6 * own[3, kind]) * (0.9 + 0.2 * chance[day, 4, kind]) * (habits.gusto * habits.room) ** 0.3
    phases = _phases(kind, start, length, power)
    electronics = np.repeat(_ELECTRONICS[kind], _PHASE_COUNT[kind])
    return _some(phases, ~electronics), _some(phases, electronics)


def cold_runs_of(living: Living, steps: Steps) -> Runs:
    """The compressors of refrigerator and freezer: a stretch in each of their cycles, longer in summer's warm kitchens."""
    home = living.home
    u = Stream.of(home.seed, home.site_id, "cold").uniform(np.zeros(1, dtype=np.int64), 5)[0]
    cycle_us = int((0.7 + 0.9 * u[0]) * HOUR_US)
    first, last = int(steps.starts_us[0]) // cycle_us - 1, (int(steps.starts_us[-1]) + steps.step_us) // cycle_us
    cycles = np.arange(first, last + 1, dtype=np.int64)
    chance = Stream.of(home.seed, home.site_id, "cold cycles").uniform(cycles, 2)
    start = cycles * cycle_us + np.round(0.25 * chance[:, 0] * cycle_us).astype(np.int64)
    length = np.round((0.30 + 0.15 * u[1]) * (0.75 + 0.5 * chance[:, 1]) * cycle_us).astype(np.int64)
    power = (0.07 + 0.06 * u[2] + (0.08 if u[3] < 0.4 else 0.0)) * min(1.6, living.habits.standby**0.5)
    return Runs(start, start + length, np.full(len(start), power))


def _has(habits: Habits, luck: Floats) -> Floats:
    here = {
        Needs.NOTHING: True,
        Needs.COOKING: habits.electric_cooking,
        Needs.WATER: habits.electric_water and not habits.night_tariff,
        Needs.NIGHT_WATER: habits.electric_water and habits.night_tariff,
        Needs.OFFICE: Role.HOME_OFFICE in habits.roles,
        Needs.CHILDREN: Role.PUPIL in habits.roles,
    }
    has: Floats = np.where((luck < _OWNED) & np.array([here[Needs(need)] for need in _NEEDS]), 1.0, 0.0)
    return has


def _washdays(home: Home, days: Days) -> Floats:
    """How much more often than usual each thing happens on that day of the week, shape (days, kinds)."""
    week = Stream.of(home.seed, home.site_id, "washdays").uniform(np.arange(7), _KINDS)
    favour: Floats = np.exp(WEEKLY * 2.0 * (week - 0.5))[(days.calendar.index + 3) % 7]
    return favour


def _anchors(habits: Habits, days: Days, moment: Floats) -> Floats:
    """The hour around which each thing may happen on each day, shape (days, kinds). Beyond its ends the waking day folds back."""
    count = len(days.calendar.index)
    waking, sleeping = days.wakes_hour.min(axis=1), days.sleeps_hour.max(axis=1)
    back = np.where(days.out[:, 0], days.returns_hour[:, 0] + 0.5, 0.0)
    dinner = np.maximum(habits.dinner_hour, np.where(back < 21.0, back, 0.0))
    fixed = np.array([waking, np.full(count, 12.6), dinner, dinner + 2.0, waking, np.full(count, 25.5), np.full(count, 8.8)])
    within = 1.0 - np.abs(1.0 - np.abs(moment) % 2.0)
    hours: Floats = fixed[_AROUND].T + np.where(_AROUND == Around.ANY, within * (sleeping - waking)[:, None], 0.0)
    return hours


def _phases(kind: Integers, start: Integers, length: Floats, power: Floats) -> Runs:
    many = _PHASE_COUNT[kind]
    run = np.repeat(np.arange(len(kind)), many)
    row = _FIRST_PHASE[kind][run] + np.arange(len(run)) - np.repeat(np.cumsum(many) - many, many)
    begin = start[run] + np.round(_PHASES[row, 0] * length[run]).astype(np.int64)
    return Runs(begin, begin + np.round(_PHASES[row, 1] * length[run]).astype(np.int64), power[run] * _PHASES[row, 2])


def _some(runs: Runs, which: NDArray[np.bool_]) -> Runs:
    return Runs(runs.start_us[which], runs.end_us[which], runs.power_kw[which])
