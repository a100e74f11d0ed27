"""Counter-based randomness: a number is a hash of (seed, site, stream, index), so no draw depends on another.

The mixer is SplitMix64 (Steele, Lea & Flood 2014, doi:10.1145/2660193.2660195), which passes BigCrush on counters.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_QUARTER = np.uint64(0xFFFF)
_SHIFTS = (np.uint64(16), np.uint64(32), np.uint64(48))


@dataclass(frozen=True, slots=True)
class Stream:
    """One independent source of numbers. `index` is a day, a week, an hour: whatever the numbers belong to."""

    key: np.uint64

    @classmethod
    def of(cls, seed: int, site_id: str, name: str) -> "Stream":
        digest = hashlib.blake2b(f"{seed}/{site_id}/{name}".encode(), digest_size=8).digest()
        return cls(np.uint64(int.from_bytes(digest, "little")))

    def uniform(self, index: Integers, count: int = 1) -> Floats:
        """Numbers in (0, 1), shape (len(index), count)."""
        rows = _mix(self.key ^ _mix(index.astype(np.uint64) * _GAMMA))
        cells = _mix(rows[:, None] + np.arange(1, count + 1, dtype=np.uint64)[None, :] * _GAMMA)
        return ((cells >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53

    def normal(self, index: Integers, count: int = 1) -> Floats:
        """Standard normal numbers, shape (len(index), count), by Box & Muller (1958)."""
        pair = self.uniform(index, 2 * count)
        normal: Floats = np.sqrt(-2.0 * np.log(pair[:, :count])) * np.cos(2.0 * np.pi * pair[:, count:])
        return normal

    def persistent(self, instants_us: Integers, *, spacing_us: int, memory_us: int) -> Floats:
        """A Gaussian process of mean 0 at sorted instants, shape (n,).

        Knots every `spacing_us` since the epoch hold a moving average of white noise, of standard deviation 1, whose weights
        fall by 1/e in `memory_us`; instants between two knots lie on the line between them, and so deviate a little less (0.83
        half-way where spacing and memory are equal). The average is finite, so nothing before it matters.
        """
        if not len(instants_us):
            return np.zeros(0)
        lags = int(np.ceil(4.0 * memory_us / spacing_us))
        weights = np.exp(-np.arange(lags + 1) * (spacing_us / memory_us))
        weights /= np.sqrt((weights**2).sum())
        knots = instants_us // spacing_us
        first, last = int(knots[0]), int(knots[-1]) + 1
        white = self._bell(np.arange(first - lags, last + 1))
        # elementwise, not np.convolve: the same operations in the same order wherever the interval begins
        length = last - first + 1
        smooth, term = np.zeros(length), np.empty(length)
        for lag, weight in enumerate(weights):
            smooth += np.multiply(white[lags - lag : lags - lag + length], weight, out=term)
        rise = np.diff(smooth)
        share = (instants_us - knots * spacing_us) / spacing_us
        knots -= first
        value: Floats = smooth[knots] + rise[knots] * share
        return value

    def _bell(self, index: Integers) -> Floats:
        """Nearly normal numbers for averages, shape (len(index),): the sum of the four quarters of one hash (Irwin-Hall), at most 3.46."""
        bits = _mix(self.key ^ _mix(index.astype(np.uint64) * _GAMMA))
        total = bits & _QUARTER
        for shift in _SHIFTS:
            total += (bits >> shift) & _QUARTER
        bell: Floats = (total.astype(np.float64) - 2.0 * 65_535.0) * (np.sqrt(3.0) / 65_536.0)
        return bell


def _mix(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    value = (value ^ (value >> np.uint64(30))) * _FIRST
    value = (value ^ (value >> np.uint64(27))) * _SECOND
    return value ^ (value >> np.uint64(31))
