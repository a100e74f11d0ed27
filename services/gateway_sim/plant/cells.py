"""What the chemistry of the cells decides: voltage, how fast they take charge, and how they age. Tables by state of charge.

Ageing laws of cells fall with the square root of time or charge; a reading holds one health number and no age, so each law is
drawn as its chord over ten years. Ten years after commissioning the sum is right, and between it is a straight line, as homes show:
2 to 3 points a year in the field (Figgener et al. 2024, Nature Energy, doi:10.1038/s41560-024-01620-9).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from services.gateway_sim.plant.equipment import Chemistry
from services.gateway_sim.plant.noise import Floats

PERCENTS: Floats = np.arange(101.0)
CHORD_YEARS = 10.0
DAYS_PER_YEAR = 365.2425
_SECONDS_PER_YEAR = DAYS_PER_YEAR * 86_400.0
_CHORD_CYCLES = 3650.0
"""One full cycle a day for ten years."""
_C_RATE = 0.3
"""Of a home battery at work, where a law asks for it."""
_REFERENCE_KELVIN = 298.15


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """A chemistry. Tables have 101 values, one for each whole percent; between them lies the line."""

    in_series: int
    """For a battery of about 51 V."""
    rest_volts: Floats
    """Open-circuit voltage of one cell by state of charge."""
    lowest_volts: float
    highest_volts: float
    """Of one cell, where its protection switches off."""
    acceptance: Floats
    """By state of charge: the share of the charging rate that the constant-voltage phase leaves."""
    charge_celsius: tuple[float, float]
    """No charge below the first, the full rate from the second on, the line between."""
    discharge_celsius: tuple[float, float]
    hottest_celsius: float
    """Power is cut so that the cells end no step hotter than this."""
    calendar: Floats
    """Loss of health at 25 Celsius by state of charge, as a fraction of a year's beginning."""
    calendar_kelvin: float
    """Activation energy over the gas constant."""
    cycle: Floats
    """Loss of health by one whole cycle, by its depth in percent, as a fraction."""
    heat_share: float = 0.5
    """Of the conversion losses, how much warms the cells; the rest leaves at the converter's heat sink."""


def cells_of(chemistry: Chemistry) -> Cells:
    return _CELLS[chemistry]


def _table(*knots: tuple[float, float]) -> Floats:
    percent, value = zip(*knots, strict=True)
    table: Floats = np.interp(PERCENTS, percent, value)
    return table


def _by_percent(law: Callable[[float], float]) -> Floats:
    return np.array([law(percent / 100.0) for percent in range(101)])


def _lfp_calendar(soc: float) -> float:
    """Naumann et al. 2018, J. Energy Storage 17:153, doi:10.1016/j.est.2018.01.019: k(SoC) sqrt(t), t in seconds."""
    return float(1.2571e-5 * (2.8575 * (soc - 0.5) ** 3 + 0.60225) * np.sqrt(CHORD_YEARS * _SECONDS_PER_YEAR) / CHORD_YEARS)


def _lfp_cycle(depth: float) -> float:
    """Naumann et al. 2020, J. Power Sources 451:227666, doi:10.1016/j.jpowsour.2019.227666: percent by k(C) k(depth) sqrt(full cycles)."""
    per_root = (0.0630 * _C_RATE + 0.0971) * (4.0253 * (depth - 0.6) ** 3 + 1.0923) / 100.0
    return float(depth * per_root / np.sqrt(_CHORD_CYCLES))


def _nmc_calendar(soc: float) -> float:
    """Schmalstieg et al. 2014, J. Power Sources 257:325, doi:10.1016/j.jpowsour.2014.02.012: alpha(V, T) t^0.75, t in days."""
    volts = float(np.interp(100.0 * soc, PERCENTS, _NMC_VOLTS))
    alpha = max(0.0, 7.543 * volts - 23.75) * 1e6 * np.exp(-6976.0 / _REFERENCE_KELVIN)
    return float(alpha * (CHORD_YEARS * DAYS_PER_YEAR) ** 0.75 / CHORD_YEARS)


def _nmc_cycle(depth: float) -> float:
    """Xu et al. 2018, IEEE Trans. Power Syst. 33:2248, doi:10.1109/TPWRS.2017.2733339: 5.24e-4 depth^2.03 of a life, whose end is 80 %."""
    return float(0.2 * 5.24e-4 * depth**2.03)


_NMC_VOLTS = _table(
    (0.0, 3.00), (5.0, 3.25), (10.0, 3.40), (15.0, 3.46), (25.0, 3.55), (33.0, 3.61), (46.0, 3.71), (60.0, 3.84), (74.0, 3.97),
    (88.0, 4.08), (95.0, 4.12), (100.0, 4.17),
)  # fmt: skip

_CELLS = {
    # voltage: the flat curve at rest common to data sheets of large prismatic cells. Charging: none below freezing, where lithium
    # plates the graphite, and the full rate of a home (0.4 C) from 10 Celsius on; discharging from -20 (the same data sheets;
    # Tomaszewska et al. 2019, eTransportation 1:100011). The flat voltage meets its limit only in the last percents.
    Chemistry.LFP: Cells(
        in_series=16,
        rest_volts=_table(
            (0.0, 2.80), (5.0, 3.10), (10.0, 3.20), (20.0, 3.25), (40.0, 3.29), (60.0, 3.30), (80.0, 3.33), (95.0, 3.35), (100.0, 3.45)
        ),
        lowest_volts=2.5,
        highest_volts=3.65,
        acceptance=_table((0.0, 1.0), (95.0, 1.0), (100.0, 0.1)),
        charge_celsius=(0.0, 10.0),
        discharge_celsius=(-20.0, 0.0),
        hottest_celsius=55.0,
        calendar=_by_percent(_lfp_calendar),
        calendar_kelvin=17_126.0 / 8.314,
        cycle=_by_percent(_lfp_cycle),
    ),
    # voltage: low-rate curve of 21700 cells such as Chen et al. 2020, J. Electrochem. Soc. 167:080534. Its slope makes the
    # constant-voltage phase begin at about 80 % (Keil & Jossen 2016, J. Energy Storage 6:125).
    Chemistry.NMC: Cells(
        in_series=14,
        rest_volts=_NMC_VOLTS,
        lowest_volts=2.75,
        highest_volts=4.2,
        acceptance=_table((0.0, 1.0), (80.0, 1.0), (100.0, 0.1)),
        charge_celsius=(-5.0, 10.0),
        discharge_celsius=(-20.0, 5.0),
        hottest_celsius=55.0,
        calendar=_by_percent(_nmc_calendar),
        calendar_kelvin=6976.0,
        cycle=_by_percent(_nmc_cycle),
    ),
}
