"""Slow quantities: computed at evenly spaced instants and looked up between them, several times cheaper than at every instant."""

from dataclasses import dataclass

import numpy as np

from services.gateway_sim.plant.noise import Floats, Integers


@dataclass(frozen=True, slots=True)
class Knots:
    """Multiples of a spacing since the epoch that enclose sorted instants.

    They do not depend on where a range begins, so what is computed at them and looked up between is the same for a range
    and for its part.
    """

    instants_us: Integers
    """Of the knots, shape (knots,)."""
    row: Integers
    """Of the knot at or before each instant, shape (n,)."""
    share: Floats
    """How far each instant is from that knot to the next, in [0, 1)."""

    @classmethod
    def around(cls, instants_us: Integers, spacing_us: int) -> "Knots":
        if not len(instants_us):
            return cls(instants_us=instants_us, row=np.zeros(0, dtype=np.int64), share=np.zeros(0))
        row = instants_us // spacing_us
        first = int(row[0])
        knots = np.arange(first, int(row[-1]) + 2, dtype=np.int64) * spacing_us
        share = (instants_us - row * spacing_us) / spacing_us
        row -= first
        return cls(instants_us=knots, row=row, share=share)

    def between(self, values: Floats) -> Floats:
        """Values at the instants on the lines between values at the knots, shape (n,)."""
        if not len(self.row):
            return np.zeros(0)
        value: Floats = np.diff(values)[self.row]
        value *= self.share
        value += values[self.row]
        return value
