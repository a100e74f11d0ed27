"""A site always gets a plan, and it says what it had to assume."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from services.optimizer.service import PlannerService, solve
from shared.contracts.optimization import read_problem
from shared.domain.errors import InvalidValueError
from shared.domain.forecast import Target
from shared.domain.schedule import Action, PlanStatus
from shared.domain.tariff import DemandCharge, DynamicPrice, FlatPrice
from shared.ports.errors import NotFoundError
from tests.factories import NOON, a_site, a_tariff
from tests.unit.optimizer.stores import a_forecast, a_planner, store_readings

SPOT = a_tariff(import_price=DynamicPrice(series_id="spot", factor=1.2, surcharge_per_kwh=0.15), export_price=FlatPrice(price_per_kwh=0.08))


def spot(start: datetime, hours: int, *, published_at: datetime) -> pd.DataFrame:
    stamps = pd.date_range(start, periods=hours, freq="h", unit="us")
    values = 0.08 + 0.05 * np.sin(stamps.hour.to_numpy() / 24 * 2 * np.pi)
    return pd.DataFrame(
        {"timestamp": stamps, "price_per_kwh": values, "published_at": pd.Series([published_at] * hours).astype(stamps.dtype)}
    )


def test_forecasts_and_a_measured_state_of_charge_make_an_optimal_plan_of_48_hours(tmp_path: Path) -> None:
    with a_planner(tmp_path) as (planner, cloud):
        store_readings(cloud, until=NOON, days=1)
        cloud.forecasts.put([a_forecast(target, issued_at=NOON) for target in (Target.LOAD, Target.SOLAR)])
        plan = planner.plan(site_id="home", now=NOON)
        assert plan.status is PlanStatus.OPTIMAL
        assert plan.degraded == ()
        assert len(plan.slots) == 192
        assert plan.initial_soc_percent == 50.0
        assert plan.cost.total < (plan.baseline_cost or 0.0) + 1e-9
        assert {slot.action for slot in plan.slots} >= {Action.STORE, Action.USE}
        assert cloud.schedules.latest(site_id="home") == plan
        progress = cloud.progress.get(step="plan", site_id="home")
        assert progress is not None
        assert progress.watermark == NOON


def test_planning_again_counts_the_revision(tmp_path: Path) -> None:
    with a_planner(tmp_path) as (planner, _):
        assert planner.plan(site_id="home", now=NOON).revision == 1
        assert planner.plan(site_id="home", now=NOON + timedelta(hours=1)).revision == 2


def test_a_site_of_which_nothing_is_known_still_gets_a_plan_that_says_so(tmp_path: Path) -> None:
    with a_planner(tmp_path) as (planner, _):
        plan = planner.plan(site_id="home", now=NOON)
        assert plan.status is PlanStatus.DEGRADED
        assert any("state of charge" in sentence for sentence in plan.degraded)
        assert any("load forecast" in sentence for sentence in plan.degraded)


def test_without_forecasts_recent_days_stand_in(tmp_path: Path) -> None:
    with a_planner(tmp_path) as (planner, cloud):
        rows = store_readings(cloud, until=NOON, days=3)
        plan = planner.plan(site_id="home", now=NOON)
        assert plan.status is PlanStatus.DEGRADED
        assert plan.column("load_kw").mean() == pytest.approx(rows["total_load_kw"].mean(), rel=0.05)


def test_a_solar_forecast_of_nothing_but_zeros_is_not_believed_after_sunny_days(tmp_path: Path) -> None:
    with a_planner(tmp_path) as (planner, cloud):
        store_readings(cloud, until=NOON, days=3)
        cloud.forecasts.put([a_forecast(Target.LOAD, issued_at=NOON), a_forecast(Target.SOLAR, issued_at=NOON, level=0.0)])
        plan = planner.plan(site_id="home", now=NOON)
        assert plan.column("solar_kw").max() > 5.0
        assert any("zero throughout" in sentence for sentence in plan.degraded)


def test_an_old_state_of_charge_is_used_and_its_age_told(tmp_path: Path) -> None:
    with a_planner(tmp_path) as (planner, cloud):
        store_readings(cloud, until=NOON - timedelta(hours=9), days=1, battery_soc_percent=33.0)
        plan = planner.plan(site_id="home", now=NOON)
        assert plan.initial_soc_percent == 33.0
        assert any("9 h" in sentence for sentence in plan.degraded)


def test_an_unmeasured_battery_is_where_the_last_plan_expected_it(tmp_path: Path) -> None:
    with a_planner(tmp_path) as (planner, cloud):
        store_readings(cloud, until=NOON, days=2, battery_soc_percent=np.nan)
        first = planner.plan(site_id="home", now=NOON)
        later = NOON + timedelta(hours=6)
        slot = first.slot_at(later)
        assert slot is not None
        assert planner.plan(site_id="home", now=later).initial_soc_percent == pytest.approx(slot.soc_percent)


def test_a_site_without_battery_gets_a_schedule_that_has_nothing_to_do(tmp_path: Path) -> None:
    with a_planner(tmp_path, a_site(battery=None)) as (planner, cloud):
        store_readings(cloud, until=NOON, days=1)
        cloud.forecasts.put([a_forecast(target, issued_at=NOON) for target in (Target.LOAD, Target.SOLAR)])
        plan = planner.plan(site_id="home", now=NOON)
        assert plan.status is PlanStatus.OPTIMAL
        assert {slot.action for slot in plan.slots} == {Action.HOLD}
        assert "no battery" in plan.notes[0]


def test_an_unknown_site_and_a_missing_tariff_say_what_to_do(tmp_path: Path) -> None:
    with a_planner(tmp_path) as (planner, cloud):
        with pytest.raises(NotFoundError, match="known: home"):
            planner.plan(site_id="elsewhere", now=NOON)
        cloud.sites.put(a_site("second"))
        with pytest.raises(NotFoundError, match="--tariff"):
            planner.plan(site_id="second", now=NOON)


def test_only_prices_that_were_published_by_now_are_used(tmp_path: Path) -> None:
    midnight = datetime(2024, 6, 15, tzinfo=UTC)
    with a_planner(tmp_path, tariff=SPOT) as (planner, cloud):
        cloud.prices.put("spot", spot(midnight - timedelta(days=1), 48, published_at=midnight - timedelta(days=1)))
        surprise = spot(midnight + timedelta(days=1), 24, published_at=NOON + timedelta(hours=1)).assign(price_per_kwh=9.0)
        cloud.prices.put("spot", surprise)
        early = planner.plan(site_id="home", now=NOON)
        late = planner.plan(site_id="home", now=NOON + timedelta(hours=2))
        assert early.column("import_price_per_kwh").max() < 1.0
        assert late.column("import_price_per_kwh").max() == pytest.approx(9.0 * 1.2 + 0.15)


def test_an_outage_of_prices_is_bridged_by_the_last_known_day_and_told(tmp_path: Path) -> None:
    with a_planner(tmp_path, tariff=SPOT) as (planner, cloud):
        cloud.prices.put("spot", spot(NOON - timedelta(days=3), 24, published_at=NOON - timedelta(days=4)))
        plan = planner.plan(site_id="home", now=NOON)
        expected = spot(NOON, 24, published_at=NOON)["price_per_kwh"].to_numpy() * 1.2 + 0.15
        assert plan.column("import_price_per_kwh")[: 24 * 4 : 4] == pytest.approx(expected)
        assert any("spot" in sentence for sentence in plan.degraded)


def test_a_dynamic_tariff_without_any_price_gets_a_plan_of_self_consumption(tmp_path: Path) -> None:
    with a_planner(tmp_path, tariff=SPOT) as (planner, cloud):
        store_readings(cloud, until=NOON, days=1)
        plan = planner.plan(site_id="home", now=NOON)
        assert any("no prices are known" in sentence for sentence in plan.degraded)
        assert {slot.action for slot in plan.slots} <= {Action.STORE, Action.USE, Action.HOLD}


def test_a_demand_charge_is_paid_above_the_peak_that_the_month_has_reached(tmp_path: Path) -> None:
    tariff = a_tariff(demand_charge=DemandCharge(price_per_kw=10.0))
    with a_planner(tmp_path, a_site(solar=None), tariff) as (planner, cloud):
        store_readings(cloud, until=NOON, days=2, net_grid_flow_kw=1.5)
        cloud.forecasts.put([a_forecast(Target.LOAD, issued_at=NOON, level=2.0)])
        assert planner.plan(site_id="home", now=NOON).cost.demand < 5.0
        store_readings(cloud, until=NOON - timedelta(days=2), days=2, net_grid_flow_kw=6.0)
        assert planner.plan(site_id="home", now=NOON).cost.demand == 0.0


def stale(planner: PlannerService, now: datetime) -> list[str]:
    return [site.site_id for site, _ in planner.stale(now_at=lambda _site: now)]


def test_plans_are_stale_when_missing_an_hour_old_or_older_than_a_forecast(tmp_path: Path) -> None:
    with a_planner(tmp_path) as (planner, cloud):
        assert stale(planner, NOON) == ["home"]
        planner.plan(site_id="home", now=NOON)
        soon = NOON + timedelta(minutes=30)
        assert stale(planner, soon) == []
        assert stale(planner, NOON + timedelta(hours=1)) == ["home"]
        cloud.forecasts.put([a_forecast(Target.LOAD, issued_at=NOON + timedelta(minutes=15))])
        assert stale(planner, soon) == ["home"]


def test_a_backtest_bills_every_policy_and_none_beats_perfect_foresight(tmp_path: Path) -> None:
    now = datetime(2024, 6, 18, tzinfo=UTC)
    with a_planner(tmp_path, a_site(resolution=timedelta(hours=1))) as (planner, cloud):
        store_readings(cloud, until=now, days=4)
        moments = planner.backtest_issue_times(site_id="home", now=now, days=3, every=timedelta(hours=6))
        assert moments[0] == now - timedelta(days=3)
        assert len(moments) == 12
        for moment in moments:
            cloud.forecasts.put([a_forecast(target, issued_at=moment) for target in (Target.LOAD, Target.SOLAR)], run="hindcast")
        done: list[int] = []
        report = planner.backtest(site_id="home", now=now, days=3, progress=done.append)
        assert sum(done) == 3
        assert report.coverage == 1.0
        totals = {bill.policy: bill.total for bill in report.bills}
        assert list(totals) == ["no_battery", "self_consumption", "time_of_use_timer", "planned", "perfect_foresight"]
        assert min(totals.values()) == pytest.approx(totals["perfect_foresight"], abs=0.05)
        assert totals["planned"] < totals["no_battery"]
        assert cloud.savings.latest(site_id="home") == report


def test_a_backtest_skips_hours_without_data_and_counts_them(tmp_path: Path) -> None:
    now = datetime(2024, 6, 18, tzinfo=UTC)
    with a_planner(tmp_path, a_site(resolution=timedelta(hours=1))) as (planner, cloud):
        store_readings(cloud, until=now - timedelta(days=1), days=2)
        report = planner.backtest(site_id="home", now=now, days=3)
        assert report.coverage == pytest.approx(2 / 3)
        assert any("hindcasts" in note for note in report.notes)


def test_a_backtest_without_battery_or_readings_says_what_is_missing(tmp_path: Path) -> None:
    with a_planner(tmp_path) as (planner, cloud):
        with pytest.raises(InvalidValueError, match="import readings first"):
            planner.backtest(site_id="home", now=NOON, days=3)
        cloud.sites.put(a_site(battery=None))
        with pytest.raises(InvalidValueError, match="battery"):
            planner.backtest(site_id="home", now=NOON, days=3)


def a_document(**changes: object) -> dict[str, object]:
    battery = {"capacity_kwh": 10.0, "max_charge_rate_kw": 5.0, "max_discharge_rate_kw": 5.0, "initial_soc": 50.0}
    return {
        "start": "2024-06-15T00:00:00+00:00", "resolution": "PT1H", "load_kw": [1.0, 1.0], "import_price_per_kwh": [0.1, 0.4],
        "battery": battery, **changes,
    }  # fmt: skip


def test_a_problem_is_answered_without_any_store() -> None:
    answer = solve(read_problem(a_document(terminal_value_per_kwh=0.0)))
    assert answer.status is PlanStatus.OPTIMAL
    assert answer.cost.total == pytest.approx(answer.cost.energy + answer.cost.demand + answer.cost.wear - answer.cost.terminal)
    assert [slot.action for slot in answer.slots] == ["use", "use"]


def test_a_problem_without_initial_charge_or_battery_is_answered() -> None:
    battery = {"capacity_kwh": 10.0, "max_charge_rate_kw": 5.0, "max_discharge_rate_kw": 5.0}
    assert solve(read_problem(a_document(battery=battery))).status is PlanStatus.DEGRADED
    without = solve(read_problem(a_document(battery=None)))
    assert {slot.action for slot in without.slots} == {"hold"}
    assert without.cost.total == pytest.approx(0.5)


def test_the_carbon_objective_buys_when_the_grid_is_clean() -> None:
    document = a_document(
        objective="carbon", load_kw=[0.0, 3.0], import_price_per_kwh=[0.4, 0.1], carbon_intensity_g_kwh=[50.0, 500.0],
        battery={"capacity_kwh": 10.0, "max_charge_rate_kw": 5.0, "max_discharge_rate_kw": 5.0, "initial_soc": 10.0},
    )  # fmt: skip
    assert solve(read_problem(document)).slots[0].action == "buy"


def test_the_self_consumption_objective_buys_as_little_as_it_can() -> None:
    answer = solve(read_problem(a_document(objective="self_consumption", solar_kw=[3.0, 0.0], export_price_per_kwh=9.0)))
    assert sum(slot.grid_import_kw for slot in answer.slots) == pytest.approx(0.0)
