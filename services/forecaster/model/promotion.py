"""A training from end to end: test by rolling origin, fit on everything, pass the gate or not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.forecaster.model.answer import Model
from services.forecaster.model.contest import Contest, contest
from services.forecaster.model.drift import Reference, alarms, daily, reference_of
from services.forecaster.model.gate import Bills, Duel, Record, Return, Verdict, decide, step_back
from services.forecaster.model.history import History
from services.forecaster.model.judged import Judged
from services.forecaster.model.kind import Kind, OwnEnsemble
from services.forecaster.model.limits import local_hours
from services.forecaster.model.metrics import pinball, pinball_losses, pit_density, reliability, skill
from services.forecaster.model.scores import MODEL, WHOLE, Outcomes, Score, outcomes
from services.forecaster.model.series import Series, Values
from services.forecaster.model.split import ISSUE_EVERY_HOURS, REFIT_DAYS, REHEARSALS, Fold, Pairs, days_of_test, rolling_folds
from services.forecaster.model.training import Progress, history_days
from shared.domain.forecast import QUANTILE_LEVELS

OWN = OwnEnsemble()


@dataclass(frozen=True, slots=True, kw_only=True)
class Champion:
    """The model that serves, the step at which its training data ended, and what it was used to."""

    model: Model
    data_end: int
    reference: Reference | None = None
    """None for a model from before references were kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """The test in finer slices, and the model's calibration."""

    by_lead: tuple[Score, ...]
    by_hour: tuple[Score, ...]
    reliability: Values
    """Share of outcomes at or below each level's quantile, shape (levels,); nights are left out of solar."""
    pit_density: Values
    """Shape (levels + 1,)."""
    bright_rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What came of it. Without enough history `model` is None."""

    verdict: Verdict
    model: Model | None
    scores: tuple[Score, ...]
    test_days: int
    details: Details | None = None
    contest: Contest | None = None
    """For a verdict in money; None where too few days were tested."""
    bills: Bills | None = None
    """That verdict's, once it was given."""
    reference: Reference | None = None
    """What the new model was used to, for those who watch it."""
    champion_alarms: tuple[str, ...] | None = None
    """What has changed since the champion was trained; None without a champion to watch."""
    champion_return: Return | None = None
    """Set where the champion gives way and the new model is not promoted."""

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
        if self.bills is not None:
            figures["bill_saving"] = self.bills.saving
        return {name: value for name, value in figures.items() if np.isfinite(value)}

    @property
    def skill(self) -> float | None:
        """1 - pinball loss / that of the best baseline on the same rows."""
        whole = {score.name: score.pinball for score in self.scores if score.horizon == WHOLE}
        if MODEL not in whole:
            return None
        return skill(whole.pop(MODEL), min(whole.values()))


def train(
    series: Series,
    *,
    now: int,
    rating_kw: float | None,
    test_share: float,
    seed: int,
    champion: Champion | None,
    on_fit: Progress,
    previous: Champion | None = None,
    kinds: Sequence[Kind] = (OWN,),
) -> Training:
    """Train on what was known at step `now`; the last `test_share` of the days are the test, and the champion is watched there.

    Of several kinds the one that beats the baselines by most goes on. `previous` is the model that the champion replaced.
    """
    days = days_of_test(history_days(series, now), test_share)
    if days == 0:
        return _no_model(f"too little history for a model: {history_days(series, now):.1f} days of at least 9")
    first = now - days * series.per_day
    folds = _folds(series, first=first, now=now)
    trials = [kind.trial(series, folds, now=now, rating_kw=rating_kw, seed=seed, on_fit=on_fit) for kind in kinds]
    made = [(trial.model, trial.tested) for trial in trials if trial.model is not None]
    if not made:
        return _no_model("what was measured is too little or always the same: nothing to learn")
    known = int(series.known_at(np.array([now]))[0])
    counted = [(model, [fold for fold in tested if _begins(fold, first)]) for model, tested in made]
    proven = [(model, tested, scored) for model, tested in counted if (scored := outcomes(tested, known=known)) is not None]
    if not proven:
        return _no_model("no day of the test was measured")
    model, tested, scored = min(proven, key=lambda each: each[2].against_baselines())
    losses = scored.losses()
    verdict = decide(loss=losses.pop(MODEL), baseline_losses=losses, duel=_duel(series, scored, champion))
    rivals = contest(
        series,
        tested,
        now=now,
        name=model.name,
        baseline=min(losses, key=lambda name: losses[name]),
        champion=champion.model if champion else None,
        champion_since=champion.data_end if champion else 0,
        rating_kw=rating_kw,
    )
    own_losses = pinball_losses(scored.actual, scored.quantiles[MODEL], QUANTILE_LEVELS)
    return Training(
        verdict=verdict,
        model=model,
        scores=tuple(scored.scores()),
        test_days=days,
        details=_details(series, scored),
        contest=rivals,
        reference=reference_of(series, until=now, daily_losses=daily(own_losses, scored.step, per_day=series.per_day)),
        champion_alarms=_alarms(series, scored, champion, now),
        champion_return=None if verdict.promoted or champion is None else step_back(_record(series, scored, champion, previous)),
    )


def planned_fits(series: Series, *, now: int, test_share: float, kinds: Sequence[Kind] = (OWN,)) -> int:
    """How many fits `train` is going to make."""
    days = days_of_test(history_days(series, now), test_share)
    return sum(kind.fits(len(_folds(series, first=now - days * series.per_day, now=now))) for kind in kinds) if days else 0


def _begins(fold: Judged, first: int) -> bool:
    """Whether it counts: it holds something and is no rehearsal."""
    return len(fold.pairs) > 0 and int(fold.pairs.issue[0]) >= first


def _folds(series: Series, *, first: int, now: int) -> list[Fold]:
    """The test from `first` on, after the rehearsals that tune its first model."""
    length, every = REFIT_DAYS * series.per_day, series.per_day * ISSUE_EVERY_HOURS // 24
    begins = [first - length * back for back in range(REHEARSALS, 0, -1) if first > length * back]
    rehearsals = [Fold(until=begin, issues=np.arange(begin, begin + length, every)) for begin in begins]
    return [*rehearsals, *rolling_folds(first=first, end=now, per_day=series.per_day)]


def _details(series: Series, scored: Outcomes) -> Details:
    bright = ~scored.dark
    actual, quantiles = scored.actual[bright], scored.quantiles[MODEL][bright]
    return Details(
        by_lead=tuple(scored.by_lead()),
        by_hour=tuple(scored.by_hour(local_hours(series))),
        reliability=reliability(actual, quantiles),
        pit_density=pit_density(actual, quantiles, QUANTILE_LEVELS),
        bright_rows=len(actual),
    )


def _no_model(reason: str) -> Training:
    return Training(verdict=Verdict(promoted=False, reason=reason), model=None, scores=(), test_days=0)


def _duel(series: Series, scored: Outcomes, champion: Champion | None) -> Duel | None:
    """Champion and challenger on the test's rows that were issued after the champion's data ended."""
    if champion is None:
        return None
    rows = scored.issue >= champion.data_end
    return Duel(
        challenger_loss=pinball(scored.actual[rows], scored.quantiles[MODEL][rows], QUANTILE_LEVELS),
        champion_loss=float(_losses(series, scored, champion.model, rows).mean()) if rows.any() else float("nan"),
        days=_days(scored, rows),
    )


def _record(series: Series, scored: Outcomes, champion: Champion, previous: Champion | None) -> Record:
    """The champion and what could stand in for it on rows that were issued after the data of both ended."""
    rows = scored.issue >= max(champion.data_end, previous.data_end if previous else 0)
    actual = scored.actual[rows]
    baselines = {name: pinball(actual, values[rows], QUANTILE_LEVELS) for name, values in scored.quantiles.items() if name != MODEL}
    return Record(
        champion_loss=float(_losses(series, scored, champion.model, rows).mean()) if rows.any() else float("nan"),
        baseline_losses=baselines,
        previous_loss=float(_losses(series, scored, previous.model, rows).mean()) if previous and rows.any() else None,
        days=_days(scored, rows),
    )


def _alarms(series: Series, scored: Outcomes, champion: Champion | None, now: int) -> tuple[str, ...] | None:
    if champion is None or champion.reference is None:
        return None
    rows = scored.issue >= champion.data_end
    losses = daily(_losses(series, scored, champion.model, rows), scored.step[rows], per_day=series.per_day)
    return alarms(champion.reference, series, since=champion.data_end, now=now, daily_losses=losses)


def _days(scored: Outcomes, rows: NDArray[np.bool_]) -> float:
    return len(np.unique(scored.issue[rows])) * ISSUE_EVERY_HOURS / 24


def _losses(series: Series, scored: Outcomes, model: Model, rows: NDArray[np.bool_]) -> Values:
    """Pinball losses of a fixed model on some of the rows, each from what was known at its issue."""
    pairs = Pairs(issue=scored.issue[rows], known=scored.known[rows], step=scored.step[rows])
    quantiles = model.quantiles(History(series=series, known=int(pairs.known.min(initial=series.count))), pairs)
    return pinball_losses(scored.actual[rows], quantiles, QUANTILE_LEVELS)
