"""The model shared by all sites: a network gives the band, absolute-error trees and the network together the median.

Trained on rows of many sites, each in units of its own level, so that it serves a site it has never seen.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from services.forecaster.model import arrays, network
from services.forecaster.model.history import History
from services.forecaster.model.network import Network, Scaling
from services.forecaster.model.pooled_design import Asked, PooledDesign, Rows, pooled_design, pooled_designs
from services.forecaster.model.quantile import UnreadableModelError
from services.forecaster.model.series import Values
from services.forecaster.model.split import Pairs, training_pairs
from shared.domain.forecast import QUANTILE_LEVELS

Matrix = NDArray[np.float64]

ROUNDS = 250
TREE_ROWS = 100_000
NETWORK_ROWS = 800_000
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
ROWS_TOGETHER = 10_000
"""About as many are asked at once: some tens of megabytes."""
COLD_SHARE = 0.15
COLD_DAYS = 28
"""So many rows are learned from as if the site were at most so many days old."""
LEAST_ROWS = 500
TREES_FILE, WORDS_FILE = "trees.ubj", "pool.json"
FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    names: tuple[str, ...]
    """The columns it was trained on."""
    trees: xgb.Booster
    network: Network

    def quantiles(self, history: History, pairs: Pairs) -> Matrix:
        """Of any site, in kW, shape (rows, levels), non-decreasing along a row and not below 0."""
        return self.quantiles_many([history], [pairs])[0]

    def quantiles_many(self, histories: Sequence[History], pairs: Sequence[Pairs]) -> list[Matrix]:
        """`quantiles` of each of many sites: those of one resolution are asked together, which costs far less than one by one."""
        found: list[Matrix] = [np.empty((0, len(self.network.levels))) for _ in histories]
        for chunk in _alike(histories, pairs):
            asked = [Asked(series=histories[k].series, known=pairs[k].known, step=pairs[k].step) for k in chunk]
            ends = np.cumsum([len(each.step) for each in asked])
            for k, rows in zip(chunk, np.split(self.of(pooled_designs(asked)), ends[:-1]), strict=True):
                found[k] = rows
        return found

    def to_files(self) -> dict[str, bytes]:
        """Bytes by file name: the trees as UBJSON, the network's matrices as numbers, the rest as JSON."""
        words = {"format": FORMAT, "names": self.names, "levels": self.network.levels, "layers": len(self.network.weights)}
        files = {TREES_FILE: bytes(self.trees.save_raw("ubj")), WORDS_FILE: json.dumps(words, indent=1).encode()}
        return files | {f"{name}.npy": arrays.to_bytes(values) for name, values in _matrices(self.network).items()}

    def of(self, design: PooledDesign) -> Matrix:
        """The same of rows that are ready. The columns must be those of the training."""
        band = self.network.quantiles(inputs(design.names, design.matrix))
        trees = self.trees.inplace_predict(design.matrix)
        moved = band + (TREE_SHARE * (trees - band[:, MEDIAN]))[:, None]
        quantiles: Matrix = np.maximum(moved, 0.0) * design.level[:, None]
        return quantiles


def _alike(histories: Sequence[History], pairs: Sequence[Pairs]) -> Iterator[list[int]]:
    """Numbers of histories of one resolution, so many at a time that their rows stay near the processor."""
    groups = defaultdict[int, list[int]](list)
    for number, history in enumerate(histories):
        groups[history.series.per_hour].append(number)
    for group in groups.values():
        ends = np.cumsum([len(pairs[number]) for number in group])
        for _, chunk in groupby(zip(group, ends // ROWS_TOGETHER, strict=True), key=itemgetter(1)):
            yield [number for number, _ in chunk]


def fit(histories: Sequence[History], *, rows: int, seed: int, threads: int = 1) -> Pool | None:
    """Learn from about so many random pairs, shared by the sites; None where they are too few to learn from."""
    share = max(1, rows // max(1, len(histories)))
    parts = [part for number, each in enumerate(histories) if (part := _learnable(each, share, np.random.default_rng((seed, number))))]
    if sum(len(actual) for _, actual in parts) < LEAST_ROWS:
        return None
    matrix = np.concatenate([design.matrix for design, _ in parts])
    return fit_rows(parts[0][0].names, matrix, np.concatenate([actual for _, actual in parts]), seed=seed, threads=threads)


def _learnable(history: History, share: int, rng: np.random.Generator) -> tuple[PooledDesign, Values] | None:
    """Rows of a site and what happened in units of its level, some of them as if the site were new."""
    series = history.series
    pairs = training_pairs(series, until=history.known, rows=share, rng=rng)
    if not len(pairs):
        return None
    is_new = rng.random(len(pairs)) < COLD_SHARE
    age = rng.integers(0, COLD_DAYS + 1, len(pairs)) * series.per_day
    since = np.where(is_new, np.maximum(pairs.known - age, 0), 0)
    design = pooled_design(series, known=pairs.known, step=pairs.step, since=since)
    return design, series.values[pairs.step] / design.level


def from_files(files: Mapping[str, bytes]) -> Pool:
    """The pool that `to_files` wrote. Raises `UnreadableModelError`."""
    try:
        words = json.loads(files[WORDS_FILE])
        if words["format"] != FORMAT:
            raise UnreadableModelError(f"format is {words['format']!r}: this program reads {FORMAT}; train again")
        trees = xgb.Booster({"nthread": 1})
        trees.load_model(bytearray(files[TREES_FILE]))
        matrices = {name.removesuffix(".npy"): arrays.from_bytes(data) for name, data in files.items() if name.endswith(".npy")}
        net = Network(
            levels=tuple(words["levels"]),
            scaling=Scaling(mean=matrices["mean"], spread=matrices["spread"]),
            weights=tuple(matrices[f"weight_{layer}"] for layer in range(words["layers"])),
            biases=tuple(matrices[f"bias_{layer}"] for layer in range(words["layers"])),
        )
    except (KeyError, TypeError, ValueError, xgb.core.XGBoostError) as problem:
        if isinstance(problem, UnreadableModelError):
            raise
        raise UnreadableModelError(f"the pool's files cannot be read ({type(problem).__name__}); train again") from problem
    return Pool(names=tuple(words["names"]), trees=trees, network=net)


def _matrices(net: Network) -> dict[str, NDArray[np.float32]]:
    layers = {f"weight_{layer}": values for layer, values in enumerate(net.weights)}
    layers |= {f"bias_{layer}": values for layer, values in enumerate(net.biases)}
    return {"mean": net.scaling.mean, "spread": net.scaling.spread, **layers}


def fit_rows(names: Sequence[str], matrix: Rows, actual: Values, *, seed: int, threads: int) -> Pool:
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
