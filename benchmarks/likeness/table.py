"""Real and simulated figures side by side: a range, a value, and whether it lies inside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FEWEST_FOR_PERCENTILES = 20
"""With fewer real series the range is from the least to the most."""
PERCENTILES = (2.5, 97.5)
"""So that one odd home among many does not set the range."""
MOST = 0.9
"""The share of simulated homes that must lie inside, beside their median."""

Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measure. The real range, and the simulated homes' median with their range."""

    name: str
    unit: str
    real_low: float
    real_median: float
    real_high: float
    low: float
    median: float
    high: float
    share_inside: float
    """Of the simulated homes."""
    least_share: float = MOST
    """Of them that must lie inside."""

    @property
    def inside(self) -> bool:
        """Whether the median home and most of the homes lie in the real range."""
        return bool(self.real_low <= self.median <= self.real_high) and self.share_inside >= self.least_share


def rows_of(units: Mapping[str, str], real: Sequence[Figures], simulated: Sequence[Figures]) -> list[Row]:
    """A row for each measure that both sides have."""
    rows = []
    for name, unit in units.items():
        there, here = _finite(real, name), _finite(simulated, name)
        if not len(there) or not len(here):
            continue
        low, high = range_of(there)
        rows.append(
            Row(
                name=name,
                unit=unit,
                real_low=low,
                real_median=float(np.median(there)),
                real_high=high,
                low=float(here.min()),
                median=float(np.median(here)),
                high=float(here.max()),
                share_inside=float(((here >= low) & (here <= high)).mean()),
            )
        )
    return rows


def range_of(values: NDArray[np.float64]) -> tuple[float, float]:
    """From the 2.5th to the 97.5th percentile of many values, from the least to the most of few."""
    if len(values) < FEWEST_FOR_PERCENTILES:
        return float(values.min()), float(values.max())
    low, high = np.percentile(values, PERCENTILES)
    return float(low), float(high)


def _finite(figures: Sequence[Figures], name: str) -> NDArray[np.float64]:
    values = np.array([own.get(name, np.nan) for own in figures], dtype=np.float64)
    return values[np.isfinite(values)]
