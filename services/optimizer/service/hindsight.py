"""Plans as they would have been made in the past, and what forecasts would have cost by them."""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from services.optimizer.planning.engine import decide, guides
from services.optimizer.planning.problem import Array
from services.optimizer.planning.replay import Actuals, Guide, Rolling, daily_costs, replay
from services.optimizer.service.situation import Situation, horizon
from shared.domain.forecast import Forecast, Target
from shared.domain.site import Site
from shared.domain.tariff import Tariff
from shared.domain.time import Interval, TimeGrid
from shared.ports.bill_replay import NoMoneyError

TRIAL_STEP = timedelta(hours=1)
"""Of a trial at least: every run is judged on the same hours, and finer steps take many times as long."""
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hindsight:
    """Makes plans at steps of the past, each from what was known then."""

    situation: Situation
    site: Site
    tariff: Tariff
    actuals: Actuals
    issue_steps: Sequence[int]
    """Sorted; a plan covers the steps until the next one."""
    run: str
    time_limit_seconds: float
    on_plan: Callable[[int], None] = lambda _covered: None
    """Called with the number of steps that are covered once a plan is made."""

    def __call__(self, step: int, energy_kwh: float) -> Sequence[Guide]:
        now, battery = self.actuals.grid[step], self.actuals.battery
        soc = min(100.0, max(0.0, energy_kwh * 100.0 / battery.capacity_kwh))
        known = self.situation.expect(self.site, self.tariff, horizon(self.site, now), now=now, run=self.run, soc_percent=soc)
        decision = decide(known.problem, scenarios=known.scenarios, time_limit_seconds=self.time_limit_seconds)
        place = bisect_right(self.issue_steps, step)
        until = self.issue_steps[place] if place < len(self.issue_steps) else self.actuals.grid.count
        self.on_plan(until)
        return guides(decision, first=until - step)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """Forecasts as a source of the newest one; the run has no meaning here."""

    forecasts: Sequence[Forecast]

    def latest(self, *, site_id: str, target: Target, as_of: datetime | None = None, run: str = "live") -> Forecast | None:
        del run
        own = [
            each
            for each in self.forecasts
            if each.site_id == site_id and each.target is target and (as_of is None or each.issued_at <= as_of)
        ]
        return max(own, key=lambda each: each.issued_at, default=None)


def trial_costs(
    situation: Situation,
    site: Site,
    tariff: Tariff | None,
    *,
    interval: Interval,
    runs: Mapping[str, Sequence[Forecast]],
    time_limit_seconds: float,
) -> dict[str, Array]:
    """What planning by each run of forecasts would have cost on each whole day of the interval. Raises `NoMoneyError`."""
    days = interval.duration // DAY
    if site.battery is None:
        raise NoMoneyError("the site has no battery")
    if tariff is None:
        raise NoMoneyError("the site has no tariff")
    if not days:
        raise NoMoneyError("less than a day could be replayed")
    site = replace(site, resolution=max(site.resolution, TRIAL_STEP))
    grid = TimeGrid(start=interval.start, step=site.resolution, count=days * DAY // site.resolution)
    actuals, _ = situation.actuals(site, tariff, grid)
    _require_money(actuals)
    issued = sorted({forecast.issued_at for own in runs.values() for forecast in own if grid.start <= forecast.issued_at < grid.end})
    steps = sorted({grid.index_of(moment) for moment in issued})
    return {
        name: daily_costs(
            actuals,
            replay(
                actuals,
                Rolling(
                    actuals=actuals,
                    planner=Hindsight(
                        situation=situation.hearing(_Given(forecasts=own)),
                        site=site,
                        tariff=tariff,
                        actuals=actuals,
                        issue_steps=steps,
                        run=name,
                        time_limit_seconds=time_limit_seconds,
                    ),
                    issue_steps=frozenset(steps),
                ),
            ),
        )
        for name, own in runs.items()
    }


def _require_money(actuals: Actuals) -> None:
    known = actuals.known
    if not known.any():
        raise NoMoneyError("no load was measured on these days")
    prices = actuals.import_price_per_kwh[known], actuals.export_price_per_kwh[known]
    if actuals.demand is None and max(np.ptp(price) for price in prices) < 1e-9:
        raise NoMoneyError("its prices never change")
