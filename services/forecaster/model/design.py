"""The design matrix: what is known at each issue about each step to forecast.

Invariants, held by a property test:
1. A row (`known`, `step`) reads values of steps before `known` alone.
2. Of the step itself and of later ones it reads columns that are known ahead alone.
3. Rows are independent: the same pair gives the same row in whatever company.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.forecaster.model.series import Indices, Series, Values
from shared.domain.forecast import Target

Matrix = NDArray[np.float64]

DAYS = 7
WEEKS = 4
CLEARNESS_DAYS = (1, 3, 7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """One row for each pair of an issue and a step."""

    names: tuple[str, ...]
    matrix: Matrix
    """Shape (rows, names); NaN where nothing is known."""
    known: Indices
    step: Indices

    def column(self, name: str) -> Values:
        values: Values = self.matrix[:, self.names.index(name)]
        return values

    def __len__(self) -> int:
        return len(self.matrix)


def design(series: Series, *, known: Indices, step: Indices) -> Design:
    """Rows for pairs (`known`, `step`), both of shape (rows,), with `known <= step`."""
    columns: dict[str, Values] = {}
    columns |= _daily_profile(series, known, step)
    columns |= _recent_level(series, known)
    if series.target is Target.SOLAR:
        columns |= _clearness(series, known, step)
    lead = step - known
    columns["lead_hours"] = lead / series.per_hour
    columns |= {name: values[step] for name, values in series.ahead.items()}
    return Design(names=tuple(columns), matrix=np.column_stack(list(columns.values())), known=known, step=step)


def _daily_profile(series: Series, known: Indices, step: Indices) -> dict[str, Values]:
    """The same time of day on the newest days that are known there, their mean, median and spread, and the same weekday."""
    first_day = (step - known) // series.per_day + 1
    days = first_day[:, None] + np.arange(DAYS)
    lags = _at(series.values, _same_time(series, step, days), known)
    week = 7 * ((first_day + 6) // 7)
    weeks = _at(series.values, _same_time(series, step, week[:, None] + 7 * np.arange(WEEKS)), known)
    smooth = _window_mean(series.values, _same_time(series, step, days[:, :3]), known, half=series.per_hour)
    smooth_week = _window_mean(series.values, _same_time(series, step, week[:, None]), known, half=series.per_hour)
    columns = {f"day_{k + 1}": lags[:, k] for k in range(DAYS)}
    columns |= {
        "mean_7d": _mean(lags),
        "median_7d": _median(lags),
        "min_7d": _reduce(np.fmin, lags),
        "max_7d": _reduce(np.fmax, lags),
        "last_week": weeks[:, 0],
        "mean_4w": _mean(weeks),
        "smooth_week": smooth_week[:, 0],
        "days_back": first_day.astype(np.float64),
    }
    columns |= {f"smooth_{k + 1}": smooth[:, k] for k in range(smooth.shape[1])}
    columns["smooth_mean"] = _mean(_window_mean(series.values, _same_time(series, step, days), known, half=max(1, series.per_hour // 2)))
    return columns


def _recent_level(series: Series, known: Indices) -> dict[str, Values]:
    """The level measured last, how far it is from the usual one at those times, and the level of the last day and week."""
    sums, counts = _cumulative(series.values)
    columns: dict[str, Values] = {}
    for hours in (1, 3):
        width = hours * series.per_hour
        level = _mean_between(sums, counts, known - width, known)
        days = np.arange(1, DAYS + 1) * series.per_day
        usual = _mean(_mean_between(sums, counts, known[:, None] - width - days, known[:, None] - days))
        columns[f"level_{hours}h"] = level
        columns[f"unusual_{hours}h"] = level - usual
    columns["latest"] = _at(series.values, (known - 1)[:, None], known)[:, 0]
    day = _mean_between(sums, counts, known - series.per_day, known)
    week = _mean_between(sums, counts, known - 7 * series.per_day, known)
    columns |= {"level_24h": day, "level_7d": week, "day_over_week": day - week}
    columns["level_28d"] = _mean_between(sums, counts, known - 28 * series.per_day, known)
    return columns


def _clearness(series: Series, known: Indices, step: Indices) -> dict[str, Values]:
    """Generation under a clear sky, the share of it that was seen of late, and their product.

    Without a clear-sky column (no place or size known) the most of the last seven days at that time stands in for it.
    """
    clear = series.ahead_or_nan("clear_sky_kw")
    ceiling = _reduce(np.fmax, _window_mean(
        series.values, _same_time(series, step, ((step - known) // series.per_day + 1)[:, None] + np.arange(DAYS)), known, half=0,
    ))  # fmt: skip
    sky = np.where(np.isfinite(clear[step]), clear[step], ceiling)
    both = np.isfinite(series.values) & np.isfinite(clear)
    seen, _ = _cumulative(np.where(both, series.values, 0.0))
    possible, _ = _cumulative(np.where(both, clear, 0.0))
    columns: dict[str, Values] = {"sky_kw": sky}
    shares = []
    for days in CLEARNESS_DAYS:
        low, high = _bounds(known - days * series.per_day, known, series.count)
        top, bottom = seen[high] - seen[low], possible[high] - possible[low]
        share = np.divide(top, bottom, out=np.full(len(known), np.nan), where=bottom > 1e-6)
        columns[f"clearness_{days}d"] = share
        shares.append(share)
    low, high = _bounds(known - 2 * series.per_hour, known, series.count)
    top, bottom = seen[high] - seen[low], possible[high] - possible[low]
    columns["clearness_2h"] = np.divide(top, bottom, out=np.full(len(known), np.nan), where=bottom > 1e-2)
    columns["clear_sky_x_clearness"] = np.where(np.isfinite(clear[step]), clear[step] * _mean(np.column_stack(shares)), np.nan)
    return columns


def _same_time(series: Series, step: Indices, days: Indices) -> Indices:
    """Indices of the same time `days` earlier, shape of `days`: local time of day for habits and prices, UTC for the sun."""
    earlier = step[:, None] - days * series.per_day
    if series.target is Target.SOLAR:
        return earlier
    shift = series.local_shift
    change: Indices = shift[step][:, None] - shift[np.clip(earlier, 0, series.count - 1)]
    moved: Indices = earlier + change
    return moved


def _at(values: Values, index: Indices, known: Indices) -> Matrix:
    """Values at indices of shape (rows, n); NaN for what is before the beginning or not known."""
    usable = (index >= 0) & (index < known[:, None])
    return np.where(usable, values[np.clip(index, 0, len(values) - 1)], np.nan)


def _window_mean(values: Values, centre: Indices, known: Indices, *, half: int) -> Matrix:
    """Mean over `half` steps either side of each centre, cut at what is known; NaN where the centre is not known."""
    sums, counts = _cumulative(values)
    means = _mean_between(sums, counts, centre - half, np.minimum(centre + half + 1, known[:, None]))
    return np.where((centre >= 0) & (centre < known[:, None]), means, np.nan)


def _cumulative(values: Values) -> tuple[Values, Indices]:
    """Sums and counts of the finite values before each index, shape (count + 1,)."""
    finite = np.isfinite(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(finite, values, 0.0))])
    return sums, np.concatenate([[0], np.cumsum(finite)]).astype(np.int64)


def _mean_between(sums: Values, counts: Indices, low: Indices, high: Indices) -> Matrix:
    """Mean of the finite values in `[low, high)`, any shape; NaN for none."""
    low, high = _bounds(low, high, len(sums) - 1)
    number = counts[high] - counts[low]
    means: Matrix = np.divide(sums[high] - sums[low], number, out=np.full(number.shape, np.nan), where=number > 0)
    return means


def _bounds(low: Indices, high: Indices, count: int) -> tuple[Indices, Indices]:
    low = np.clip(low, 0, count)
    return low, np.clip(np.maximum(high, low), 0, count)


def _mean(values: Matrix) -> Values:
    """Mean of the finite values of each row; NaN for none."""
    finite = np.isfinite(values)
    number = finite.sum(axis=1)
    total = np.where(finite, values, 0.0).sum(axis=1)
    means: Values = np.divide(total, number, out=np.full(len(values), np.nan), where=number > 0)
    return means


def _median(values: Matrix) -> Values:
    """Median of the finite values of each row; NaN for none."""
    ordered = np.sort(values, axis=1)  # NaN last
    number = np.isfinite(values).sum(axis=1)
    rows = np.arange(len(values))
    low, high = np.maximum((number - 1) // 2, 0), number // 2
    middle = (ordered[rows, low] + ordered[rows, np.minimum(high, values.shape[1] - 1)]) / 2
    return np.where(number > 0, middle, np.nan)


def _reduce(combine: np.ufunc, values: Matrix) -> Values:
    reduced: Values = combine.reduce(values, axis=1)
    return reduced
