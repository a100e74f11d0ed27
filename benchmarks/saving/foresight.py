"""What a planner sees of the next 48 hours: forecasts and published prices, or what really comes."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from saving.forecasts import HORIZON, Issued
from saving.homes import Home
from services.optimizer.planning.expectation import mean_of, scenarios
from services.optimizer.planning.problem import Array, Problem
from services.optimizer.planning.value import Scenarios
from shared.domain.site import BatterySpec
from shared.domain.time import TimeGrid

BATTERY = BatterySpec(
    capacity_kwh=13.5, max_charge_rate_kw=5.0, max_discharge_rate_kw=5.0, charge_efficiency=0.9**0.5, discharge_efficiency=0.9**0.5,
    min_soc_percent=0.0, max_soc_percent=100.0, wear_cost_per_kwh=0.01,
)  # fmt: skip
PUBLISHED_AT = 13
"""Local hour from which the prices of the next day are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A problem as it stands at the beginning of a step."""

    problem: Problem
    scenarios: Scenarios
    steps: NDArray[np.int64]
    """Of the home's grid, one for each of the problem."""


class Sight(Protocol):
    """What is seen at the beginning of a step with so much energy in the battery."""

    def __call__(self, step: int, energy_kwh: float) -> Seen: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """Prices of a tariff as they become known."""

    home: Home
    tariff: str
    buy: Array
    sell: Array
    published: NDArray[np.int64]
    """Before which step prices are known at each step, shape (steps,)."""

    @classmethod
    def of(cls, home: Home, tariff: str) -> "Market":
        buy, sell = home.prices(tariff)
        published = np.full(home.grid.count, home.grid.count) if home.is_fixed(tariff) else known_until(home.local(), home.grid.step)
        return cls(home=home, tariff=tariff, buy=buy, sell=sell, published=published)

    def ahead(self, step: int, count: int) -> tuple[Array, Array]:
        """Of buying and of selling as they can be known: published ones, then the last day of them over again."""
        known = min(int(self.published[step]), self.home.grid.count)
        return self._repeated(self.buy, step, known, count), self._repeated(self.sell, step, known, count)

    def _repeated(self, prices: Array, step: int, known: int, count: int) -> Array:
        wanted = np.arange(step, step + count)
        days_back = np.maximum(0, (wanted - known) // self.home.per_day + 1)
        repeated: Array = prices[wanted - days_back * self.home.per_day]
        return repeated


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """The newest forecasts, and prices as far as they are published."""

    market: Market
    load: Issued
    solar: Issued | None
    """None for a home without an array."""

    def __call__(self, step: int, energy_kwh: float) -> Seen:
        load, solar = self.load.at(step), self.solar.at(step) if self.solar else None
        load_kw = mean_of(load)
        solar_kw = mean_of(solar) if solar else np.zeros(load.grid.count)
        buy, sell = self.market.ahead(step, load.grid.count)
        return Seen(
            problem=_problem(load.grid, (load_kw, solar_kw), (buy, sell), energy_kwh),
            scenarios=scenarios(load, solar, load_kw=load_kw, solar_kw=solar_kw, grid=load.grid),
            steps=np.arange(step, step + load.grid.count),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What really comes, prices too; steps without data are left out of time, as they are of bills."""

    market: Market
    measured: NDArray[np.int64]
    """Steps with data."""

    @classmethod
    def of(cls, market: Market) -> "Known":
        home = market.home
        return cls(market=market, measured=np.flatnonzero(np.isfinite(home.load_kw + home.solar_kw + market.buy + market.sell)))

    def __call__(self, step: int, energy_kwh: float) -> Seen:
        home, first = self.market.home, int(np.searchsorted(self.measured, step))
        steps = self.measured[first : first + HORIZON // home.grid.step]
        grid = TimeGrid(start=home.grid[step], step=home.grid.step, count=len(steps))
        power, prices = (home.load_kw[steps], home.solar_kw[steps]), (self.market.buy[steps], self.market.sell[steps])
        problem = _problem(grid, power, prices, energy_kwh)
        return Seen(problem=problem, scenarios=Scenarios.single(problem), steps=steps)


def known_until(local: pd.DatetimeIndex, step: timedelta) -> NDArray[np.int64]:
    """Before which step day-ahead prices are known at each step: to the end of the day, from `PUBLISHED_AT` to the end of the next."""
    days = np.where(local.hour >= PUBLISHED_AT, 2, 1)
    ends = pd.DatetimeIndex([day + pd.DateOffset(days=int(more)) for day, more in zip(local.normalize(), days, strict=True)])
    until: NDArray[np.int64] = np.arange(len(local)) + np.asarray((ends - local) // pd.Timedelta(step), dtype=np.int64)
    return until


def _problem(grid: TimeGrid, load_and_solar_kw: tuple[Array, Array], prices: tuple[Array, Array], energy_kwh: float) -> Problem:
    load_kw, solar_kw = load_and_solar_kw
    buy, sell = prices
    return Problem.with_defaults(
        grid=grid,
        load_kw=load_kw,
        solar_kw=solar_kw,
        import_price_per_kwh=buy,
        export_price_per_kwh=sell,
        battery=BATTERY,
        initial_soc_percent=min(100.0, max(0.0, energy_kwh * 100.0 / BATTERY.capacity_kwh)),
    )
