"""Forecasts as they would have been issued in the past: each by a model refitted at most weekly on what was known by then."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.forecaster.model.answer import Forecaster, answer
from services.forecaster.model.ensemble import MODEL_NAME, Ensemble
from services.forecaster.model.fallback import PREFIX, Fallback, fallback, missing_reasons
from services.forecaster.model.metrics import skill
from services.forecaster.model.scores import MODEL, Outcomes, outcomes
from services.forecaster.model.series import Indices, Series
from services.forecaster.model.split import ISSUE_EVERY_HOURS, REHEARSALS, Fold
from services.forecaster.model.training import Progress, Tested, fit_all, forecast_fold, tuned


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


def hindcast(series: Series, issues: Indices, *, rating_kw: float | None, refit_days: int, seed: int, on_fit: Progress) -> list[Served]:
    """Forecasts from sorted issues. Each knows what was known at its issue, each model what was known at its refit."""
    length = refit_days * series.per_day
    blocks = refits(issues, per_day=series.per_day, refit_days=refit_days)
    warm = [(blocks[0][0] - length * back, np.empty(0, dtype=np.int64)) for back in range(REHEARSALS, 0, -1)]
    plan = [*warm, *blocks]
    fits = fit_all(series, [until for until, _ in plan], rating_kw=rating_kw, seed=seed, on_fit=on_fit)
    tested: list[Tested] = []
    served = []
    for (until, own), fitted in zip(plan, fits, strict=True):
        ready = tuned(series, fitted, tested, until=until) if fitted else None
        proof = outcomes(tested, known=int(series.known_at(np.array([until]))[0])) if tested else None
        if ready is None or proof is None:  # an untested model proves itself first
            served += [_serve_plainly(series, day, until=at, rating_kw=rating_kw) for at, day in _days(own, series.per_day)]
        elif len(own):
            served.append(_serve(series, own, ready, proof, until=until, rating_kw=rating_kw))
        if ready is not None:
            every = series.per_day * ISSUE_EVERY_HOURS // 24
            rehearsal = Fold(until=until, issues=np.arange(until, min(until + length, series.count), every))
            tested.append(forecast_fold(series, rehearsal, ready))
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


def _serve(series: Series, issues: Indices, ready: Ensemble, proof: Outcomes, *, until: int, rating_kw: float | None) -> Served:
    forecaster, name, gain = _chosen(ready, proof)
    return Served(
        until=until,
        issues=issues,
        quantiles=answer(series, forecaster, issues=issues, rating_kw=rating_kw),
        model_name=name,
        skill=gain,
        reasons=missing_reasons(series, int(series.known_at(np.array([until]))[0])),
    )


def _chosen(ready: Ensemble, proof: Outcomes) -> tuple[Forecaster, str, float | None]:
    """The model where it had beaten every baseline by then; else the best baseline."""
    losses = proof.losses()
    loss = losses.pop(MODEL)
    best = min(losses, key=lambda name: losses[name])
    if loss < losses[best]:
        return ready, MODEL_NAME, skill(loss, losses[best])
    baseline = Fallback(name=best, reasons=(), limits=ready.trees.limits, band=ready.bands[best])
    return baseline, f"{PREFIX}:{best}", 0.0
