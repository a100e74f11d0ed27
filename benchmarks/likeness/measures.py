"""Measures of hourly load, generation and price. What was not measured is NaN and enters no figure.

Every function takes consecutive hours, shape (hours,), with their local clock, and gives figures by name: NaN where too
little was measured. Powers are means of the hour in kW, so they are also its energy in kWh.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from shared.domain.time import LocalClock

Values = NDArray[np.float64]

LOAD: Mapping[str, str] = {
    "daily energy": "kWh",
    "daily energy, variation": "s.d./mean",
    "daily load factor": "mean/max",
    "peak-to-mean": "p99.9/mean",
    "evening share": "17-22 h",
    "weekday/weekend": "energy",
    "load autocorrelation, 1 h": "r",
    "load autocorrelation, 24 h": "r",
    "load autocorrelation, 168 h": "r",
    "load ramp, p50": "of mean",
    "load ramp, p90": "of mean",
    "load ramp, p99": "of mean",
}
"""Name: unit."""
SOLAR: Mapping[str, str] = {
    "hours without sun": "share",
    "clearness": "mean",
    "clear hours": "share",
    "overcast hours": "share",
    "clearness, day to day": "r",
    "solar ramp, p50": "of capacity",
    "solar ramp, p90": "of capacity",
    "solar ramp, p99": "of capacity",
}
PRICE: Mapping[str, str] = {
    "price spread of a day": "of mean",
    "price spikes": "share",
    "negative prices": "share",
    "price autocorrelation, 24 h": "r",
}

HOURS = 24
EVENING = slice(17, 22)
"""Local hours of the day."""
LEAST_HOURS_OF_DAY = 22
"""A day with fewer measured hours has no energy."""
DARK = 0.002
"""Of capacity: an inverter that shows less stands in the dark."""
DAYLIGHT = 0.1
"""Of capacity: where a clear sky gives less, an hour says little about clouds."""
CLEAR, OVERCAST = 0.8, 0.3
"""Of what a clear sky gives."""
ENVELOPE_DAYS = 15
"""Either side of a day, whose generation at the same hour of UTC tells what a clear sky gives."""
ENVELOPE_QUANTILE = 0.95
SPIKE = 3.0
"""Times the median price."""


def load_measures(load_kw: Values, clock: LocalClock) -> dict[str, float]:
    """Figures of `LOAD`."""
    mean = _mean(load_kw)
    ramp = np.abs(np.diff(load_kw)) / mean
    days = by_day(load_kw, clock)
    daily_kw = _row_means(days)
    # means of hours, not sums: an hour that is often missing weighs as much as the others
    profile = np.array([_mean(load_kw[clock.hour.astype(np.int64) == hour]) for hour in range(HOURS)])
    weekend = clock.weekday >= 5
    return {
        "daily energy": HOURS * mean,
        "daily energy, variation": _deviation(daily_kw) / _mean(daily_kw),
        "daily load factor": _quantile(_ratio(daily_kw, _row_most(days)), 0.5),
        "peak-to-mean": _quantile(load_kw, 0.999) / mean,
        "evening share": float(profile[EVENING].sum() / profile.sum()),
        "weekday/weekend": _mean(load_kw[~weekend]) / _mean(load_kw[weekend]),
        "load autocorrelation, 1 h": autocorrelation(load_kw, 1),
        "load autocorrelation, 24 h": autocorrelation(load_kw, 24),
        "load autocorrelation, 168 h": autocorrelation(load_kw, 168),
        "load ramp, p50": _quantile(ramp, 0.5),
        "load ramp, p90": _quantile(ramp, 0.9),
        "load ramp, p99": _quantile(ramp, 0.99),
    }


def solar_measures(solar_kw: Values) -> dict[str, float]:
    """Figures of `SOLAR`, of hours that begin at an hour of UTC. Capacity is the 99.9th percentile: nameplates lie."""
    capacity = _quantile(solar_kw, 0.999)
    clear_kw = clear_sky_envelope(solar_kw)
    bright = clear_kw > DAYLIGHT * capacity
    clearness = np.where(bright, solar_kw / np.where(bright, clear_kw, 1.0), np.nan)
    known = np.isfinite(clearness)
    change = np.abs(np.diff(solar_kw)) / capacity
    light = (solar_kw[1:] > DARK * capacity) | (solar_kw[:-1] > DARK * capacity)
    return {
        "hours without sun": _share(solar_kw <= DARK * capacity, np.isfinite(solar_kw)),
        "clearness": _mean(clearness),
        "clear hours": _share(clearness > CLEAR, known),
        "overcast hours": _share(clearness < OVERCAST, known),
        "clearness, day to day": autocorrelation(_daily_clearness(solar_kw, clear_kw, known), 1),
        "solar ramp, p50": _quantile(change[light], 0.5),
        "solar ramp, p90": _quantile(change[light], 0.9),
        "solar ramp, p99": _quantile(change[light], 0.99),
    }


def price_measures(price_per_kwh: Values, clock: LocalClock) -> dict[str, float]:
    """Figures of `PRICE`."""
    days = by_day(price_per_kwh, clock)
    known = np.isfinite(price_per_kwh)
    return {
        "price spread of a day": _mean(_row_most(days) + _row_most(-days)) / _mean(price_per_kwh),
        "price spikes": _share(price_per_kwh > SPIKE * _quantile(price_per_kwh, 0.5), known),
        "negative prices": _share(price_per_kwh < 0.0, known),
        "price autocorrelation, 24 h": autocorrelation(price_per_kwh, 24),
    }


def by_day(values: Values, clock: LocalClock) -> Values:
    """A row for each local day, shape (days, 25), NaN where nothing was measured; days too poor in hours are NaN throughout."""
    number = clock.date.astype(np.int64)
    row = number - number[0]
    first = np.searchsorted(row, np.arange(row[-1] + 1))
    table = np.full((int(row[-1]) + 1, HOURS + 1), np.nan)
    table[row, np.arange(len(row)) - first[row]] = values
    table[np.isfinite(table).sum(axis=1) < LEAST_HOURS_OF_DAY] = np.nan
    return table


def clear_sky_envelope(solar_kw: Values) -> Values:
    """What the array gives under a clear sky, shape (hours,): the best of the days around it at the same hour of UTC.

    Nothing of place, tilt or shade is asked for, so a real and a simulated array are measured alike.
    """
    padded = np.concatenate([np.full(HOURS * ENVELOPE_DAYS, np.nan), solar_kw, np.full(HOURS * ENVELOPE_DAYS, np.nan)])
    around = [padded[HOURS * day : HOURS * day + len(solar_kw)] for day in range(2 * ENVELOPE_DAYS + 1)]
    return row_quantile(np.column_stack(around), ENVELOPE_QUANTILE)


def autocorrelation(values: Values, lag: int) -> float:
    """Pearson's correlation of values with those `lag` steps later; NaN where they never vary or are too few."""
    if len(values) <= lag:
        return float("nan")
    early, late = values[:-lag], values[lag:]
    both = np.isfinite(early) & np.isfinite(late)
    early, late = early[both], late[both]
    if len(early) < 3 or np.ptp(early) == 0.0 or np.ptp(late) == 0.0:
        return float("nan")
    return float(np.corrcoef(early, late)[0, 1])


def row_quantile(table: Values, share: float) -> Values:
    """Quantile of the finite values of each row, between neighbours in proportion; NaN for none."""
    ordered = np.sort(table, axis=1)  # NaN last
    last = np.maximum(np.isfinite(ordered).sum(axis=1) - 1, 0)
    place = share * last
    low = np.floor(place).astype(np.int64)
    rows = np.arange(len(table))
    lower, upper = ordered[rows, low], ordered[rows, np.minimum(low + 1, last)]
    between: Values = lower + (place - low) * (upper - lower)
    return between


def _daily_clearness(solar_kw: Values, clear_kw: Values, known: NDArray[np.bool_]) -> Values:
    """Of consecutive days of 24 hours; NaN for a day without light."""
    count = len(solar_kw) // HOURS * HOURS
    given = np.where(known, solar_kw, 0.0)[:count].reshape(-1, HOURS).sum(axis=1)
    possible = np.where(known, clear_kw, 0.0)[:count].reshape(-1, HOURS).sum(axis=1)
    return _ratio(given, possible)


def _row_means(table: Values) -> Values:
    finite = np.isfinite(table)
    count = finite.sum(axis=1)
    total = np.where(finite, table, 0.0).sum(axis=1)
    return _ratio(total, count)


def _row_most(table: Values) -> Values:
    most: Values = np.fmax.reduce(table, axis=1)
    return most


def _ratio(part: Values, whole: NDArray[np.float64] | NDArray[np.int64]) -> Values:
    """NaN where the whole is not above 0."""
    ratio: Values = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
    return ratio


def _share(flags: NDArray[np.bool_], among: NDArray[np.bool_]) -> float:
    return float(flags[among].mean()) if among.any() else float("nan")


def _mean(values: Values) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")


def _deviation(values: Values) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.std()) if len(finite) else float("nan")


def _quantile(values: Values, share: float) -> float:
    finite = values[np.isfinite(values)]
    return float(np.quantile(finite, share)) if len(finite) else float("nan")
