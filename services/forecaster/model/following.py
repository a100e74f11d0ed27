"""One site followed through past forecasts of a shared model: what they missed teaches its band and the shares of its baselines."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.forecaster.model.adapted import Adapted, Shared, blended
from services.forecaster.model.baselines import baseline_names
from services.forecaster.model.conformal import Band
from services.forecaster.model.design import design
from services.forecaster.model.ensemble import BandedBaselines
from services.forecaster.model.history import History
from services.forecaster.model.judged import Judged
from services.forecaster.model.limits import dark_steps, local_hours
from services.forecaster.model.series import Series, Values
from services.forecaster.model.split import Fold, pairs
from services.forecaster.model.stacking import Day, shares
from services.forecaster.model.training import baselines_at
from shared.domain.forecast import QUANTILE_LEVELS

Matrix = NDArray[np.float64]
MEDIAN = QUANTILE_LEVELS.index(0.5)
TEACHING_HOURS = 24.0
"""The lead times that a site learns from, so that each of its days teaches once."""


@dataclass(frozen=True, slots=True)
class _Open:
    """A forecast of a day that is not over yet."""

    end: int
    quantiles: Matrix
    said: Day


class Following:
    """Goes through folds in the order of time; what it has learned so far stands in the band and the shares."""

    def __init__(self, *, series: Series, rating_kw: float | None, seed: int) -> None:
        self._series, self._rating_kw, self._seed = series, rating_kw, seed
        self._names = baseline_names(series.target)
        self._band = Band.untouched(QUANTILE_LEVELS)
        self._open: _Open | None = None
        self._days: list[Day] = []
        self._shares = self._stacked()

    def judged(self, fold: Fold, shared: Shared) -> Judged:
        """The fold's forecasts, each in the band and with the shares that the site had by then."""
        series = self._series
        rows = pairs(series, fold.issues)
        history = History(series=series, known=fold.until, rating_kw=self._rating_kw)
        before = baselines_at(series, until=fold.until, rating_kw=self._rating_kw, seed=self._seed)
        self._close(fold.until)
        ready = self._adapted(shared, before)
        hour, dark = local_hours(series)[rows.step], dark_steps(series)[rows.step]
        actual, lead = series.values[rows.step], rows.lead_hours(series)
        others = before.quantiles(design(series, known=rows.known, step=rows.step), hour=hour, dark=dark)
        banded = self._followed(shared.quantiles(history, rows), others, actual, issue=rows.issue, teaches=(lead < TEACHING_HOURS) & ~dark)
        return Judged(
            model=ready,
            pairs=rows,
            actual=actual,
            lead_hours=lead,
            dark=dark,
            quantiles=before.limits.apply(banded, dark),
            baselines=others,
        )

    def adapted(self, shared: Shared, *, now: int) -> Adapted:
        """The model of the site by what is known at step `now`."""
        self._close(now)
        return self._adapted(shared, baselines_at(self._series, until=now, rating_kw=self._rating_kw, seed=self._seed))

    def _adapted(self, shared: Shared, recent: BandedBaselines) -> Adapted:
        return Adapted(
            shared=shared,
            target=self._series.target,
            limits=recent.limits,
            band=self._band,
            bands={name: recent.bands[name] for name in self._shares},
            shares=self._shares,
        )

    def _followed(
        self, raw: Matrix, others: Mapping[str, Matrix], actual: Values, *, issue: NDArray[np.int64], teaches: NDArray[np.bool_]
    ) -> Matrix:
        """Forecasts in the order of their issues, each by what was learned from days that were over by then."""
        banded = np.empty_like(raw)
        for moment in np.unique(issue):
            self._close(int(moment))
            own = issue == moment
            banded[own] = self._band.apply(blended(raw[own], {name: others[name][own] for name in self._shares}, self._shares))
            if self._open is None:
                day = own & teaches
                points = np.stack([part[day, MEDIAN] for part in (raw, *(others[name] for name in self._names))])
                end = int(moment) + self._series.per_day
                self._open = _Open(end, banded[day], Day(points=points, actual=actual[day]))
        return banded

    def _close(self, moment: int) -> None:
        """Learn from the open day, if it is over by then."""
        if self._open is not None and self._open.end <= moment:
            self._days.append(self._open.said)
            self._band, self._shares = self._band.learnt(self._open.quantiles, self._open.said.actual), self._stacked()
            self._open = None

    def _stacked(self) -> dict[str, float]:
        """Of the baselines that have one."""
        found = shares(self._days, parts=1 + len(self._names))
        return {name: float(share) for name, share in zip(self._names, found[1:], strict=True) if share > 0}
