"""Forecasts beside what happened, row by row."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.forecaster.model.answer import Model
from services.forecaster.model.series import Values
from services.forecaster.model.split import Pairs

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The rows of some issues; quantiles are of shape (rows, levels)."""

    model: Model
    """What stood ready at the first of them."""
    pairs: Pairs
    actual: Values
    """NaN where nothing was measured."""
    lead_hours: Values
    dark: NDArray[np.bool_]
    quantiles: Matrix
    baselines: dict[str, Matrix]
