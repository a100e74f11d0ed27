"""One site followed through past forecasts of a shared model: what they missed teaches its band and the shares of its baselines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.forecaster.model.adapted import LEAST_SHARE, Adapted, Shared, blended
from services.forecaster.model.conformal import Band
from services.forecaster.model.design import design
from services.forecaster.model.ensemble import BandedBaselines, shares_by_loss
from services.forecaster.model.history import History
from services.forecaster.model.judged import Judged
from services.forecaster.model.limits import dark_steps, local_hours
from services.forecaster.model.metrics import pinball
from services.forecaster.model.series import Series, Values
from services.forecaster.model.split import Fold, pairs
from services.forecaster.model.training import baselines_at
from shared.domain.forecast import QUANTILE_LEVELS

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Day:
    """A forecast of a day that is not over yet."""

    end: int
    quantiles: Matrix
    actual: Values


class Following:
    """Goes through folds in the order of time; what it has learned so far stands in the band and the shares."""

    def __init__(self, *, series: Series, rating_kw: float | None, seed: int) -> None:
        self._series, self._rating_kw, self._seed = series, rating_kw, seed
        self._band = Band.untouched(QUANTILE_LEVELS)
        self._day: _Day | None = None
        self._past: list[tuple[Judged, Matrix]] = []
        """Folds with what the shared model alone said, in its band."""

    def judged(self, fold: Fold, shared: Shared) -> Judged:
        """The fold's forecasts, each in the band and with the shares that the site had by then."""
        series = self._series
        rows = pairs(series, fold.issues)
        history = History(series=series, known=fold.until, rating_kw=self._rating_kw)
        table = design(series, known=rows.known, step=rows.step)
        hour, dark = local_hours(series)[rows.step], dark_steps(series)[rows.step]
        actual, lead = series.values[rows.step], rows.lead_hours(series)
        before, shares = baselines_at(series, until=fold.until, rating_kw=self._rating_kw, seed=self._seed), self._shares(until=fold.until)
        ready = self._adapted(shared, before, shares)
        banded = self._followed(shared.quantiles(history, rows), actual, rows.issue, (lead < 24.0) & ~dark)
        own, others = before.limits.apply(banded, dark), before.quantiles(table, hour=hour, dark=dark)
        quantiles = blended(own, others, shares)
        judged = Judged(model=ready, pairs=rows, actual=actual, lead_hours=lead, dark=dark, quantiles=quantiles, baselines=others)
        self._past.append((judged, own))
        return judged

    def adapted(self, shared: Shared, *, now: int) -> Adapted:
        """The model of the site by what is known at step `now`."""
        recent = baselines_at(self._series, until=now, rating_kw=self._rating_kw, seed=self._seed)
        return self._adapted(shared, recent, self._shares(until=now))

    def _adapted(self, shared: Shared, recent: BandedBaselines, shares: Mapping[str, float]) -> Adapted:
        return Adapted(
            shared=shared,
            target=self._series.target,
            limits=recent.limits,
            band=self._band,
            bands={name: recent.bands[name] for name in shares},
            shares=shares,
        )

    def _shares(self, *, until: int) -> dict[str, float]:
        """Of the baselines that earn one, by outcomes of earlier folds known at step `until`."""
        known = _known(self._series, until)
        past = [(fold, own, np.isfinite(fold.actual) & (fold.pairs.step < known) & ~fold.dark) for fold, own in self._past]
        if not any(rows.any() for _, _, rows in past):
            return {}
        actual = np.concatenate([fold.actual[rows] for fold, _, rows in past])

        def loss(parts: Sequence[Matrix]) -> float:
            return pinball(actual, np.concatenate(parts), QUANTILE_LEVELS)

        losses: Mapping[str, float] = {
            name: loss([fold.baselines[name][rows] for fold, _, rows in past]) for name in self._past[0][0].baselines
        }
        found = shares_by_loss(loss([own[rows] for _, own, rows in past]), losses)
        return {name: share for name, share in found.items() if share >= LEAST_SHARE}

    def _followed(self, raw: Matrix, actual: Values, issue: NDArray[np.int64], teaches: NDArray[np.bool_]) -> Matrix:
        """Forecasts in the order of their issues, each in the band that was learned from days that were over by then."""
        banded = np.empty_like(raw)
        for moment in np.unique(issue):
            own = issue == moment
            if self._day is not None and self._day.end <= moment:
                self._band, self._day = self._band.learnt(self._day.quantiles, self._day.actual), None
            banded[own] = self._band.apply(raw[own])
            if self._day is None:
                day = own & teaches
                self._day = _Day(int(moment) + self._series.per_day, banded[day], actual[day])
        return banded


def _known(series: Series, until: int) -> int:
    return int(series.known_at(np.array([until]))[0])
