"""The promotion gate: a model serves when it beats the best baseline and the model that serves now, on days neither had seen."""

from collections.abc import Mapping
from dataclasses import dataclass

LEAST_CHAMPION_DAYS = 3.0
"""Days since the champion's training that decide between it and a challenger."""


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
