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
    real_share_inside: float | None = None
    """Of the real homes, each within the range of those of other places: what this test would say of them. None: not asked."""

    @property
    def inside(self) -> bool:
        """Whether the median home and most of the homes lie in the real range."""
        return bool(self.real_low <= self.median <= self.real_high) and self.share_inside >= self.least_share


def rows_of(units: Mapping[str, str], real: Mapping[str, Sequence[Figures]], simulated: Sequence[Figures]) -> list[Row]:
    """A row for each measure that both sides have; the real figures come by place."""
    rows = []
    for name, unit in units.items():
        places = [values for figures in real.values() if len(values := _finite(figures, name))]
        here = _finite(simulated, name)
        if not places or not len(here):
            continue
        there = np.concatenate(places)
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
                share_inside=_share_within(here, (low, high)),
                real_share_inside=_share_within_others(places),
            )
        )
    return rows


def range_of(values: NDArray[np.float64]) -> tuple[float, float]:
    """From the 2.5th to the 97.5th percentile of many values, from the least to the most of few."""
    if len(values) < FEWEST_FOR_PERCENTILES:
        return float(values.min()), float(values.max())
    low, high = np.percentile(values, PERCENTILES)
    return float(low), float(high)


def _share_within(values: NDArray[np.float64], limits: tuple[float, float]) -> float:
    return float(((values >= limits[0]) & (values <= limits[1])).mean())


def _share_within_others(places: Sequence[NDArray[np.float64]]) -> float | None:
    if len(places) < 2:
        return None
    inside = 0.0
    for number, own in enumerate(places):
        others = np.concatenate([*places[:number], *places[number + 1 :]])
        inside += _share_within(own, range_of(others)) * len(own)
    return inside / sum(len(own) for own in places)


def _finite(figures: Sequence[Figures], name: str) -> NDArray[np.float64]:
    values = np.array([own.get(name, np.nan) for own in figures], dtype=np.float64)
    return values[np.isfinite(values)]
