"""Forecasts as they would have been issued in the past: each by a model refitted at most weekly on what was known by then."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.forecaster.model.answer import Forecaster, answer
from services.forecaster.model.fallback import PREFIX, Fallback, fallback, missing_reasons
from services.forecaster.model.judged import Judged
from services.forecaster.model.kind import Kind
from services.forecaster.model.metrics import skill
from services.forecaster.model.scores import MODEL, outcomes
from services.forecaster.model.series import Indices, Series
from services.forecaster.model.split import ISSUE_EVERY_HOURS, REHEARSALS, Fold
from services.forecaster.model.training import Progress, baselines_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What served the issues between two refits."""

    until: int
    """The moment of the refit; nothing that became known later entered the model."""
    issues: Indices
    quantiles: NDArray[np.float64]
    """Shape (issues, levels, steps)."""
    model_name: str
    skill: float | None
    reasons: tuple[str, ...]


def refits(issues: Indices, *, per_day: int, refit_days: int) -> list[tuple[int, Indices]]:
    """Issues (sorted) by the moment of the refit that serves them; empty stretches have none."""
    length = refit_days * per_day
    number = (issues - issues[0]) // length
    return [(int(issues[0] + block * length), issues[number == block]) for block in np.unique(number)]


def hindcast(
    series: Series, issues: Indices, *, kinds: Sequence[Kind], rating_kw: float | None, refit_days: int, seed: int, on_fit: Progress
) -> list[Served]:
    """Forecasts from sorted issues. Each knows what was known at its issue, each model what was known at its refit.

    Of several kinds each refit goes on with the one that had beaten the baselines by most on the refits before it.
    """
    length, every = refit_days * series.per_day, series.per_day * ISSUE_EVERY_HOURS // 24
    blocks = refits(issues, per_day=series.per_day, refit_days=refit_days)
    warm = [blocks[0][0] - length * back for back in range(REHEARSALS, 0, -1)]
    untils = [*warm, *(until for until, _ in blocks)]
    folds = [Fold(until=until, issues=np.arange(until, min(until + length, series.count), every)) for until in untils]
    end = min(untils[-1] + length, series.count)
    trials = [
        [fold for fold in kind.trial(series, folds, now=end, rating_kw=rating_kw, seed=seed, on_fit=on_fit).tested if len(fold.pairs)]
        for kind in kinds
    ]
    served = []
    for until, own in blocks:
        chosen = _chosen(series, trials, until=until, length=length, rating_kw=rating_kw, seed=seed)
        if chosen is None:  # an untested model proves itself first
            served += [_serve_plainly(series, day, until=at, rating_kw=rating_kw) for at, day in _days(own, series.per_day)]
        else:
            served.append(_serve(series, own, *chosen, until=until, rating_kw=rating_kw))
    return served


def _days(issues: Indices, per_day: int) -> list[tuple[int, Indices]]:
    return refits(issues, per_day=per_day, refit_days=1) if len(issues) else []


def _serve_plainly(series: Series, issues: Indices, *, until: int, rating_kw: float | None) -> Served:
    """A fallback, chosen anew each day: a young history grows quickly."""
    plain = fallback(series, until=until, rating_kw=rating_kw)
    return Served(
        until=until,
        issues=issues,
        quantiles=answer(series, plain, issues=issues, rating_kw=rating_kw),
        model_name=f"{PREFIX}:{plain.name}",
        skill=None,
        reasons=plain.reasons or ("no model had proved itself by then",),
    )


def _serve(
    series: Series, issues: Indices, forecaster: Forecaster, name: str, gain: float | None, *, until: int, rating_kw: float | None
) -> Served:
    return Served(
        until=until,
        issues=issues,
        quantiles=answer(series, forecaster, issues=issues, rating_kw=rating_kw),
        model_name=name,
        skill=gain,
        reasons=missing_reasons(series, int(series.known_at(np.array([until]))[0])),
    )


def _chosen(
    series: Series, trials: Sequence[Sequence[Judged]], *, until: int, length: int, rating_kw: float | None, seed: int
) -> tuple[Forecaster, str, float | None] | None:
    """The model that stood ready then and had beaten every baseline; else the best baseline; None where nothing had been tested."""
    known = int(series.known_at(np.array([until]))[0])
    proven = []
    for tested in trials:
        ready = next((fold.model for fold in tested if until <= fold.pairs.issue[0] < until + length), None)
        proof = outcomes([fold for fold in tested if fold.pairs.issue[0] < until], known=known)
        if ready is not None and proof is not None:
            proven.append((ready, proof))
    if not proven:
        return None
    model, proof = min(proven, key=lambda each: each[1].against_baselines())
    losses = proof.losses()
    loss = losses.pop(MODEL)
    best = min(losses, key=lambda name: losses[name])
    if loss < losses[best]:
        return model, model.name, skill(loss, losses[best])
    recent = baselines_at(series, until=until, rating_kw=rating_kw, seed=seed)
    return Fallback(name=best, reasons=(), limits=recent.limits, band=recent.bands[best]), f"{PREFIX}:{best}", 0.0
