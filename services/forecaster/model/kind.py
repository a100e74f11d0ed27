"""A kind of model: how it is tried by rolling origin, and what it leaves to serve."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from services.forecaster.model.answer import Model
from services.forecaster.model.ensemble import Ensemble
from services.forecaster.model.judged import Judged
from services.forecaster.model.series import Series
from services.forecaster.model.split import Fold
from services.forecaster.model.training import Progress, fit_all, forecast_folds, tuned


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of the folds: their forecasts, each by a model that had seen the past alone, and the model of everything."""

    tested: Sequence[Judged]
    model: Model | None


class Kind(Protocol):
    """One way to forecast a site."""

    def fits(self, folds: int) -> int:
        """How many fits a trial of so many folds makes."""
        ...

    def trial(self, series: Series, folds: Sequence[Fold], *, now: int, rating_kw: float | None, seed: int, on_fit: Progress) -> Trial:
        """Forecast each fold by what was known at its beginning, and fit on what is known at `now`; no model where that is too little."""
        ...


class OwnEnsemble:
    """Quantile trees of the site alone, averaged with its baselines."""

    def fits(self, folds: int) -> int:
        return folds + 1

    def trial(self, series: Series, folds: Sequence[Fold], *, now: int, rating_kw: float | None, seed: int, on_fit: Progress) -> Trial:
        fits: list[Ensemble | None] = fit_all(series, [*(fold.until for fold in folds), now], rating_kw=rating_kw, seed=seed, on_fit=on_fit)
        final = fits.pop()
        tested = forecast_folds(series, folds, fits)
        return Trial(tested=tested, model=tuned(series, final, tested, until=now) if final else None)
