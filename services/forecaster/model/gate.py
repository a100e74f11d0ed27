"""The promotion gate: a model serves when it beats the best baseline and the model that serves now, on days neither had seen,
and when planning by it costs the site no more.

And the way back: a champion that turns out worse than its forerunner, or than the best baseline, gives way again.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from services.forecaster.model.series import Values

LEAST_CHAMPION_DAYS = 3.0
"""Days since the champion's training that decide between it and a challenger."""


LEAST_RETURN_DAYS = 7.0
"""Days since both were trained that decide between a champion and its forerunner or a baseline: a week has every weekday once."""
BILL_TOLERANCE = 0.001
"""Of the bill: less than this is no reason to refuse a better forecast."""
BILL_DEVIATIONS = 1.645
"""Standard deviations of the days' differences, one in twenty by chance."""
RETURN_MARGIN = 1.02
"""How much worse than them a champion must be: the best baseline is chosen on the very days, and no week is like the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Duel:
    """Pinball losses of challenger and champion on the same rows, all issued after the champion's data ended."""

    challenger_loss: float
    champion_loss: float
    days: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether the challenger serves from now on, and why in one sentence."""

    promoted: bool
    reason: str


def decide(*, loss: float, baseline_losses: Mapping[str, float], duel: Duel | None) -> Verdict:
    """`duel` is None where no champion can serve. Every loss is a mean pinball loss on the rolling-origin test."""
    best = min(baseline_losses, key=lambda name: baseline_losses[name])
    against = baseline_losses[best]
    if not loss < against:
        return Verdict(promoted=False, reason=f"not better than {best}: pinball {loss:.4g} against {against:.4g}")
    better = f"better than {best}: pinball {loss:.4g} against {against:.4g}"
    if duel is None:
        return Verdict(promoted=True, reason=better)
    if duel.days < LEAST_CHAMPION_DAYS:
        reason = f"the champion is too fresh to be judged: {duel.days:.1f} of {LEAST_CHAMPION_DAYS:g} days since its training"
        return Verdict(promoted=False, reason=reason)
    if not duel.challenger_loss < duel.champion_loss:
        reason = f"not better than the champion since its training: pinball {duel.challenger_loss:.4g} against {duel.champion_loss:.4g}"
        return Verdict(promoted=False, reason=reason)
    return Verdict(promoted=True, reason=f"{better}, and than the champion")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bills:
    """What planning by challenger and incumbent would have cost on each of the same days, shape (days,)."""

    challenger: Values
    incumbent: Values
    incumbent_name: str

    @property
    def saving(self) -> float:
        """What the challenger saves, over the magnitude of the incumbent's days: a bill itself may be nothing or earn."""
        magnitude = float(np.abs(self.incumbent).sum())
        return float((self.incumbent - self.challenger).sum()) / magnitude if magnitude > 0 else 0.0


def afford(verdict: Verdict, bills: Bills) -> Verdict:
    """The verdict in money: who would be promoted is not where the site pays more for it, beyond tolerance and chance."""
    own, other, days = float(bills.challenger.sum()), float(bills.incumbent.sum()), len(bills.challenger)
    told = f"the bill of {days} days is {own:.2f} by it and {other:.2f} by {bills.incumbent_name}"
    more = bills.challenger - bills.incumbent
    chance = BILL_DEVIATIONS * float(more.std(ddof=1)) * np.sqrt(days)
    if more.sum() > max(BILL_TOLERANCE * float(np.abs(bills.incumbent).sum()), chance):
        return Verdict(promoted=False, reason=f"{verdict.reason}; but it costs money: {told}")
    return Verdict(promoted=verdict.promoted, reason=f"{verdict.reason}; {told}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Pinball losses of a champion and of what could stand in for it, on the same rows that none of them had seen."""

    champion_loss: float
    baseline_losses: Mapping[str, float]
    previous_loss: float | None
    """Of the model before it; None where there is none that can serve."""
    days: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """The champion gives way."""

    to_previous: bool
    """Else to the best baseline."""
    reason: str


def step_back(record: Record) -> Return | None:
    """None while the champion is as good as it should be, or was not watched for long enough."""
    if record.days < LEAST_RETURN_DAYS:
        return None
    best = min(record.baseline_losses, key=lambda name: record.baseline_losses[name])
    baseline_loss, previous_loss = record.baseline_losses[best], record.previous_loss
    if previous_loss is not None and previous_loss <= baseline_loss and record.champion_loss > RETURN_MARGIN * previous_loss:
        reason = f"the one after it did worse on {record.days:.0f} days: pinball {record.champion_loss:.4g} against {previous_loss:.4g}"
        return Return(to_previous=True, reason=reason)
    if record.champion_loss > RETURN_MARGIN * baseline_loss:
        reason = (
            f"the model did worse than {best} on {record.days:.0f} days: pinball {record.champion_loss:.4g} against {baseline_loss:.4g}"
        )
        return Return(to_previous=False, reason=reason)
    return None
