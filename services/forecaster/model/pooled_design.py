"""The design matrix of a model shared by all sites: what is known at each issue about each step, in units of the site's own level.

Invariants, held by a property test:
1. A row (`known`, `step`, `since`) reads values of steps in `[since, known)` alone.
2. Of the step itself and of later ones it reads columns that are known ahead alone.
3. Values times a constant give the same rows, and levels times that constant; only `log_level` tells large sites from small ones.
4. Rows are independent: the same triple gives the same row in whatever company.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.forecaster.model.series import Indices, Series, Values

Rows = NDArray[np.float32]
Grid = NDArray[np.float64]

DAYS = 28
WEEK = 7
LEVEL_DAYS = 28
HABIT_DAYS = 56
"""Days whose values describe what kind of site this is."""
LEAST_LEVEL_KW = 0.01
UNKNOWN_LEVEL_KW = 0.5
"""The level of a home of which nothing is known: 4,400 kWh a year."""
RECENCY = 0.85
"""Weight of a day over that of the day after it, in the recent mean of days of the same type."""
RECENT_HOURS = (1, 3, 6, 12)
RECENT_DAYS = (1, 2, 3, 7, 14)
NEIGHBOURS = (-3, -2, -1, 1, 2, 3)
NIGHT_UNTIL = 6.0
"""Local hour."""
AHEAD = ("hour_local", "weekday", "year_sin", "year_cos", "sun_elevation_deg")


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledDesign:
    """One row for each triple; NaN where nothing is known."""

    names: tuple[str, ...]
    matrix: Rows
    """Shape (rows, names)."""
    level: Values
    """kW, shape (rows,), above 0: a forecast of the pooled model times this is in kW."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Rows wanted of a series, with `known <= step`; each row's history begins at `since` (None: with the series)."""

    series: Series
    known: Indices
    step: Indices
    since: Indices | None = None


def pooled_design(series: Series, *, known: Indices, step: Indices, since: Indices | None = None) -> PooledDesign:
    """`pooled_designs` of one series."""
    return pooled_designs([Asked(series=series, known=known, step=step, since=since)])


def pooled_designs(asked: Sequence[Asked]) -> PooledDesign:
    """The rows of at least one series, all of one resolution, in their order; far cheaper than one by one where each has few."""
    history = _History.of(asked)
    measured = history.mean(history.known - LEVEL_DAYS * history.per_day, history.known)
    level = np.maximum(np.where(np.isfinite(measured), measured, UNKNOWN_LEVEL_KW), LEAST_LEVEL_KW)
    sized = _same_hour(history) | _recent(history)
    columns = {name: values / level for name, values in sized.items()}
    columns |= _habits(history)
    columns |= _calendar(history)
    matrix = np.column_stack([values.astype(np.float32) for values in columns.values()])
    return PooledDesign(names=tuple(columns), matrix=matrix, level=level)


@dataclass(frozen=True, slots=True, kw_only=True)
class _History:
    """Series one after another, and the values of them that each row may read. Indices count from the first value of the first series."""

    asked: Sequence[Asked]
    per_hour: int
    values: Values
    sums: Values
    """Before each value of a series and after its last: a series has one more of them than values."""
    counts: Values
    off: NDArray[np.bool_]
    shift: Indices
    number: Indices
    """Of each row's series, shape (rows,), as what follows."""
    first: Indices
    last: Indices
    """The first and the last index of the row's series."""
    since: Indices
    known: Indices
    step: Indices

    @staticmethod
    def of(asked: Sequence[Asked]) -> "_History":
        every = [each.series for each in asked]
        rows = [len(each.step) for each in asked]
        ends = np.cumsum([each.count for each in every])
        first = np.repeat(ends - [each.count for each in every], rows)
        finite = [np.isfinite(each.values) for each in every]
        known = first + np.concatenate([each.known for each in asked])
        since = np.concatenate([np.zeros_like(each.known) if each.since is None else np.maximum(each.since, 0) for each in asked])
        return _History(
            asked=asked,
            per_hour=every[0].per_hour,
            values=np.concatenate([each.values for each in every]),
            # each series for itself: rows are the same in whatever company
            sums=np.concatenate([_before_each(np.where(some, each.values, 0.0)) for each, some in zip(every, finite, strict=True)]),
            counts=np.concatenate([_before_each(some.astype(np.float64)) for some in finite]),
            off=np.concatenate([_off(each) for each in every]),
            shift=np.concatenate([each.local_shift for each in every]),
            number=np.repeat(np.arange(len(every)), rows),
            first=first,
            last=np.repeat(ends - 1, rows),
            since=first + since,
            known=known,
            step=first + np.concatenate([each.step for each in asked]),
        )

    @property
    def per_day(self) -> int:
        return 24 * self.per_hour

    def at(self, index: Indices) -> Grid:
        """Values at indices of shape (rows, n)."""
        return np.where(self._may_read(index), self.values[self.inside(index)], np.nan)

    def around(self, index: Indices, *, half: int) -> Grid:
        """Means of `half` steps either side of indices of shape (rows, n); NaN where the middle may not be read."""
        return np.where(self._may_read(index), self.mean(index - half, index + half + 1), np.nan)

    def mean(self, low: Indices, high: Indices) -> Grid:
        """Means of `[low, high)`, of shape (rows,) or (rows, n), cut at what may be read; NaN for none."""
        since, known, number = (each if low.ndim == 1 else each[:, None] for each in (self.since, self.known, self.number))
        low = np.minimum(np.maximum(low, since), known)
        high = np.maximum(np.minimum(high, known), low) + number
        low = low + number
        count = self.counts[high] - self.counts[low]
        means: Grid = np.divide(self.sums[high] - self.sums[low], count, out=np.full(count.shape, np.nan), where=count > 0)
        return means

    def inside(self, index: Indices) -> Indices:
        """Indices of shape (rows, n), those outside of a row's series moved to its edge."""
        moved: Indices = np.minimum(np.maximum(index, self.first[:, None]), self.last[:, None])
        return moved

    def ahead(self, name: str) -> Values:
        """A column known ahead, of each row's step."""
        return np.concatenate([each.series.ahead_or_nan(name)[each.step] for each in self.asked])

    def _may_read(self, index: Indices) -> NDArray[np.bool_]:
        may: NDArray[np.bool_] = (index >= self.since[:, None]) & (index < self.known[:, None])
        return may


def _before_each(values: Values) -> Values:
    """The sum of the values before each, and of all."""
    return np.concatenate([[0.0], np.cumsum(values)])


def _same_hour(history: _History) -> dict[str, Values]:
    """The same local time on the newest days that are known there: each, their order statistics, and days of the same type."""
    per_day, shift, step = history.per_day, history.shift, history.step
    first = (step - history.known) // per_day + 1
    earlier = step[:, None] - (first[:, None] + np.arange(DAYS)) * per_day
    index = earlier + shift[step][:, None] - shift[history.inside(earlier)]
    lags, smooth = history.at(index), history.around(index, half=history.per_hour)
    same_type = history.off[history.inside(index)] == history.off[step][:, None]
    weeks = (-first % WEEK)[:, None] + WEEK * np.arange(DAYS // WEEK)
    same_weekday, smooth_weekday = np.take_along_axis(lags, weeks, axis=1), np.take_along_axis(smooth, weeks, axis=1)
    typed, typed_smooth = np.where(same_type, lags, np.nan), np.where(same_type, smooth, np.nan)
    week, month, types = _Ordered.of(lags[:, :WEEK]), _Ordered.of(lags), _Ordered.of(typed)
    columns = {f"day_{k + 1}": lags[:, k] for k in range(WEEK)}
    columns |= {f"week_{k + 1}": same_weekday[:, k] for k in range(3)}
    columns |= {f"smooth_{k + 1}": smooth[:, k] for k in range(3)}
    columns |= {f"day_1_{o:+d}h": history.at(index[:, :1] + o * history.per_hour)[:, 0] for o in NEIGHBOURS}
    columns |= {
        "weeks_mean": _mean(same_weekday),
        "smooth_week_1": smooth_weekday[:, 0],
        "smooth_weeks_mean": _mean(smooth_weekday),
        "week_mean": _mean(lags[:, :WEEK]),
        "week_median": week.quantile(0.5),
        "week_least": week.quantile(0.0),
        "week_most": week.quantile(1.0),
        "smooth_week_mean": _mean(smooth[:, :WEEK]),
        "month_mean": _mean(lags),
        "smooth_month_median": _Ordered.of(smooth).quantile(0.5),
        "type_mean": _mean(typed),
        "type_median": types.quantile(0.5),
        "smooth_type_mean": _mean(typed_smooth),
        "smooth_type_median": _Ordered.of(typed_smooth).quantile(0.5),
        "type_recent": _mean(typed, np.power(RECENCY, np.arange(DAYS, dtype=np.float64))),
    }
    columns |= {f"month_p{round(100 * level)}": month.quantile(level) for level in (0.1, 0.25, 0.5, 0.75, 0.9)}
    return columns


def _recent(history: _History) -> dict[str, Values]:
    """The levels measured last, and how far they are from the usual ones at those times of day."""
    known, per_hour, per_day = history.known, history.per_hour, history.per_day
    before = np.arange(1, WEEK + 1) * per_day
    columns: dict[str, Values] = {}
    for hours in RECENT_HOURS:
        width = hours * per_hour
        level = history.mean(known - width, known)
        usual = _mean(history.mean(known[:, None] - width - before, known[:, None] - before))
        columns |= {f"level_{hours}h": level, f"unusual_{hours}h": level - usual}
    columns |= {f"level_{days}d": history.mean(known - days * per_day, known) for days in RECENT_DAYS}
    quarter = per_day // 4
    columns |= {f"quarter_{k + 1}": history.mean(known - (k + 1) * quarter, known - k * quarter) for k in range(4)}
    return columns


def _habits(history: _History) -> dict[str, Values]:
    """What kind of site it is, from the days that were complete at `known`; one computation for each such day."""
    complete = (history.known - history.first) // history.per_day * history.per_day
    begins, width = history.since - history.first, len(history.values) + 1
    keys, place = np.unique((history.number * width + complete) * width + begins, return_inverse=True)
    table = np.full((len(keys), len(_HABITS)), np.nan)
    nights = [each.series.ahead_or_nan("hour_local") < NIGHT_UNTIL for each in history.asked]
    offs = [_off(each.series) for each in history.asked]
    for row, key in zip(table, keys, strict=True):
        (number, end), begin = divmod(key // width, width), key % width
        window = slice(max(begin, end - HABIT_DAYS * history.per_day), end)
        values = history.asked[number].series.values[window]
        row[:] = _habits_of(values, night=nights[number][window], off=offs[number][window], per_day=history.per_day)
    return {name: table[place, k] for k, name in enumerate(_HABITS)}


_SHARES = (0.02, 0.1, 0.5, 0.9, 0.98)
_HABITS = ("log_level", *(f"share_p{round(100 * s)}" for s in _SHARES), "repeats_daily", "repeats_weekly", "persists", "night", "off_days")


def _habits_of(values: Values, *, night: NDArray[np.bool_], off: NDArray[np.bool_], per_day: int) -> list[float]:
    """Size, peakiness, regularity, and the shares of nights and of days off; NaN with less than two days of values."""
    finite = values[np.isfinite(values)]
    if len(finite) < 2 * per_day:
        return [np.nan] * len(_HABITS)
    mean = max(float(finite.mean()), LEAST_LEVEL_KW)
    repeats = [_repeats(values, lag) for lag in (per_day, WEEK * per_day, per_day // 24)]
    shares = [_mean_of(values[chosen]) / mean for chosen in (night, off)]
    return [np.log(mean), *(np.quantile(finite, _SHARES) / mean), *repeats, *shares]


def _repeats(values: Values, lag: int) -> float:
    """Correlation with what was `lag` steps before; NaN where either does not vary or hardly anything is left."""
    now, then = values[lag:], values[:-lag]
    both = np.isfinite(now) & np.isfinite(then)
    now, then = now[both], then[both]
    if len(now) < 48 or now.min() == now.max() or then.min() == then.max():
        return float("nan")
    return float(np.corrcoef(now, then)[0, 1])


def _mean_of(values: Values) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")


def _calendar(history: _History) -> dict[str, Values]:
    step, day = history.step, history.per_day
    days = {"off": step, "off_before": np.maximum(step - day, history.first), "off_after": np.minimum(step + day, history.last)}
    columns = {name: history.ahead(name) for name in AHEAD}
    columns |= {name: history.off[index].astype(np.float64) for name, index in days.items()}
    return columns | {"lead_hours": (step - history.known) / history.per_hour}


def _off(series: Series) -> NDArray[np.bool_]:
    """Weekends and holidays, shape (count,)."""
    off: NDArray[np.bool_] = (series.ahead_or_nan("is_weekend") > 0) | (series.ahead_or_nan("is_holiday") > 0)
    return off


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ordered:
    """The finite values of each row in order, for quantiles by linear interpolation (numpy's default)."""

    values: Grid
    count: Indices

    @staticmethod
    def of(values: Grid) -> "_Ordered":
        return _Ordered(values=np.sort(values, axis=1), count=np.isfinite(values).sum(axis=1))  # NaN last

    def quantile(self, level: float) -> Values:
        """NaN for a row without values."""
        place = level * np.maximum(self.count - 1, 0)
        low = place.astype(np.int64)
        rows = np.arange(len(low))
        below = self.values[rows, low]
        above = self.values[rows, np.minimum(low + 1, np.maximum(self.count - 1, 0))]
        quantile: Values = below + (place - low) * (above - below)
        return quantile


def _mean(values: Grid, weights: Values | None = None) -> Values:
    """Mean of the finite values of each row, weighted by column; NaN for none."""
    finite = np.isfinite(values)
    known = np.where(finite, values, 0.0)
    total = finite.sum(axis=1, dtype=np.float64) if weights is None else (finite * weights).sum(axis=1)
    weighed = known if weights is None else known * weights
    means: Values = np.divide(weighed.sum(axis=1), total, out=np.full(len(values), np.nan), where=total > 0)
    return means
