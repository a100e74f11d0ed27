"""The model shared by all sites: a network gives the band, absolute-error trees and the network together the median.

Trained on rows of many sites, each in units of its own level, so that it serves a site it has never seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from services.forecaster.model import network
from services.forecaster.model.network import Network
from services.forecaster.model.pooled_design import PooledDesign, Rows
from services.forecaster.model.series import Values
from shared.domain.forecast import QUANTILE_LEVELS

Matrix = NDArray[np.float64]

ROUNDS = 250
TREE_ROWS = 100_000
NETWORK_ROWS = 300_000
TREES = {
    "objective": "reg:quantileerror",
    "quantile_alpha": 0.5,
    "max_depth": 8,
    "eta": 0.05,
    "subsample": 0.7,
    "colsample_bynode": 0.3,
    "min_child_weight": 20,
    "max_bin": 128,
    "tree_method": "hist",
}
TREE_SHARE = 0.5
"""Of the median."""
MEDIAN = QUANTILE_LEVELS.index(0.5)
HARMONICS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    names: tuple[str, ...]
    """The columns it was trained on."""
    trees: xgb.Booster
    network: Network

    def quantiles(self, design: PooledDesign) -> Matrix:
        """In kW, shape (rows, levels), non-decreasing and not below 0. The columns must be those of the training."""
        band = self.network.quantiles(inputs(design.names, design.matrix))
        trees = self.trees.inplace_predict(design.matrix)
        moved = band + (TREE_SHARE * (trees - band[:, MEDIAN]))[:, None]
        quantiles: Matrix = np.maximum(moved, 0.0) * design.level[:, None]
        return quantiles


def fit(names: Sequence[str], matrix: Rows, actual: Values, *, seed: int, threads: int) -> Pool:
    """Learn from rows of many sites and what happened in units of each row's level, all finite."""
    order = np.random.default_rng(seed).permutation(len(matrix))
    few, many = order[:TREE_ROWS], order[:NETWORK_ROWS]
    trees = xgb.train(
        TREES | {"seed": seed, "nthread": threads}, xgb.QuantileDMatrix(matrix[few], actual[few], max_bin=128, nthread=threads), ROUNDS
    )
    net = network.fit(inputs(names, matrix[many]), actual[many], levels=QUANTILE_LEVELS, seed=seed)
    return Pool(names=tuple(names), trees=trees, network=net)


def inputs(names: Sequence[str], matrix: Rows) -> Rows:
    """The columns and, for a network, the hour as waves and the weekday as seven switches."""
    hour, weekday = matrix[:, names.index("hour_local")], matrix[:, names.index("weekday")]
    angle = hour[:, None] * np.arange(1, HARMONICS + 1, dtype=np.float32) * np.float32(np.pi / 12.0)
    switches = weekday[:, None] == np.arange(7)
    return np.concatenate([matrix, np.sin(angle), np.cos(angle), switches.astype(np.float32)], axis=1)
