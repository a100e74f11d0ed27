"""The LASSO-estimated autoregression of Lago, Marcjasz, De Schutter and Weron 2021 (Applied Energy 293), as a reference.

A linear model for each hour: all prices one, two, three and seven days before, every column known ahead for the day, one and seven
days before, and the weekday, through asinh after median and MAD, with the penalty of the least AIC along the LARS path. As in
the published code the criterion weighs errors by the variance of the outcome. Models are estimated anew each week, not each day.
"""

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Cube = NDArray[np.float64]
Indices = NDArray[np.int64]

WINDOWS_DAYS = (56, 84, 1092, 1456)
LAGS = (1, 2, 3, 7)
EXOGENOUS_LAGS = (0, 1, 7)
MAD_TO_DEVIATION = 1.4826
MOST_STEPS = 150
"""Of the path: the criterion's least lies far before."""
REFIT_DAYS = 7


def lear(prices: Matrix, exogenous: Cube, weekday: Indices, days: Indices, *, windows: Sequence[int] = WINDOWS_DAYS) -> Matrix:
    """The mean over windows of the 24 prices of `days` (sorted), each from what lies before it; shape (days, 24).

    A window that the data do not fill reaches back to their beginning.
    """
    parts = [_window(prices, exogenous, weekday, days, length) for length in windows]
    mean: Matrix = np.mean(parts, axis=0)
    return mean


def _window(prices: Matrix, exogenous: Cube, weekday: Indices, days: Indices, length: int) -> Matrix:
    forecast = np.empty((len(days), 24))
    for begin in range(0, len(days), REFIT_DAYS):
        asked = days[begin : begin + REFIT_DAYS]
        seen = np.arange(max(*LAGS, int(asked[0]) - length), asked[0])
        forecast[begin : begin + REFIT_DAYS] = _block(prices, exogenous, weekday, seen, asked)
    return forecast


def _block(prices: Matrix, exogenous: Cube, weekday: Indices, seen: Indices, asked: Indices) -> Matrix:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LassoLarsIC

    rows = _inputs(prices, exogenous, seen)
    centre, spread = _scale(rows)
    own_centre, own_spread = _scale(prices[seen])
    table = np.column_stack([np.arcsinh((rows - centre) / spread), _dummies(weekday[seen])])
    coming = np.column_stack([np.arcsinh((_inputs(prices, exogenous, asked) - centre) / spread), _dummies(weekday[asked])])
    outcomes = np.arcsinh((prices[seen] - own_centre) / own_spread)
    with warnings.catch_warnings():
        # columns that say the same are dropped on the way, and the path is left before its end: both are meant
        warnings.simplefilter("ignore", ConvergenceWarning)
        said = [
            LassoLarsIC(criterion="aic", max_iter=MOST_STEPS, noise_variance=outcome.var()).fit(table, outcome).predict(coming)
            for outcome in outcomes.T
        ]
    prices_said: Matrix = np.sinh(np.column_stack(said)) * own_spread + own_centre
    return prices_said


def _inputs(prices: Matrix, exogenous: Cube, days: Indices) -> Matrix:
    parts = [prices[days - lag] for lag in LAGS]
    parts += [exogenous[days - lag, :, column] for column in range(exogenous.shape[2]) for lag in EXOGENOUS_LAGS]
    return np.concatenate(parts, axis=1)


def _scale(values: Matrix) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    centre = np.median(values, axis=0)
    spread = MAD_TO_DEVIATION * np.median(np.abs(values - centre), axis=0)
    return centre, np.where(spread > 0.0, spread, 1.0)


def _dummies(weekday: Indices) -> Matrix:
    columns: Matrix = (weekday[:, None] == np.arange(7)).astype(np.float64)
    return columns
