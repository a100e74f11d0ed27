"""What ours must reach against the rivals of the same run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.price import MARKETS, PriceRow
from forecasting.rivals import CLEARNESS, GROUPS, LIGHTGBM, NEAREST, PLAIN, RIDGE
from forecasting.scores import Score, mean_of

OURS = "ours"
LEAR, PUBLISHED = "LEAR, mean of windows", MARKETS[0].title
Scores = Mapping[str, Sequence[Score]]
"""By method, in the same order of sites."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A figure that must lie in `[least, most]`."""

    text: str
    value: float
    most: float
    least: float = -np.inf

    @property
    def met(self) -> bool:
        return bool(self.least <= self.value <= self.most)


def load_goals(scores: Scores) -> list[Goal]:
    """Those whose rival took part."""
    against = {PLAIN: 0.93, RIDGE: 0.87, LIGHTGBM: 0.83, **dict.fromkeys(NEAREST, 0.65)}
    goals = [_ratio(scores, name, "mae", most) for name, most in against.items() if name in scores]
    if PLAIN in scores:
        goals.append(_ratio(scores, PLAIN, "pinball", 0.93))
    goals += _band(scores)
    return [*goals, _worst(scores, baselines("load"), 1.01)]


def solar_goals(scores: Scores) -> list[Goal]:
    return [_ratio(scores, CLEARNESS, "mae", 0.96), _worst(scores, [CLEARNESS], 1.0), *_band(scores)]


def plant_goals(scores: Scores) -> list[Goal]:
    return [_ratio(scores, PLAIN, "mae", 0.93), *_band(scores)]


def price_goals(rows: Sequence[PriceRow]) -> list[Goal]:
    """Against the autoregression, wherever it took part with forecasts that were published."""
    error = {row.method: row.mae for row in rows if row.market == PUBLISHED}
    return [Goal(text=f"price MAE, ours / {LEAR}", value=error[OURS] / error[LEAR], most=1.0)] if LEAR in error else []


GOALS: Mapping[str, Callable[[Scores], list[Goal]]] = {"load": load_goals, "solar": solar_goals, "plants": plant_goals}


def baselines(group: str) -> list[str]:
    """Of which the best at each home is what ours must not lose to there."""
    return [name for name, rival in GROUPS[group].items() if rival.is_baseline]


def _ratio(scores: Scores, rival: str, figure: str, most: float) -> Goal:
    value = mean_of(scores[OURS], figure) / mean_of(scores[rival], figure)
    return Goal(text=f"mean {figure.upper() if figure == 'mae' else figure}, ours / {rival}", value=value, most=most)


def _worst(scores: Scores, names: Sequence[str], most: float) -> Goal:
    best = np.min([[own.mae for own in scores[name]] for name in names if name in scores], axis=0)
    ratios = np.array([own.mae for own in scores[OURS]]) / best
    worst = int(np.argmax(ratios))
    site = scores[OURS][worst].site
    what = f"the best of {len(names)} baselines there" if len(names) > 1 else names[0]
    return Goal(
        text=f"MAE of the worst site ({site}; {int((ratios > most).sum())} miss), ours / {what}", value=float(ratios[worst]), most=most
    )


def _band(scores: Scores) -> list[Goal]:
    held = np.array([own.coverage for own in scores[OURS]])
    return [
        Goal(text="80 % band holds, mean of sites", value=float(held.mean()), least=0.78, most=0.82),
        Goal(text="80 % band holds, least of all sites", value=float(held.min()), least=0.75, most=0.85),
        Goal(text="80 % band holds, most of all sites", value=float(held.max()), least=0.75, most=0.85),
    ]
