"""The promotion gate: a model serves when it beats the best baseline and the model that serves now, on days neither had seen.

And the way back: a champion that turns out worse than its forerunner, or than the best baseline, gives way again.
"""

from collections.abc import Mapping
from dataclasses import dataclass

LEAST_CHAMPION_DAYS = 3.0
"""Days since the champion's training that decide between it and a challenger."""


LEAST_RETURN_DAYS = 7.0
"""Days since both were trained that decide between a champion and its forerunner or a baseline: a week has every weekday once."""
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
