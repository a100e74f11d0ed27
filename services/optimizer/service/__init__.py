"""The use cases of planning: plan a site, answer a problem, find stale schedules, replay policies on what happened."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from services.optimizer.planning import backtest
from services.optimizer.planning.engine import TIME_LIMIT_SECONDS
from services.optimizer.planning.plan import make_plan, schedule
from services.optimizer.planning.problem import NO_BATTERY, Array, Objective, Problem
from services.optimizer.service.hindsight import Hindsight, trial_costs
from services.optimizer.service.situation import ASSUMED_SOC_PERCENT, Situation, horizon
from shared.contracts.optimization import PlanDocument, ProblemDocument
from shared.domain.errors import InvalidValueError
from shared.domain.forecast import Forecast, Target
from shared.domain.savings import SavingsReport
from shared.domain.schedule import Schedule
from shared.domain.site import GridConnection, Site
from shared.domain.tariff import Tariff
from shared.domain.time import Interval, TimeGrid, ceil_to, floor_to
from shared.ports.errors import NotFoundError
from shared.ports.forecast_store import ForecastStore
from shared.ports.holiday_calendar import HolidayCalendar
from shared.ports.price_store import PriceStore
from shared.ports.progress_store import Progress, ProgressStore
from shared.ports.reading_store import ReadingStore
from shared.ports.savings_store import SavingsStore
from shared.ports.schedule_store import ScheduleStore
from shared.ports.site_store import SiteStore, TariffStore

VALID_FOR = timedelta(hours=24)
"""A plan that nobody renewed is not followed longer than this: its prices and its weather have been overtaken."""
REPLAN_AFTER = timedelta(hours=1)
ProgressCall = Callable[[int], None]


class PlannerService:
    """Forecasts, prices and readings to schedules and savings."""

    def __init__(
        self,
        *,
        sites: SiteStore,
        tariffs: TariffStore,
        prices: PriceStore,
        readings: ReadingStore,
        forecasts: ForecastStore,
        schedules: ScheduleStore,
        savings: SavingsStore,
        holidays: HolidayCalendar,
        progress: ProgressStore,
        time_limit_seconds: float = TIME_LIMIT_SECONDS,
    ) -> None:
        self._sites = sites
        self._tariffs = tariffs
        self._forecasts = forecasts
        self._schedules = schedules
        self._savings = savings
        self._situation = Situation(prices=prices, readings=readings, forecasts=forecasts, holidays=holidays)
        self._progress = progress
        self._time_limit_seconds = time_limit_seconds

    def plan(self, *, site_id: str, now: datetime) -> Schedule:
        """A schedule for the next 48 hours from what is known now, stored. Raises `NotFoundError` for an unknown site or tariff."""
        site, tariff = self._site(site_id), self._tariff(site_id)
        previous = self._schedules.latest(site_id=site_id, as_of=now)
        grid = horizon(site, floor_to(now, site.resolution))
        soc_percent, about_soc = self._situation.state_of_charge(site, now=now, previous=previous)
        known = self._situation.expect(site, tariff, grid, now=now, run="live", soc_percent=soc_percent)
        plan = make_plan(
            known.problem,
            scenarios=known.scenarios,
            degraded=(*about_soc, *known.degraded),
            time_limit_seconds=self._time_limit_seconds,
        )
        made = schedule(
            plan,
            site_id=site_id,
            issued_at=now,
            expires_at=min(grid.end, now + VALID_FOR),
            revision=previous.revision + 1 if previous is not None else 1,
            forecast_ids=known.forecast_ids,
            notes=() if site.battery is not None else ("the site has no battery: there is nothing to decide",),
        )
        self._schedules.put(made)
        before = self._progress.get(step="plan", site_id=site_id)
        self._progress.put(
            Progress(step="plan", site_id=site_id, watermark=now, updated_at=now, rows=(before.rows if before else 0) + grid.count)
        )
        return made

    def solve(self, problem: ProblemDocument) -> PlanDocument:
        """The answer to a problem; nothing is read and nothing is kept."""
        return solve(problem, time_limit_seconds=self._time_limit_seconds)

    def stale(self, *, now_at: Callable[[Site], datetime]) -> list[tuple[Site, datetime | None]]:
        """Sites with a tariff whose schedule is older than their newest forecast, each with the moment of that one's issue;
        or missing, expired or older than an hour (None)."""
        found: list[tuple[Site, datetime | None]] = []
        for site in self._sites.list():
            if self._tariffs.get(site.site_id) is None:
                continue
            now = now_at(site)
            latest = self._schedules.latest(site_id=site.site_id, as_of=now)
            if latest is None or now >= latest.expires_at or now - latest.issued_at >= REPLAN_AFTER:
                found.append((site, None))
            elif (issued_at := self._newest_forecast(site, now)) is not None and issued_at > latest.issued_at:
                found.append((site, issued_at))
        return found

    def _newest_forecast(self, site: Site, now: datetime) -> datetime | None:
        newest = (self._forecasts.latest(site_id=site.site_id, target=target, as_of=now) for target in Target)
        return max((forecast.issued_at for forecast in newest if forecast is not None), default=None)

    def backtest_issue_times(self, *, site_id: str, now: datetime, days: int, every: timedelta) -> list[datetime]:
        """When a replay of the last days wants forecasts, oldest first."""
        grid = self._situation.replay_grid(self._site(site_id), now=now, days=days)
        first = ceil_to(grid.start, every)
        return [first + i * every for i in range(max(0, -((first - grid.end) // every)))]

    def backtest(self, *, site_id: str, now: datetime, days: int, progress: ProgressCall | None = None) -> SavingsReport:
        """The bills of every policy over the last days, stored. The plan is renewed at each moment of issue of the hindcasts.

        `progress` is called with the number of days just done, `days` in all. Raises `NotFoundError`, or
        `InvalidValueError` for a site without battery or without measured load in these days.
        """
        site, tariff = self._site(site_id), self._tariff(site_id)
        if site.battery is None:
            raise InvalidValueError(f"battery of site {site_id!r}", None, "must be described before its savings can be replayed")
        actuals, notes = self._situation.actuals(site, tariff, self._situation.replay_grid(site, now=now, days=days))
        known = actuals.known
        if not known.any():
            raise InvalidValueError(
                "measured steps", 0, f"site {site_id!r} has no measured load in its last {days} days; import readings first"
            )
        issue_steps = self._issue_steps(site_id, actuals.grid)
        if not issue_steps:
            notes.append("no hindcasts were there: the plan used recent days instead of forecasts, once a day")
            issue_steps = frozenset(range(0, actuals.grid.count, timedelta(days=1) // actuals.grid.step))
        bills = backtest.rule_bills(actuals, timezone=tariff.timezone)
        planner = Hindsight(
            situation=self._situation,
            site=site,
            tariff=tariff,
            actuals=actuals,
            issue_steps=sorted(issue_steps),
            run="hindcast",
            time_limit_seconds=self._time_limit_seconds,
            on_plan=_daily(progress, timedelta(days=1) // actuals.grid.step),
        )
        bills.append(backtest.planned_bill(actuals, planner, issue_steps=issue_steps))
        bills.append(backtest.perfect_foresight_bill(actuals))
        report = SavingsReport(
            site_id=site_id,
            made_at=now,
            interval=actuals.grid.interval,
            currency=tariff.currency,
            bills=tuple(bills),
            coverage=float(known.mean()),
            notes=tuple(notes),
        )
        self._savings.put(report)
        return report

    def daily_costs(self, *, site_id: str, interval: Interval, runs: Mapping[str, Sequence[Forecast]]) -> Mapping[str, Array]:
        """What planning by each run of forecasts would have cost, as `BillReplay` says; nothing is stored."""
        return trial_costs(
            self._situation,
            self._site(site_id),
            self._tariffs.get(site_id),
            interval=interval,
            runs=runs,
            time_limit_seconds=self._time_limit_seconds,
        )

    def _issue_steps(self, site_id: str, grid: TimeGrid) -> frozenset[int]:
        issued = self._forecasts.issued(site_id=site_id, target=Target.LOAD, interval=grid.interval, run="hindcast")
        return frozenset(grid.index_of(moment) for moment in issued)

    def _site(self, site_id: str) -> Site:
        site = self._sites.get(site_id)
        if site is None:
            known = ", ".join(each.site_id for each in self._sites.list()[:5]) or "none yet"
            raise NotFoundError(f"site {site_id!r} is not known (known: {known}); import or simulate it first")
        return site

    def _tariff(self, site_id: str) -> Tariff:
        tariff = self._tariffs.get(site_id)
        if tariff is None:
            raise NotFoundError(f"site {site_id!r} has no tariff; give one with `der import FILE --site {site_id} --tariff TARIFF.json`")
        return tariff


def _daily(progress: ProgressCall | None, per_day: int) -> Callable[[int], None]:
    """Tells the days that were done since it was called last, given how many steps are done in all."""
    told = 0

    def tell(steps: int) -> None:
        nonlocal told
        if progress is not None and steps // per_day > told:
            progress(steps // per_day - told)
            told = steps // per_day

    return tell


def solve(problem: ProblemDocument, *, time_limit_seconds: float = TIME_LIMIT_SECONDS) -> PlanDocument:
    """The answer to a problem; nothing is read and nothing is kept."""
    asked, degraded = _asked(problem)
    plan = make_plan(asked, degraded=degraded, time_limit_seconds=time_limit_seconds)
    return PlanDocument.from_domain(
        status=plan.status,
        engine=plan.engine,
        objective=asked.objective,
        currency=asked.currency,
        grid=asked.grid,
        cost=plan.cost,
        baseline_cost=plan.baseline_cost,
        gap=plan.gap,
        solve_seconds=plan.solve_seconds,
        degraded=plan.degraded,
        relaxed_constraints=plan.relaxed_constraints,
        slots=plan.slots,
    )


def _asked(document: ProblemDocument) -> tuple[Problem, tuple[str, ...]]:
    """A problem from the wire, and what was assumed in it."""
    degraded: tuple[str, ...] = ()
    battery, soc_percent = NO_BATTERY, 0.0
    if document.battery is not None:
        battery = document.battery.to_domain()
        soc_percent = ASSUMED_SOC_PERCENT if document.battery.initial_soc is None else document.battery.initial_soc
        if document.battery.initial_soc is None:
            degraded = (f"battery.initial_soc is not given: {ASSUMED_SOC_PERCENT:.0f} % is assumed",)
    return (
        Problem.with_defaults(
            grid=TimeGrid(start=document.start, step=document.resolution, count=document.steps),
            currency=document.currency,
            load_kw=document.series("load_kw"),
            solar_kw=document.series("solar_kw"),
            import_price_per_kwh=document.series("import_price_per_kwh"),
            export_price_per_kwh=document.series("export_price_per_kwh"),
            battery=battery,
            initial_soc_percent=soc_percent,
            terminal_value_per_kwh=document.terminal_value_per_kwh,
            limits=GridConnection(max_import_kw=document.grid.max_import_kw, max_export_kw=document.grid.max_export_kw),
            objective=Objective(document.objective),
            solar_curtailable=document.solar_curtailable,
            carbon_intensity_g_kwh=None if document.carbon_intensity_g_kwh is None else document.series("carbon_intensity_g_kwh"),
            carbon_price_per_kg=document.carbon_price_per_kg,
        ),
        degraded,
    )
