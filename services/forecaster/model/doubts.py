"""What is odd about a history, in sentences: a forecast is made all the same, and whoever reads it should know."""

from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from services.forecaster.model.series import COLUMNS, Series, Values
from shared.domain.forecast import Target

BEYOND_RATING = 1.2
"""Generation above a rating by this much is no cloud's edge: the rating, the meter or its unit is wrong."""
LEVEL_FACTOR = 3.0
"""Days that all lie this far above or below every day of the weeks before were measured otherwise, or in another home."""
RECENT_DAYS, EARLIER_DAYS, FEWEST_DAYS = 28, 28, 10
SHIFT_DAYS = 2
"""A change shows after this many days: one alone may be a feast."""
DAY_MEASURED = 0.5
"""Share of a day that must be measured for its mean to stand for it."""
LEARNED_SHARE = 0.5
CLASSES_AFTER_DAYS = 14
"""A history as long as this has met both workdays and weekends."""


def doubts(series: Series, known: int, *, rating_kw: float | None) -> tuple[str, ...]:
    """Sentences on the values before step `known`; empty for a history like any other."""
    found = (_gaps(series, known), _level(series, known), _rating(series, known, rating_kw), _one_class(series, known))
    return tuple(sentence for sentence in found if sentence)


def _gaps(series: Series, known: int) -> str | None:
    """A history of which most is missing; a short one is told elsewhere."""
    values = series.values[:known]
    measured = np.flatnonzero(np.isfinite(values))
    if not len(measured) or known - measured[0] < RECENT_DAYS * series.per_day:
        return None
    share = len(measured) / (known - measured[0])
    days = (known - measured[0]) / series.per_day
    return f"only {100 * share:.0f} % of {days:.0f} days of {COLUMNS[series.target]} is measured" if share < LEARNED_SHARE else None


def _level(series: Series, known: int) -> str | None:
    """A meter, a unit or a home that changed within the last weeks. Sun and prices change by themselves as much."""
    if series.target is not Target.LOAD:
        return None
    means = _daily_means(series, known)
    for back in range(SHIFT_DAYS, min(RECENT_DAYS, len(means)) + 1):
        since, before = means[len(means) - back :], means[max(0, len(means) - back - EARLIER_DAYS) : len(means) - back]
        since, before = since[np.isfinite(since)], before[np.isfinite(before)]
        if len(since) < SHIFT_DAYS or len(before) < FEWEST_DAYS:
            continue
        if since.min() > LEVEL_FACTOR * before.max() or LEVEL_FACTOR * since.max() < before.min():
            return (
                f"{COLUMNS[series.target]} changed from {np.median(before):.2g} to {np.median(since):.2g} kW a day on average "
                f"{back} days ago: what was learned before may not hold; check the meter"
            )
    return None


def _daily_means(series: Series, known: int) -> Values:
    """Means of the whole days that end at `known`, oldest first; NaN where too little of a day was measured."""
    days = min(known // series.per_day, RECENT_DAYS + EARLIER_DAYS)
    blocks = series.values[known - days * series.per_day : known].reshape(days, series.per_day)
    finite = np.isfinite(blocks)
    count = finite.sum(axis=1)
    total = np.where(finite, blocks, 0.0).sum(axis=1)
    means: Values = np.divide(total, count, out=np.full(days, np.nan), where=count >= DAY_MEASURED * series.per_day)
    return means


def _rating(series: Series, known: int, rating_kw: float | None) -> str | None:
    if series.target is not Target.SOLAR or not rating_kw:
        return None
    recent = _measured(series.values[max(0, known - RECENT_DAYS * series.per_day) : known])
    if not len(recent) or recent.max() <= BEYOND_RATING * rating_kw:
        return None
    return f"{COLUMNS[series.target]} reached {recent.max():.3g} kW where {rating_kw:.3g} kW are installed: check the rating and the meter"


def _one_class(series: Series, known: int) -> str | None:
    """Workdays alone or weekends alone were measured."""
    weekend = series.ahead_or_nan("is_weekend")
    seen = np.isfinite(series.values[:known]) & np.isfinite(weekend[:known])
    ahead = weekend[known : known + timedelta(days=2) // series.step]
    if series.target is Target.SOLAR or not seen.any() or known - np.flatnonzero(seen)[0] < CLASSES_AFTER_DAYS * series.per_day:
        return None
    learned = np.unique(weekend[:known][seen])
    unseen = np.setdiff1d(_measured(ahead), learned)
    if not len(unseen):
        return None
    return f"no {COLUMNS[series.target]} was measured on {'weekends' if unseen[0] else 'workdays'}: they are forecast like other days"


def _measured(values: Values) -> NDArray[np.float64]:
    return values[np.isfinite(values)]
