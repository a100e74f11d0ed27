"""Measured weather in the place of the simulated one, as far as it reaches."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from services.gateway_sim.plant.equipment import Home, ObservedWeather
from services.gateway_sim.plant.noise import HOUR_US, Floats, Integers
from services.gateway_sim.plant.sun import clear_sky_ghi_w_m2, sun_at
from shared.domain.errors import InvalidValueError
from shared.domain.time import Interval, instant64

if TYPE_CHECKING:
    import pandas as pd

BRIDGED_US = 3 * HOUR_US
"""Between two values this far apart or nearer lies a line; a wider gap is nobody's."""
_PARTS = 6
"""An observation's clear sky is the mean of so many instants of its span."""
_DIM_W_M2 = 25.0
"""Below this clear sky the quotient of two small numbers says nothing of clouds."""
_HIGHEST_INDEX = 1.5


def observed_weather(rows: "pd.DataFrame") -> ObservedWeather:
    """Sorted rows of `timestamp`, `temperature_celsius`, `ghi_w_m2`, each the mean of the time that begins at its timestamp.

    The time is the shortest distance of two rows, and its middle is where the mean is put. Raises `InvalidValueError` for
    rows so far apart that nothing could be said between them.
    """
    starts = rows["timestamp"].to_numpy(dtype="datetime64[us]").astype(np.int64)
    length = int(np.diff(starts).min()) if len(starts) > 1 else HOUR_US
    if length > BRIDGED_US:
        raise InvalidValueError(
            "weather",
            f"one row in {length / HOUR_US:g} hours",
            f"must have one in {BRIDGED_US // HOUR_US} hours or more often; give hourly means",
        )
    return ObservedWeather(
        instants_us=starts + length // 2,
        temperature_celsius=rows["temperature_celsius"].to_numpy(dtype=np.float64),
        ghi_w_m2=rows["ghi_w_m2"].to_numpy(dtype=np.float64),
    )


def covered_share(home: Home, interval: Interval) -> float:
    """How much of an interval the home's observations cover, from 0 to 1, both temperature and sun: by the middles of its hours.

    What they leave is simulated.
    """
    start_us, end_us = (int(instant64(moment).astype(np.int64)) for moment in (interval.start, interval.end))
    length = max(1, min(HOUR_US, end_us - start_us))
    middles = np.arange(start_us + length // 2, end_us, length, dtype=np.int64)
    seen = Observation.of(home, middles)
    return 0.0 if seen is None else float(seen.complete().mean())


@dataclass(frozen=True, slots=True)
class Observation:
    """What a home's observations say of sorted instants; NaN where they say nothing."""

    at_us: Integers
    """Of the observations in reach, shape (observations,)."""
    spans_us: Integers
    """How long each holds."""
    temperature: Floats
    ghi_w_m2: Floats
    instants_us: Integers
    left: Integers
    """The observation before each instant, or the first, shape (n,)."""
    share: Floats
    """How far each instant is from it to the next; NaN where these are no neighbours."""

    @classmethod
    def of(cls, home: Home, instants_us: Integers) -> "Observation | None":
        """None when the home has no observations in reach."""
        seen = home.weather
        if seen is None or not len(instants_us):
            return None
        first = int(np.searchsorted(seen.instants_us, instants_us[0] - 2 * BRIDGED_US - 1, side="left"))
        last = int(np.searchsorted(seen.instants_us, instants_us[-1] + 2 * BRIDGED_US + 1, side="right"))
        if first == last:
            return None
        at = seen.instants_us[first:last]
        left, share = _neighbours(at, instants_us)
        return cls(
            at_us=at,
            spans_us=_spans_us(seen.instants_us)[first:last],
            temperature=seen.temperature_celsius[first:last],
            ghi_w_m2=seen.ghi_w_m2[first:last],
            instants_us=instants_us,
            left=left,
            share=share,
        )

    def temperature_celsius(self) -> Floats:
        """At the instants."""
        return self._at_instants(self.temperature)

    def complete(self) -> NDArray[np.bool_]:
        """Whether both temperature and sun are known at the instants."""
        known: NDArray[np.bool_] = np.isfinite(self._at_instants(self.temperature)) & np.isfinite(self._at_instants(self.ghi_w_m2))
        return known

    def clear_sky_index(self, home: Home) -> Floats:
        """At the instants: observed as a share of the clear sky's irradiance, so that nothing shines when the sun is down.

        Each observation is divided by the mean of the clear sky over its span. Where dawn or dusk is too dim to tell, the
        nearest telling observation counts.
        """
        parts = (2 * np.arange(_PARTS, dtype=np.int64) - (_PARTS - 1)) * self.spans_us[:, None] // (2 * _PARTS)
        # spans do not overlap, so these instants are sorted
        sun = sun_at(home.latitude, home.longitude, (self.at_us[:, None] + parts).ravel())
        cells, total = clear_sky_ghi_w_m2(sun.up).reshape(-1, _PARTS), np.zeros(len(self.at_us))
        for part in range(_PARTS):
            total += cells[:, part]
        clear, known = total / _PARTS, np.isfinite(self.ghi_w_m2)
        telling = (clear >= _DIM_W_M2) & known
        index = np.where(telling, np.clip(self.ghi_w_m2 / np.where(telling, clear, 1.0), 0.0, _HIGHEST_INDEX), np.nan)
        index = _nearest_where(self.at_us, index, where=known & ~telling)
        # in the dark, far from any that tells, it is only not to be missing
        index = np.where(known & np.isnan(index), np.clip(self.ghi_w_m2 / np.maximum(clear, 1.0), 0.0, 1.0), index)
        return self._at_instants(index)

    def _at_instants(self, values: Floats) -> Floats:
        """On the line between two values that are near each other, level within half a span beside a lone one."""
        missing = ~np.isfinite(values)
        if missing.all():
            return np.full(len(self.instants_us), np.nan)
        if missing.any():
            known = np.flatnonzero(~missing)
            left, share = _neighbours(self.at_us[known], self.at_us)
            values = np.where(missing, _on_lines(values[known], left, share), values)
        result = _on_lines(values, self.left, self.share)
        off = np.flatnonzero(np.isnan(result))
        for side in (self.left[off], np.minimum(self.left[off] + 1, len(values) - 1)):
            near = 2 * np.abs(self.instants_us[off] - self.at_us[side]) <= self.spans_us[side]
            result[off] = np.where(near & np.isnan(result[off]), values[side], result[off])
        return result


def _neighbours(at_us: Integers, instants_us: Integers) -> tuple[Integers, Floats]:
    """The observation before each instant and how far the instant is to the next; NaN where those two are no neighbours."""
    if len(at_us) == 1:
        return np.zeros(len(instants_us), dtype=np.int64), np.where(instants_us == at_us[0], 0.0, np.nan)
    left = np.clip(np.searchsorted(at_us, instants_us, side="right") - 1, 0, len(at_us) - 2)
    gap = np.diff(at_us)
    share = (instants_us - at_us[left]) / np.where(gap <= BRIDGED_US, gap, np.nan)[left]
    share[(share < 0.0) | (share > 1.0)] = np.nan
    return left, share


def _on_lines(values: Floats, left: Integers, share: Floats) -> Floats:
    if len(values) == 1:
        return values[left] + share
    line: Floats = np.diff(values)[left] * share
    line += values[left]
    return line


def _nearest_where(at_us: Integers, values: Floats, *, where: NDArray[np.bool_]) -> Floats:
    """The nearest value within the bridged time there, NaN where none is so near; elsewhere the values themselves."""
    known, rows = np.flatnonzero(np.isfinite(values)), np.flatnonzero(where)
    if not len(known):
        return values
    after = np.searchsorted(known, rows)
    right, left = known[np.minimum(after, len(known) - 1)], known[np.maximum(after - 1, 0)]
    to_right, to_left = np.abs(at_us[right] - at_us[rows]), np.abs(at_us[rows] - at_us[left])
    nearest = np.where(to_right < to_left, right, left)
    filled = values.copy()
    filled[rows] = np.where(np.minimum(to_right, to_left) <= BRIDGED_US, values[nearest], np.nan)
    return filled


def _spans_us(at_us: Integers) -> Integers:
    """How long each observation holds: the time to its nearer neighbour, an hour for one alone, the bridged time at most."""
    if len(at_us) == 1:
        return np.array([HOUR_US], dtype=np.int64)
    gaps = np.minimum(np.diff(at_us), BRIDGED_US)
    spans: Integers = np.minimum(np.concatenate([gaps[:1], gaps]), np.concatenate([gaps, gaps[-1:]]))
    return spans
