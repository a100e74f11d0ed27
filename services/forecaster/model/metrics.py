"""How good a forecast was. Every function takes quantiles of shape (rows, levels) and what happened, shape (rows,)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.forecaster.model.series import Values

Matrix = NDArray[np.float64]


def pinball_losses(actual: Values, quantiles: Matrix, levels: Sequence[float]) -> Values:
    """Loss of each row, the mean over its levels, in the unit of the target (Koenker and Bassett 1978)."""
    miss = actual[:, None] - quantiles
    tau = np.asarray(levels)
    losses: Values = np.maximum(tau * miss, (tau - 1.0) * miss).mean(axis=1)
    return losses


def pinball(actual: Values, quantiles: Matrix, levels: Sequence[float]) -> float:
    """Mean loss over the rows and levels; NaN for no row."""
    return float(pinball_losses(actual, quantiles, levels).mean()) if len(actual) else float("nan")


def mean_absolute_error(actual: Values, median: Values) -> float:
    """In the unit of the target; NaN for no row."""
    return float(np.abs(actual - median).mean()) if len(actual) else float("nan")


def normalised_mae(actual: Values, median: Values) -> float:
    """MAE over the mean magnitude of what happened; NaN where that is 0 or there is no row."""
    scale = float(np.abs(actual).mean()) if len(actual) else 0.0
    return mean_absolute_error(actual, median) / scale if scale > 0 else float("nan")


def coverage(actual: Values, low: Values, high: Values) -> float:
    """Share of rows inside `[low, high]`, both ends included; NaN for no row."""
    return float(((actual >= low) & (actual <= high)).mean()) if len(actual) else float("nan")


def mean_width(low: Values, high: Values) -> float:
    """Mean width of the band in the unit of the target; NaN for no row."""
    return float((high - low).mean()) if len(low) else float("nan")


def skill(loss: float, reference_loss: float) -> float | None:
    """1 - loss / reference: 1 is perfect, 0 no better than the reference. None where the reference is perfect or unknown."""
    if not (np.isfinite(loss) and np.isfinite(reference_loss)) or reference_loss <= 0:
        return None
    return 1.0 - loss / reference_loss


def reliability(actual: Values, quantiles: Matrix) -> Values:
    """Share of rows at or below the quantile of each level, shape (levels,); NaN for no row."""
    if not len(actual):
        return np.full(quantiles.shape[1], np.nan)
    shares: Values = (actual[:, None] <= quantiles).mean(axis=0)
    return shares


def pit_density(actual: Values, quantiles: Matrix, levels: Sequence[float]) -> Values:
    """Share of rows between neighbouring quantiles over the share that belongs there, shape (levels + 1,): 1 when calibrated.

    The histogram of the probability integral transform (Diebold, Gunther and Tay 1998) with the levels as its bounds.
    """
    below = np.concatenate([[0.0], reliability(actual, quantiles), [1.0]])
    density: Values = np.diff(below) / np.diff(np.concatenate([[0.0], levels, [1.0]]))
    return density
