"""Shared models as good or bad as a test wants them."""

from dataclasses import dataclass

import numpy as np

from services.forecaster.model.history import History
from services.forecaster.model.split import Pairs

NORMAL = np.array([-1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645])


@dataclass(frozen=True)
class Wish:
    """Says what happens, moved by `error` and with a band of `width`."""

    error: float = 0.0
    width: float = 0.2

    def quantiles(self, history: History, pairs: Pairs) -> np.ndarray:
        middle = np.nan_to_num(history.series.values[pairs.step]) + self.error
        return middle[:, None] + self.width * NORMAL


class Never:
    """A model that nobody may ask: it has seen what is asked for."""

    def quantiles(self, history: History, pairs: Pairs) -> np.ndarray:
        del history, pairs
        raise AssertionError("the future was asked")
