"""Prices by days, as a kind of model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.forecaster.model import price_files
from services.forecaster.model.design import design
from services.forecaster.model.history import History
from services.forecaster.model.judged import Judged
from services.forecaster.model.kind import Trial
from services.forecaster.model.limits import dark_steps, local_hours
from services.forecaster.model.price import PriceModel, fit_price
from services.forecaster.model.price_days import price_days
from services.forecaster.model.series import Series
from services.forecaster.model.split import Fold, pairs
from services.forecaster.model.split import Pairs as Rows
from services.forecaster.model.training import Progress, baselines_at
from shared.domain.forecast import QUANTILE_LEVELS, Target

Matrix = NDArray[np.float64]

MODEL_NAME = "price_days"


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceByDays:
    """A price model that answers row by row."""

    model: PriceModel

    @property
    def name(self) -> str:
        return MODEL_NAME

    @property
    def target(self) -> Target:
        return Target.PRICE

    @property
    def columns(self) -> tuple[str, ...]:
        return ("price_per_kwh", *self.model.exogenous)

    def quantiles(self, history: History, pairs: Rows) -> Matrix:
        """Shape (rows, levels)."""
        days = price_days(history.series, exogenous=self.model.exogenous)
        whole = np.empty((len(pairs), len(QUANTILE_LEVELS)))
        for known in np.unique(pairs.known):
            own = np.flatnonzero(pairs.known == known)
            steps, place = np.unique(pairs.step[own], return_inverse=True)
            whole[own] = self.model.quantiles(days, known=int(known), steps=steps)[place]
        return whole

    def to_files(self) -> Mapping[str, bytes]:
        return price_files.to_files(self.model)


def from_files(files: Mapping[str, bytes]) -> PriceByDays:
    """Raises `UnreadableModelError`."""
    return PriceByDays(model=price_files.from_files(files))


class PriceKind:
    """Refitted for each fold."""

    def fits(self, folds: int) -> int:
        return folds + 1

    def trial(self, series: Series, folds: Sequence[Fold], *, now: int, rating_kw: float | None, seed: int, on_fit: Progress) -> Trial:
        tested = []
        for fold in folds:
            fitted = _fitted(series, fold.until, seed, on_fit)
            if fitted is not None:
                tested.append(_judged(series, fold, fitted, rating_kw=rating_kw, seed=seed))
        return Trial(tested=tested, model=_fitted(series, now, seed, on_fit))


def _fitted(series: Series, until: int, seed: int, on_fit: Progress) -> PriceByDays | None:
    model = fit_price(series, until=until, seed=seed)
    on_fit()
    return PriceByDays(model=model) if model else None


def _judged(series: Series, fold: Fold, fitted: PriceByDays, *, rating_kw: float | None, seed: int) -> Judged:
    rows = pairs(series, fold.issues)
    table = design(series, known=rows.known, step=rows.step)
    hour, dark = local_hours(series)[rows.step], dark_steps(series)[rows.step]
    return Judged(
        model=fitted,
        pairs=rows,
        actual=series.values[rows.step],
        lead_hours=rows.lead_hours(series),
        dark=dark,
        quantiles=fitted.quantiles(History(series=series, known=fold.until), rows),
        baselines=baselines_at(series, until=fold.until, rating_kw=rating_kw, seed=seed).quantiles(table, hour=hour, dark=dark),
    )
