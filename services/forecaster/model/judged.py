"""Forecasts beside what happened, row by row."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.forecaster.model.series import Values
from services.forecaster.model.split import Pairs

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The rows of some issues; quantiles are of shape (rows, levels)."""

    pairs: Pairs
    actual: Values
    """NaN where nothing was measured."""
    lead_hours: Values
    dark: NDArray[np.bool_]
    quantiles: Matrix
    baselines: dict[str, Matrix]
