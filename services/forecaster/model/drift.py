"""Whether a serving model still does what its test promised, and still sees data like those that it learned from."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.forecaster.model.series import COLUMNS, Indices, Series, Values
from shared.domain.forecast import Target

REFERENCE_FILE = "reference.json"

SLACK, LIMIT, MOST = 0.5, 6.0, 3.0
"""Of the cumulative sum (Page 1954) in standard deviations of a day's loss: what a day may be worse for nothing, the sum that is an
alarm, and the most that one day counts, so that a feast alone is none. On independent days a false alarm comes about once in years."""
FEWEST_DAYS = 5
"""Of the test, for a mean and a spread of a day's loss."""
DAY_SCORED = 0.5

BINS = 10
PSI_LIMIT = 2.0
"""Of the population stability index. The customary 0.25 is for independent rows; of the four weeks after a training, half of those of
75 homes lie above 0.23, a tenth above 1.0 and two in a hundred above 1.8."""
PSI_DAYS, LEAST_PSI_DAYS = 28, 14
MORE_MISSING = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What a model was used to: its daily losses in the test, the values that it learned from."""

    loss_mean: float
    loss_spread: float
    """NaN where the test was too short to tell."""
    edges: tuple[float, ...]
    """Inner bounds of `BINS` equally frequent bins of the values."""
    missing: float
    """Share of the steps that were not measured."""

    def to_bytes(self) -> bytes:
        words = {"edges": self.edges, "missing": self.missing}
        if np.isfinite(self.loss_spread):
            words |= {"loss_mean": self.loss_mean, "loss_spread": self.loss_spread}
        return json.dumps(words).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Reference":
        """What `to_bytes` wrote; a store has checked that it is."""
        words = json.loads(data)
        return cls(
            loss_mean=words.get("loss_mean", float("nan")),
            loss_spread=words.get("loss_spread", float("nan")),
            edges=tuple(words["edges"]),
            missing=words["missing"],
        )


def reference_of(series: Series, *, until: int, daily_losses: Values) -> Reference:
    """From what was known at `until` and the test of a model that learned from it."""
    known = series.values[: int(series.known_at(np.array([until]))[0])]
    measured = known[np.isfinite(known)]
    enough = len(daily_losses) >= FEWEST_DAYS
    return Reference(
        loss_mean=float(daily_losses.mean()) if enough else float("nan"),
        loss_spread=float(daily_losses.std(ddof=1)) if enough else float("nan"),
        edges=tuple(float(edge) for edge in np.quantile(measured, np.arange(1, BINS) / BINS)),
        missing=1.0 - len(measured) / len(known),
    )


def daily(losses: Values, step: Indices, *, per_day: int) -> Values:
    """Means of the rows' losses by the day of their step, oldest first; days with few rows are left out."""
    if not len(losses):
        return losses
    _, place, count = np.unique(step // per_day, return_inverse=True, return_counts=True)
    means: Values = np.bincount(place, losses) / count
    whole: Values = means[count >= DAY_SCORED * count.max()]
    return whole


def alarms(reference: Reference, series: Series, *, since: int, now: int, daily_losses: Values) -> tuple[str, ...]:
    """Sentences on what has changed since the step at which the model's data ended; empty while nothing has."""
    found = (
        error_alarm(daily_losses, mean=reference.loss_mean, spread=reference.loss_spread),
        *_data_alarms(reference, series, since, now),
    )
    return tuple(sentence for sentence in found if sentence)


def error_alarm(daily_losses: Values, *, mean: float, spread: float) -> str | None:
    """An alarm where the cumulative sum of what days are worse than the test's stands beyond `LIMIT` on the newest day."""
    if not (np.isfinite(spread) and spread > 0):
        return None
    total = 0.0
    for loss in daily_losses:
        total = max(0.0, total + min((loss - mean) / spread, MOST) - SLACK)
    if total < LIMIT:
        return None
    recent = float(daily_losses[-7:].mean())
    return f"errors have grown: pinball {recent:.3g} a day in the last days against {mean:.3g} in the test"


def _data_alarms(reference: Reference, series: Series, since: int, now: int) -> Sequence[str | None]:
    known = int(series.known_at(np.array([now]))[0])
    recent = series.values[max(since, known - PSI_DAYS * series.per_day) : known]
    name = COLUMNS[series.target]
    if len(recent) < LEAST_PSI_DAYS * series.per_day:
        return ()
    missing = float(np.isnan(recent).mean())
    told = f"{100 * missing:.0f} % of {name} is missing since the training, {100 * reference.missing:.0f} % was in it"
    index = stability_index(recent[np.isfinite(recent)], np.array(reference.edges)) if series.target is Target.LOAD else 0.0
    moved = f"{name} is spread otherwise than in the training (population stability index {index:.1f})"
    return (told if missing > reference.missing + MORE_MISSING else None, moved if index > PSI_LIMIT else None)


def stability_index(values: Values, edges: NDArray[np.float64]) -> float:
    """Sum of (p - q) ln(p / q) over the bins, q being what is expected of each; 0 for no value. Half a value is added to every bin.

    Bins whose edges fall together, as for a meter of coarse steps, are one.
    """
    if not len(values):
        return 0.0
    bounds, first = np.unique(edges, return_index=True)
    at_most = np.append(first[1:], len(edges))
    expected = np.diff(np.concatenate([[0], at_most, [len(edges) + 1]]))
    counts = np.bincount(np.searchsorted(bounds, values, side="left"), minlength=len(bounds) + 1)
    shares = (counts + 0.5) / (counts.sum() + 0.5 * len(counts))
    wanted = expected / expected.sum()
    return float(((shares - wanted) * np.log(shares / wanted)).sum())
