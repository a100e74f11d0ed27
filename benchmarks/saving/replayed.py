"""Policies on what really happened: their bills, and what foresight would have saved more."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from saving.foresight import BATTERY, Known, Market, Sight
from services.optimizer.planning.backtest import perfect_foresight_bill, rule_bills
from services.optimizer.planning.engine import Decision, decide, guides
from services.optimizer.planning.problem import Array, default_terminal_value_per_kwh
from services.optimizer.planning.replay import Actuals, Guide, Rolling, bill, daily_costs, replay, self_consumption
from shared.domain.time import TimeGrid

Advance = Callable[[], None]
"""Called after every plan."""
INITIAL_SOC_PERCENT = 50.0
PART_DAYS = 28
"""In a shorter part what is left in the battery at its end would count for too much."""
NONE, SELF, TIMER, PLANNED, FORESIGHT = "no_battery", "self_consumption", "time_of_use_timer", "planned", "perfect_foresight"
SET_POINTS, KNOWING = "planned_set_points", "planned_knowing"
"""Hourly plans followed blindly, and hourly plans that know what comes, executed by value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A home under a tariff; money in its currency, energy left in the battery counted."""

    totals: dict[str, float]
    """By policy, wear included."""
    beyond_rule: dict[str, float]
    """By month, what planning saved more than self-consumption."""
    coverage: float
    """Share of the steps with data."""
    days: float

    def share(self, policy: str) -> float:
        """Of the saving that perfect foresight has over no battery."""
        possible = self.totals[NONE] - self.totals[FORESIGHT]
        return (self.totals[NONE] - self.totals[policy]) / possible

    @property
    def planning_regret(self) -> float:
        """The share that is lost although the plans know what comes, hour by hour."""
        return 1.0 - self.share(KNOWING)

    @property
    def forecast_regret(self) -> float:
        """The share that is lost because they do not."""
        return self.share(KNOWING) - self.share(PLANNED)

    @property
    def worst_month(self) -> tuple[str, float]:
        return min(self.beyond_rule.items(), key=lambda each: each[1])


def parts(first: int, count: int, *, per_day: int, days: int | None) -> list[slice]:
    """All steps from the first on in whole days, or about so many days in parts that are evenly spread over them."""
    whole = (count - first) // per_day
    if days is None or days >= whole:
        return [slice(first, first + whole * per_day)]
    number, length = max(1, days // PART_DAYS), min(days, PART_DAYS)
    begins = ((np.arange(number) + 0.5) * whole / number - length / 2).astype(int)
    return [slice(first + int(at) * per_day, first + int(at + length) * per_day) for at in begins]


def outcome(market: Market, sight: Sight, chosen: Sequence[slice], *, advance: Advance) -> Outcome:
    """Every policy on every part of the time, each begun with a battery that is half full."""
    totals, beyond, known = Counter[str](), Counter[str](), 0
    knowing = Known.of(market)
    for part in chosen:
        actuals = actuals_of(market, part)
        by_value = Hourly(sight=sight, first=part.start, every=market.home.per_day // 24, advance=advance)
        knowingly = Hourly(sight=knowing, first=part.start, every=by_value.every, advance=advance)
        planned = replay(actuals, by_value.rolling(actuals))
        bills = [
            *rule_bills(actuals, timezone=market.home.place.timezone),
            perfect_foresight_bill(actuals),
            bill(actuals, planned, policy=PLANNED),
            bill(actuals, replay(actuals, by_value.blindly), policy=SET_POINTS),
            bill(actuals, replay(actuals, knowingly.rolling(actuals)), policy=KNOWING),
        ]
        totals.update({each.policy: each.total for each in bills})
        saved = daily_costs(actuals, replay(actuals, self_consumption(actuals))) - daily_costs(actuals, planned)
        noons = market.home.local()[part][market.home.per_day // 2 :: market.home.per_day]
        for noon, money in zip(noons, saved, strict=True):
            beyond[f"{noon:%Y-%m}"] += money
        known += int(actuals.known.sum())
    steps = sum(part.stop - part.start for part in chosen)
    return Outcome(totals=dict(totals), beyond_rule=dict(beyond), coverage=known / steps, days=steps / market.home.per_day)


def actuals_of(market: Market, part: slice) -> Actuals:
    """What happened in a part; the prices of its last two days say what is left in the battery is worth."""
    home = market.home
    tail = slice(max(part.start, part.stop - 2 * home.per_day), part.stop)
    return Actuals(
        grid=TimeGrid(start=home.grid[part.start], step=home.grid.step, count=part.stop - part.start),
        load_kw=home.load_kw[part], solar_kw=home.solar_kw[part],
        import_price_per_kwh=market.buy[part], export_price_per_kwh=market.sell[part],
        battery=BATTERY, initial_soc_percent=INITIAL_SOC_PERCENT,
        stored_value_per_kwh=default_terminal_value_per_kwh(BATTERY, market.buy[tail], market.sell[tail]),
    )  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Hourly:
    """Plans made anew so often; steps count from the first of a part."""

    sight: Sight
    first: int
    every: int
    advance: Advance
    issued: int = -1
    powers: Array = field(default_factory=lambda: np.empty(0))
    """Of the newest plan that is followed blindly, and its step."""

    def rolling(self, actuals: Actuals) -> Rolling:
        """Executed by the value of a stored kWh."""
        return Rolling(actuals=actuals, planner=self.guides, issue_steps=frozenset(range(0, actuals.grid.count, self.every)))

    def guides(self, step: int, energy_kwh: float) -> list[Guide]:
        """What a gateway needs until the next plan."""
        decision, places = self._planned(step, energy_kwh)
        found = guides(decision, first=int(places[-1]) + 1)
        return [found[place] for place in places]

    def blindly(self, step: int, energy_kwh: float) -> float:
        """The planned power, whatever is measured."""
        begun, at = step - step % self.every, step % self.every
        if begun != self.issued:
            decision, places = self._planned(begun, energy_kwh)
            self.issued, self.powers = begun, (decision.solution.charge_kw - decision.solution.discharge_kw)[places]
        return float(self.powers[at])

    def _planned(self, step: int, energy_kwh: float) -> tuple[Decision, NDArray[np.int64]]:
        """A plan, and where in it the steps until the next one stand; a missing one stands where the one after it does."""
        seen = self.sight(self.first + step, energy_kwh)
        self.advance()
        wanted = self.first + step + np.arange(self.every)
        places = np.minimum(np.searchsorted(seen.steps, wanted), len(seen.steps) - 1)
        return decide(seen.problem, scenarios=seen.scenarios), places
