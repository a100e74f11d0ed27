"""What is known of a site at a moment, from stores: the problem that a plan answers, and what happened when it is past.

Nothing here fails for want of data: each substitution is a sentence.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

import numpy as np
import pandas as pd

from services.optimizer.planning import expectation
from services.optimizer.planning.demand import demand_terms, month_start
from services.optimizer.planning.problem import NO_BATTERY, Array, DemandTerms, Problem, default_terminal_value_per_kwh
from services.optimizer.planning.replay import Actuals
from services.optimizer.planning.value import Scenarios
from shared.domain.errors import InvalidValueError
from shared.domain.forecast import Forecast, Target
from shared.domain.schedule import Schedule
from shared.domain.site import Site
from shared.domain.tariff import Tariff, hold_series
from shared.domain.time import Instants, Interval, TimeGrid, ceil_to, floor_to, zone
from shared.ports.holiday_calendar import HolidayCalendar
from shared.ports.price_store import PriceStore
from shared.ports.reading_store import ReadingStore

HORIZON = timedelta(hours=48)
RECENT = timedelta(days=7)
"""What fallbacks learn from."""
SOC_FRESH_FOR = timedelta(hours=1)
ASSUMED_SOC_PERCENT = 50.0
_TICK = timedelta(microseconds=1)
_LONGEST_HOLD = timedelta(hours=1)
"""How long a price holds without a successor."""
ASSUMED_IMPORT_PRICE, ASSUMED_EXPORT_PRICE = 0.30, 0.0
"""Without any price: a sale earns nothing and a purchase costs, which makes a plan of self-consumption."""


class NewestForecast(Protocol):
    """What is asked of a `ForecastStore` here."""

    def latest(self, *, site_id: str, target: Target, as_of: datetime | None = None, run: str = "live") -> Forecast | None:
        """The newest issued at or before `as_of` (None: the newest of all)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A problem with what it was made of."""

    problem: Problem
    scenarios: Scenarios
    degraded: tuple[str, ...]
    forecast_ids: tuple[str, ...]


class Situation:
    """Reads the stores for a planner."""

    def __init__(self, *, prices: PriceStore, readings: ReadingStore, forecasts: NewestForecast, holidays: HolidayCalendar) -> None:
        self._prices = prices
        self._readings = readings
        self._forecasts = forecasts
        self._holidays = holidays

    def hearing(self, forecasts: NewestForecast) -> "Situation":
        """The same stores with forecasts from elsewhere."""
        return Situation(prices=self._prices, readings=self._readings, forecasts=forecasts, holidays=self._holidays)

    def state_of_charge(self, site: Site, *, now: datetime, previous: Schedule | None) -> tuple[float, tuple[str, ...]]:
        """Percent, and what was assumed: the newest measurement, else what the last plan expected, else half full."""
        if site.battery is None:
            return 0.0, ()
        rows = self._readings.read(
            site_id=site.site_id, interval=Interval(start=now - RECENT, end=now + _TICK), columns=["battery_soc_percent"]
        )
        rows = rows[rows["battery_soc_percent"].between(0.0, 100.0)]
        if len(rows):
            newest = rows.iloc[-1]
            age = now - newest["timestamp"].to_pydatetime()
            percent = float(newest["battery_soc_percent"])
            if age <= max(SOC_FRESH_FOR, 2 * site.resolution):
                return percent, ()
            return percent, (f"the newest state of charge, {percent:.0f} %, was measured {_hours(age)} before the plan",)
        if previous is not None and (slot := previous.slot_at(now)) is not None:
            return slot.soc_percent, (f"no state of charge was measured: {slot.soc_percent:.0f} % is what the last plan expected",)
        return ASSUMED_SOC_PERCENT, (f"no state of charge was measured: {ASSUMED_SOC_PERCENT:.0f} % is assumed",)

    def expect(self, site: Site, tariff: Tariff, grid: TimeGrid, *, now: datetime, run: str, soc_percent: float) -> Expected:
        """The problem as it stands at a moment: only what was known then."""
        load = self._forecasts.latest(site_id=site.site_id, target=Target.LOAD, as_of=now, run=run)
        solar = self._forecasts.latest(site_id=site.site_id, target=Target.SOLAR, as_of=now, run=run) if site.solar is not None else None
        past = TimeGrid.over(Interval(start=floor_to(now - RECENT, site.resolution), end=floor_to(now, site.resolution)), site.resolution)
        load_past, solar_past = self._measured(site, past)
        load_kw, about_load = expectation.expected("load", load, load_past, past, grid, now=now, otherwise_kw=expectation.ASSUMED_LOAD_KW)
        solar_kw, about_solar = np.zeros(grid.count), tuple[str, ...]()
        if site.solar is not None:
            solar_kw, about_solar = expectation.expected("solar", solar, solar_past, past, grid, now=now, otherwise_kw=0.0)
            if expectation.is_dark_by_failure(solar_kw, solar_past, grid):
                solar_kw, _ = expectation.expected("solar", None, solar_past, past, grid, now=now, otherwise_kw=0.0)
                solar, about_solar = None, (*about_solar, "the solar forecast is zero throughout: the mean of recent days stands in")
        buy, sell, about_prices = self._prices_ahead(site, tariff, grid, now=now, run=run)
        problem = Problem.with_defaults(
            grid=grid,
            currency=tariff.currency,
            load_kw=load_kw,
            solar_kw=solar_kw,
            import_price_per_kwh=buy,
            export_price_per_kwh=sell,
            battery=site.battery or NO_BATTERY,
            initial_soc_percent=soc_percent,
            limits=site.grid,
            demand=self._demand(site, tariff, grid),
        )
        return Expected(
            problem=problem,
            scenarios=expectation.scenarios(load, solar, load_kw=load_kw, solar_kw=solar_kw, grid=grid),
            degraded=(*about_load, *about_solar, *about_prices),
            forecast_ids=tuple(forecast.forecast_id for forecast in (load, solar) if forecast is not None),
        )

    def _prices_ahead(self, site: Site, tariff: Tariff, grid: TimeGrid, *, now: datetime, run: str) -> tuple[Array, Array, tuple[str, ...]]:
        """Import and export prices as they can be known: published, then forecast, then as the day before, then assumed."""
        said: list[str] = []
        forecast = self._forecasts.latest(site_id=site.site_id, target=Target.PRICE, as_of=now, run=run) if tariff.series_ids else None
        back = max(1, timedelta(days=1) // grid.step)
        wide = TimeGrid(start=grid.start - RECENT, step=grid.step, count=grid.count + RECENT // grid.step)

        def series(series_id: str) -> Array:
            values = self._published(series_id, wide, as_of=now)
            ahead = values[-grid.count :]
            if not np.isfinite(ahead[: min(back, grid.count)]).any():
                said.append(f"no price of series {series_id!r} is published for the time ahead: forecasts or the last known day stand in")
            if forecast is not None:
                predicted = expectation.on_grid(expectation.mean_of(forecast), forecast.grid, grid)
                values[-grid.count :] = np.where(np.isfinite(ahead), ahead, predicted)
            return expectation.repeat_last_day(values, wide)[-grid.count :]

        holidays = self._holiday_dates(tariff, grid.interval)
        buy = tariff.import_prices(grid, series=series, holidays=holidays)
        sell = tariff.export_prices(grid, series=series, holidays=holidays)
        if not np.isfinite(buy).all() or not np.isfinite(sell).all():
            said = ["no prices are known at all: the plan assumes that buying costs and selling earns nothing"]
            buy = np.where(np.isfinite(buy), buy, ASSUMED_IMPORT_PRICE)
            sell = np.where(np.isfinite(sell), sell, ASSUMED_EXPORT_PRICE)
        return buy, sell, tuple(dict.fromkeys(said))

    def actuals(self, site: Site, tariff: Tariff, grid: TimeGrid) -> tuple[Actuals, list[str]]:
        """What happened, with the prices that were really in force."""
        if site.battery is None or not grid.count:
            raise InvalidValueError("replayed steps", grid.count, "must be above 0; import readings first")
        load, solar = self._measured(site, grid)
        holidays = self._holiday_dates(tariff, grid.interval)
        buy = tariff.import_prices(grid, series=lambda series_id: self._published(series_id, grid), holidays=holidays)
        sell = tariff.export_prices(grid, series=lambda series_id: self._published(series_id, grid), holidays=holidays)
        notes = [f"every policy starts at {ASSUMED_SOC_PERCENT:.0f} % of charge; steps without data are skipped by all of them"]
        known = np.isfinite(buy + sell)
        tail = max(1, HORIZON // grid.step)
        value = default_terminal_value_per_kwh(site.battery, buy[known][-tail:], sell[known][-tail:]) if known.any() else 0.0
        return (
            Actuals(
                grid=grid,
                load_kw=load,
                solar_kw=solar,
                import_price_per_kwh=buy,
                export_price_per_kwh=sell,
                battery=site.battery,
                initial_soc_percent=ASSUMED_SOC_PERCENT,
                stored_value_per_kwh=value,
                demand=self._demand(site, tariff, grid),
            ),
            notes,
        )

    def replay_grid(self, site: Site, *, now: datetime, days: int) -> TimeGrid:
        """Whole steps of the last days, as far back as there are readings."""
        extent = self._readings.extent(site_id=site.site_id)
        end = floor_to(now, site.resolution)
        start = end - timedelta(days=days)
        if extent is not None:
            start = max(start, ceil_to(extent[0].start, site.resolution))
        return TimeGrid.over(Interval(start=min(start, end), end=end), site.resolution)

    def _demand(self, site: Site, tariff: Tariff, grid: TimeGrid) -> DemandTerms | None:
        """The demand charge over a grid, with what the first billing month has reached already."""
        charge = tariff.demand_charge
        if charge is None or charge.price_per_kw == 0.0:
            return None
        month = Interval(start=month_start(grid.start, zone(tariff.timezone)), end=grid.start)
        return demand_terms(charge, grid, timezone=tariff.timezone, incumbent_kw=self._peak_kw(site, month, charge.averaging))

    def _peak_kw(self, site: Site, interval: Interval, averaging: timedelta) -> float:
        rows = self._readings.read(site_id=site.site_id, interval=interval, columns=["net_grid_flow_kw"])
        bought = rows["net_grid_flow_kw"].to_numpy(dtype=np.float64).clip(min=0.0)
        means = expectation.step_means(_instants(rows), bought, TimeGrid.over(interval, averaging))
        return float(np.nanmax(means)) if np.isfinite(means).any() else 0.0

    def _measured(self, site: Site, grid: TimeGrid) -> tuple[Array, Array]:
        """Measured load and solar on a grid; NaN where nothing was measured; a site without an array has none."""
        rows = self._readings.read(site_id=site.site_id, interval=grid.interval, columns=["total_load_kw", "solar_generation_kw"])
        instants = _instants(rows)
        load = expectation.step_means(instants, rows["total_load_kw"].to_numpy(dtype=np.float64), grid)
        solar = expectation.step_means(instants, rows["solar_generation_kw"].to_numpy(dtype=np.float64), grid)
        return load, solar if site.solar is not None else np.where(np.isfinite(load), 0.0, np.nan)

    def _published(self, series_id: str, grid: TimeGrid, *, as_of: datetime | None = None) -> Array:
        """A price series on a grid as it was known at a moment, NaN where it was not."""
        around = Interval(start=grid.start - _LONGEST_HOLD, end=grid.end)
        rows = self._prices.read(series_id=series_id, interval=around, as_of=as_of)
        return hold_series(_instants(rows), rows["price_per_kwh"].to_numpy(dtype=np.float64), grid)

    def _holiday_dates(self, tariff: Tariff, interval: Interval) -> frozenset[date]:
        if tariff.holiday_calendar is None:
            return frozenset()
        tz = zone(tariff.timezone)
        return self._holidays.dates(
            tariff.holiday_calendar, first=interval.start.astimezone(tz).date(), last=interval.end.astimezone(tz).date()
        )


def horizon(site: Site, start: datetime) -> TimeGrid:
    """48 hours in the steps of the site."""
    return TimeGrid(start=start, step=site.resolution, count=HORIZON // site.resolution)


def _instants(rows: pd.DataFrame) -> Instants:
    """The timestamps of a frame as naive UTC."""
    instants: Instants = rows["timestamp"].dt.tz_convert(None).to_numpy(dtype="datetime64[us]")
    return instants


def _hours(age: timedelta) -> str:
    hours = age.total_seconds() / 3600.0
    return f"{hours:.0f} h" if hours >= 1 else f"{age.total_seconds() / 60:.0f} min"
