"""A small network for quantiles: two hidden layers, trained on the pinball loss. Cheap where there are many rows and quantiles.

Seeded: the same rows and seed give the same weights on the same machine.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

Matrix = NDArray[np.float32]

HIDDEN = (128, 64)
EPOCHS = 6
BATCH = 512
RATE = 2e-3
"""Adam's step at the beginning; it falls to 0 by half a cosine."""
DROPPED = 0.1
"""Share of the hidden units that rest in a batch."""
DECAY = 1e-4
"""Of the weights, apart from the gradient (Loshchilov and Hutter 2019)."""
SOFT = 0.02
"""Half the width, in units of the target, in which the loss is a parabola rather than a corner."""
MOST = 5.0
"""Standard deviations at which an input is cut: what is stranger than the pool must not be extrapolated."""
FIRST, SECOND = 0.9, 0.999
"""Adam's memories (Kingma and Ba 2015)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """How columns become inputs of equal size: by asinh, since loads have long tails; NaN becomes the mean."""

    mean: Matrix
    spread: Matrix

    @staticmethod
    def of(columns: Matrix) -> "Scaling":
        """Columns without a single finite value count for nothing."""
        curved = np.arcsinh(columns)
        finite = np.isfinite(curved)
        count = np.maximum(finite.sum(axis=0), 1)
        mean = np.where(finite, curved, 0.0).sum(axis=0) / count
        spread = np.sqrt((np.where(finite, curved - mean, 0.0) ** 2).sum(axis=0) / count)
        return Scaling(mean=mean.astype(np.float32), spread=np.maximum(spread, 1e-6).astype(np.float32))

    def inputs(self, columns: Matrix) -> Matrix:
        inputs: Matrix = np.clip(np.nan_to_num((np.arcsinh(columns) - self.mean) / self.spread), -MOST, MOST).astype(np.float32)
        return inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Quantiles at `levels` from columns of any size."""

    levels: tuple[float, ...]
    scaling: Scaling
    weights: tuple[Matrix, ...]
    biases: tuple[Matrix, ...]

    def quantiles(self, columns: Matrix) -> Matrix:
        """Shape (rows, levels), non-decreasing along a row."""
        values = self.scaling.inputs(columns)
        with _one_thread():
            for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
                values = np.maximum(values @ weight + bias, np.float32(0.0))
            ordered: Matrix = np.sort(values @ self.weights[-1] + self.biases[-1], axis=1)
        return ordered


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")


def _one_thread() -> AbstractContextManager[object]:
    """Products of matrices this small by one thread: with more they wait for each other, over ten times as long on busy cores."""
    limited: AbstractContextManager[object] = _blas().limit(limits=1)
    return limited


def fit(columns: Matrix, actual: NDArray[np.floating], *, levels: Sequence[float], seed: int, epochs: int = EPOCHS) -> Network:
    """Learn from rows with a finite target."""
    rng = np.random.default_rng(seed)
    scaling = Scaling.of(columns)
    inputs, targets = scaling.inputs(columns), np.asarray(actual, dtype=np.float32)[:, None]
    tau = np.asarray(levels, dtype=np.float32)
    sizes = (inputs.shape[1], *HIDDEN, len(tau))
    weights = [(rng.standard_normal(pair) * np.sqrt(2.0 / pair[0])).astype(np.float32) for pair in pairwise(sizes)]
    weights[-1] *= np.float32(0.1)
    biases = [np.zeros(size, dtype=np.float32) for size in sizes[1:]]
    adam = _Adam.of([*weights, *biases], decayed=len(weights), steps=epochs * -(-len(inputs) // BATCH))
    with _one_thread():
        for _ in range(epochs):
            for rows in np.array_split(rng.permutation(len(inputs)), -(-len(inputs) // BATCH)):
                layers, masks = _forward(inputs[rows], weights, biases, rng)
                adam.move(_gradients(_slope(layers.pop(), targets[rows], tau), layers, masks, weights))
    return Network(levels=tuple(levels), scaling=scaling, weights=tuple(weights), biases=tuple(biases))


def _forward(inputs: Matrix, weights: list[Matrix], biases: list[Matrix], rng: np.random.Generator) -> tuple[list[Matrix], list[Matrix]]:
    """What enters each layer and what leaves the last, and for each hidden layer 0 where a unit rests or is shut."""
    layers, masks = [inputs], []
    for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
        values = layers[-1] @ weight + bias
        awake = (rng.random(values.shape, dtype=np.float32) >= DROPPED) & (values > 0)
        masks.append(awake.astype(np.float32) / np.float32(1.0 - DROPPED))
        layers.append(values * masks[-1])
    return [*layers, layers[-1] @ weights[-1] + biases[-1]], masks


def _slope(quantiles: Matrix, targets: Matrix, tau: Matrix) -> Matrix:
    """Of the mean pinball loss by each quantile."""
    slope: Matrix = -(np.clip((targets - quantiles) / SOFT, -1.0, 1.0) / 2.0 + tau - 0.5) / len(targets)
    return slope.astype(np.float32)


def _gradients(slope: Matrix, layers: list[Matrix], masks: list[Matrix], weights: list[Matrix]) -> list[Matrix]:
    """Of the loss by the weights of each layer, then by its biases."""
    by_weight, by_bias = [], []
    for number in reversed(range(len(weights))):
        by_weight.append(layers[number].T @ slope)
        by_bias.append(slope.sum(axis=0))
        if number:
            slope = (slope @ weights[number].T) * masks[number - 1]
    return [*reversed(by_weight), *reversed(by_bias)]


@dataclass(slots=True, kw_only=True)
class _Adam:
    """Moves parameters in place."""

    parameters: list[Matrix]
    first: list[Matrix]
    second: list[Matrix]
    decayed: int
    """So many of the first parameters decay."""
    steps: int
    taken: int = 0

    @staticmethod
    def of(parameters: list[Matrix], *, decayed: int, steps: int) -> "_Adam":
        first, second = ([np.zeros_like(values) for values in parameters] for _ in range(2))
        return _Adam(parameters=parameters, first=first, second=second, decayed=decayed, steps=steps)

    def move(self, gradients: list[Matrix]) -> None:
        rate = RATE * (1.0 + np.cos(np.pi * self.taken / self.steps)) / 2.0
        self.taken += 1
        for number, (values, slope) in enumerate(zip(self.parameters, gradients, strict=True)):
            first, second = self.first[number], self.second[number]
            first += np.float32(1.0 - FIRST) * (slope - first)
            second += np.float32(1.0 - SECOND) * (slope * slope - second)
            step = first / (1.0 - FIRST**self.taken) / (np.sqrt(second / (1.0 - SECOND**self.taken)) + 1e-8)
            shrunk = DECAY * values if number < self.decayed else 0.0
            np.subtract(values, rate * (step + shrunk), out=values, casting="same_kind")
