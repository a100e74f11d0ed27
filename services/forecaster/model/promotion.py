"""A training from end to end: test by rolling origin, fit on everything, pass the gate or not."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from services.forecaster.model.design import design
from services.forecaster.model.ensemble import Ensemble
from services.forecaster.model.gate import Duel, Verdict, decide
from services.forecaster.model.limits import dark_steps, local_hours
from services.forecaster.model.metrics import pinball, skill
from services.forecaster.model.scores import MODEL, WHOLE, Outcomes, Score, outcomes
from services.forecaster.model.series import Series
from services.forecaster.model.split import ISSUE_EVERY_HOURS, REFIT_DAYS, REHEARSALS, Fold, days_of_test, rolling_folds
from services.forecaster.model.training import Progress, fit_all, forecast_folds, history_days, tuned
from shared.domain.forecast import QUANTILE_LEVELS


@dataclass(frozen=True, slots=True, kw_only=True)
class Champion:
    """The model that serves, and the step at which its training data ended."""

    model: Ensemble
    data_end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What came of it. Without enough history `model` is None."""

    verdict: Verdict
    model: Ensemble | None
    scores: tuple[Score, ...]
    test_days: int

    @property
    def metrics(self) -> Mapping[str, float]:
        """The whole horizon of the test in figures, for a manifest."""
        whole = [score for score in self.scores if score.horizon == WHOLE]
        figures: dict[str, float] = {"test_days": float(self.test_days)}
        for score in whole:
            if score.name == MODEL:
                figures |= {"pinball": score.pinball, "mae": score.mae, "nmae": score.nmae}
                figures |= {"coverage_80": score.coverage_80, "width_80": score.width_80}
            else:
                figures[f"pinball_{score.name}"] = score.pinball
        if (gain := self.skill) is not None:
            figures["skill"] = gain
        return {name: value for name, value in figures.items() if np.isfinite(value)}

    @property
    def skill(self) -> float | None:
        """1 - pinball loss / that of the best baseline on the same rows."""
        whole = {score.name: score.pinball for score in self.scores if score.horizon == WHOLE}
        if MODEL not in whole:
            return None
        return skill(whole.pop(MODEL), min(whole.values()))


def train(
    series: Series, *, now: int, rating_kw: float | None, test_share: float, seed: int, champion: Champion | None, on_fit: Progress
) -> Training:
    """Train on what was known at step `now`; the last `test_share` of the days are the test."""
    days = days_of_test(history_days(series, now), test_share)
    if days == 0:
        return _no_model(f"too little history for a model: {history_days(series, now):.1f} days of at least 9")
    first = now - days * series.per_day
    folds = _folds(series, first=first, now=now)
    *fits, final = fit_all(series, [*(fold.until for fold in folds), now], rating_kw=rating_kw, seed=seed, on_fit=on_fit)
    if final is None:
        return _no_model("what was measured is too little or always the same: nothing to learn")
    tested = forecast_folds(series, folds, fits)
    judged = [fold for fold in tested if len(fold.pairs) and int(fold.pairs.issue[0]) >= first]
    scored = outcomes(judged, known=int(series.known_at(np.array([now]))[0]))
    if scored is None:
        return _no_model("no day of the test was measured")
    losses = scored.losses()
    verdict = decide(loss=losses.pop(MODEL), baseline_losses=losses, duel=_duel(series, scored, champion))
    model = tuned(series, final, tested, until=now)
    return Training(verdict=verdict, model=model, scores=tuple(scored.scores()), test_days=days)


def planned_fits(series: Series, *, now: int, test_share: float) -> int:
    """How many fits `train` is going to make."""
    days = days_of_test(history_days(series, now), test_share)
    return len(_folds(series, first=now - days * series.per_day, now=now)) + 1 if days else 0


def _folds(series: Series, *, first: int, now: int) -> list[Fold]:
    """The test from `first` on, after the rehearsals that tune its first model."""
    length, every = REFIT_DAYS * series.per_day, series.per_day * ISSUE_EVERY_HOURS // 24
    begins = [first - length * back for back in range(REHEARSALS, 0, -1) if first > length * back]
    rehearsals = [Fold(until=begin, issues=np.arange(begin, begin + length, every)) for begin in begins]
    return [*rehearsals, *rolling_folds(first=first, end=now, per_day=series.per_day)]


def _no_model(reason: str) -> Training:
    return Training(verdict=Verdict(promoted=False, reason=reason), model=None, scores=(), test_days=0)


def _duel(series: Series, scored: Outcomes, champion: Champion | None) -> Duel | None:
    """Champion and challenger on the test's rows that were issued after the champion's data ended."""
    if champion is None:
        return None
    rows = scored.issue >= champion.data_end
    days = len(np.unique(scored.issue[rows])) * ISSUE_EVERY_HOURS / 24
    step, actual = scored.step[rows], scored.actual[rows]
    quantiles = champion.model.quantiles(
        design(series, known=scored.known[rows], step=step),
        hour=local_hours(series)[step],
        dark=dark_steps(series)[step],
        lead_hours=scored.lead_hours[rows],
    )
    return Duel(
        challenger_loss=pinball(actual, scored.quantiles[MODEL][rows], QUANTILE_LEVELS),
        champion_loss=pinball(actual, quantiles, QUANTILE_LEVELS),
        days=days,
    )
