"""A challenger beside what serves without it, as whole forecasts of the test's last days: for those who reckon in money."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.forecaster.model.answer import Forecaster, answer, assembled
from services.forecaster.model.gate import LEAST_CHAMPION_DAYS
from services.forecaster.model.hindcast import Served
from services.forecaster.model.judged import Judged
from services.forecaster.model.series import Indices, Series
from services.forecaster.model.split import Pairs

MOST_DAYS = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """Both were issued once a day at the same moments, and neither had seen what came after."""

    challenger: Served
    incumbent: Served

    @property
    def days(self) -> int:
        return len(self.challenger.issues)


def contest(
    series: Series,
    tested: Sequence[Judged],
    *,
    now: int,
    name: str,
    baseline: str,
    champion: Forecaster | None = None,
    champion_since: int = 0,
    rating_kw: float | None = None,
) -> Contest | None:
    """On the last days up to step `now`; None where the test has too few of them.

    The incumbent is the champion where enough of these days lie after what it learned from, else the named baseline.
    """
    issues = _daily(tested, now=now, per_day=series.per_day)
    fresh = issues[issues >= champion_since]
    if champion is not None and len(fresh) >= LEAST_CHAMPION_DAYS:
        said = answer(series, champion, issues=fresh, rating_kw=rating_kw)
        incumbent = Served(until=champion_since, issues=fresh, quantiles=said, model_name="champion", skill=None, reasons=())
    elif len(issues) >= LEAST_CHAMPION_DAYS:
        incumbent = _served(series, tested, issues, baseline=baseline, name=baseline)
    else:
        return None
    return Contest(challenger=_served(series, tested, incumbent.issues, baseline=None, name=name), incumbent=incumbent)


def _daily(tested: Sequence[Judged], *, now: int, per_day: int) -> Indices:
    """Moments of issue whole days before now whose next day is over, the oldest first."""
    wanted = now - per_day * np.arange(MOST_DAYS, 0, -1)
    there = [fold.pairs.issue for fold in tested]
    days: Indices = wanted[np.isin(wanted, np.concatenate(there))] if there else wanted[:0]
    return days


def _served(series: Series, tested: Sequence[Judged], issues: Indices, *, baseline: str | None, name: str) -> Served:
    """What the folds said at these moments; None for the baseline is the model."""
    chosen = [(fold, np.isin(fold.pairs.issue, issues)) for fold in tested]
    rows = Pairs(
        issue=np.concatenate([fold.pairs.issue[own] for fold, own in chosen]),
        known=np.concatenate([fold.pairs.known[own] for fold, own in chosen]),
        step=np.concatenate([fold.pairs.step[own] for fold, own in chosen]),
    )
    said = np.concatenate([(fold.baselines[baseline] if baseline else fold.quantiles)[own] for fold, own in chosen])
    whole = assembled(series, rows, said, issues=issues, known=series.known_at(issues))
    return Served(until=int(issues[0]), issues=issues, quantiles=whole, model_name=name, skill=None, reasons=())
