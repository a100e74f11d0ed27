"""What is printed."""

from collections.abc import Mapping, Sequence

import numpy as np

from forecasting.cold import ColdStart
from forecasting.goals import Goal, Scores
from forecasting.price import PriceRow
from forecasting.rivals import Rival
from forecasting.scores import LEADS, Score, mean_of

FIGURES = ("mae", "nmae", "mase", "pinball")


def print_scores(title: str, scores: Scores, rivals: Mapping[str, Rival], *, unit: str) -> None:
    """Means over all sites, then MAE by place, then by lead."""
    print(f"\n{title}")
    print(f"{'':<34}{'MAE ' + unit:>9}{'nMAE':>8}{'MASE':>8}{'pinball':>9}   80 % band holds: mean, least, most{'width ' + unit:>10}")
    for name, own in scores.items():
        mae, nmae, mase, loss = (mean_of(own, figure) for figure in FIGURES)
        with_band = name not in rivals or rivals[name].has_band
        held = np.array([score.coverage for score in own])
        band = f"{held.mean():>20.1%}{held.min():>8.1%}{held.max():>8.1%}{mean_of(own, 'width'):>10.3f}" if with_band else f"{'-':>20}"
        print(f"{name:<34}{mae:>9.4f}{nmae:>8.3f}{mase:>8.3f}{f'{loss:.4f}' if with_band else '-':>9}{band}")
    first = next(iter(scores.values()))
    places = list(dict.fromkeys(score.place for score in first))
    counts = [sum(score.place == place for score in first) for place in places]
    _print_parts(scores, f"MAE {unit} by place", [f"{place} ({count})" for place, count in zip(places, counts, strict=True)], {
        name: [mean_of([score for score in own if score.place == place], "mae") for place in places] for name, own in scores.items()
    })  # fmt: skip
    reached = [number for number in range(len(LEADS)) if np.isfinite(first[0].mae_by_lead[number])]
    _print_parts(scores, f"MAE {unit} by lead", [f"{LEADS[number][0]}-{LEADS[number][1]} h" for number in reached], {
        name: [_mean_by_lead(own, number) for number in reached] for name, own in scores.items()
    })  # fmt: skip


def print_goals(goals: Sequence[Goal]) -> None:
    for goal in goals:
        bounds = f"{goal.least:g} .. {goal.most:g}" if np.isfinite(goal.least) else f"<= {goal.most:g}"
        print(f"{'pass' if goal.met else 'MISS':<6}{goal.value:>8.3f}  ({bounds})  {goal.text}")


def print_cold(starts: Sequence[ColdStart]) -> None:
    print(f"\nCold start: the first 7 days of {len(starts)} homes, each left out of what was learned from")
    print(f"{'':<20}{'homes':>6}{'ours, MAE kW':>14}{'profile of the others':>23}{'ratio':>8}")
    places = [*dict.fromkeys(start.place for start in starts), "all"]
    for place in places:
        own = [start for start in starts if place in ("all", start.place)]
        ours, profile = (float(np.mean([getattr(start, name) for start in own])) for name in ("ours", "profile"))
        print(f"{place:<20}{len(own):>6}{ours:>14.4f}{profile:>23.4f}{ours / profile:>8.3f}")
    days = np.median([start.by_day for start in starts], axis=0)
    print("ratio of the middle home, day by day: " + " ".join(f"{value:.3f}" for value in days))


def print_prices(rows: Sequence[PriceRow]) -> None:
    """By market; the currency's thousandths, so that digits are left."""
    for market in dict.fromkeys(row.market for row in rows):
        print(f"\nPrice, day ahead, with {market}")
        print(f"{'':<34}{'MAE per MWh':>12}{'to last week':>14}{'pinball':>9}{'80 % band':>11}")
        for row in rows:
            if row.market == market:
                band = f"{1000 * row.pinball:>9.3f}{row.coverage:>11.1%}" if np.isfinite(row.coverage) else ""
                print(f"{row.method:<34}{1000 * row.mae:>12.3f}{row.relative_mae:>14.3f}{band}")


def _print_parts(scores: Scores, title: str, heads: Sequence[str], values: Mapping[str, Sequence[float]]) -> None:
    print(f"{title:<34}" + "".join(f"{head:>15}" for head in heads))
    for name in scores:
        print(f"{name:<34}" + "".join(f"{value:>15.4f}" for value in values[name]))


def _mean_by_lead(scores: Sequence[Score], number: int) -> float:
    return float(np.nanmean([score.mae_by_lead[number] for score in scores]))
