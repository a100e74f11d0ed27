"""Policies replayed on the same time: same plant, gaps skipped, and foresight is the bound."""

from datetime import timedelta

import numpy as np
import pytest

from services.optimizer.planning.backtest import perfect_foresight_bill, planned_bill, rule_bills
from services.optimizer.planning.demand import demand_terms, month_start
from services.optimizer.planning.engine import decide, guides
from services.optimizer.planning.problem import Problem
from services.optimizer.planning.replay import Actuals, Guide, Rolling, bill, daily_costs, replay, self_consumption, set_points
from services.optimizer.planning.rules import time_of_use_timer_kw
from shared.domain.tariff import DemandCharge
from shared.domain.time import TimeGrid, zone
from tests.unit.optimizer.planning.problems import START, a_day


def happened(*, days: int = 4, **changes: object) -> Actuals:
    course = a_day(hours=24 * days)
    terms: dict[str, object] = {
        "grid": course.grid,
        "load_kw": course.load_kw,
        "solar_kw": course.solar_kw,
        "import_price_per_kwh": course.import_price_per_kwh,
        "export_price_per_kwh": course.export_price_per_kwh,
        "battery": course.battery,
        "initial_soc_percent": 50.0,
        "stored_value_per_kwh": 0.07,
    }
    return Actuals(**(terms | changes))  # type: ignore[arg-type]


def knowing(actuals: Actuals, *, hours: int) -> list[Guide]:
    """A planner that expects exactly what happens."""

    def plan_at(step: int, energy_kwh: float) -> list[Guide]:
        window = slice(step, step + 48)
        problem = Problem.with_defaults(
            grid=TimeGrid(start=actuals.grid[step], step=actuals.grid.step, count=len(actuals.load_kw[window])),
            load_kw=actuals.load_kw[window],
            solar_kw=actuals.solar_kw[window],
            import_price_per_kwh=actuals.import_price_per_kwh[window],
            export_price_per_kwh=actuals.export_price_per_kwh[window],
            battery=actuals.battery,
            initial_soc_percent=energy_kwh * 100 / actuals.battery.capacity_kwh,
        )
        return list(guides(decide(problem), first=hours))

    return plan_at  # type: ignore[return-value]


def test_no_policy_beats_perfect_foresight_and_a_good_plan_comes_close() -> None:
    night = np.where(np.arange(96) % 24 < 5, 0.10, 0.0)
    course = happened()
    actuals = happened(solar_kw=course.solar_kw * 0.3, import_price_per_kwh=course.import_price_per_kwh - night)
    bills = {each.policy: each.total for each in rule_bills(actuals, timezone="Europe/Berlin")}
    perfect = perfect_foresight_bill(actuals).total
    planned = planned_bill(actuals, knowing(actuals, hours=6), issue_steps=frozenset(range(0, 96, 6))).total  # type: ignore[arg-type]
    assert perfect <= min(bills.values()) + 1e-6
    assert perfect - 1e-6 <= planned < bills["self_consumption"]
    assert (bills["no_battery"] - planned) / (bills["no_battery"] - perfect) > 0.9


def test_steps_without_data_are_skipped_by_every_policy() -> None:
    actuals = happened()
    load = actuals.load_kw.copy()
    load[20:44] = np.nan
    gappy = happened(load_kw=load)
    for course in (replay(gappy, self_consumption(gappy)), replay(gappy, set_points(np.full(96, 2.0)))):
        assert (course.power_kw[20:44] == 0.0).all()
        assert (course.import_kw[20:44] == 0.0).all()
        assert np.ptp(course.energy_kwh[19:44]) == 0.0
    assert np.isfinite(perfect_foresight_bill(gappy).total)


def test_wishes_beyond_physics_are_cut_by_the_plant() -> None:
    actuals = happened()
    course = replay(actuals, set_points(np.full(96, 50.0)))
    assert course.energy_kwh.max() <= actuals.battery.max_energy_kwh + 1e-9
    assert course.power_kw.max() <= 5.0


def test_what_is_left_in_the_battery_is_valued() -> None:
    actuals = happened()
    full = bill(actuals, replay(actuals, set_points(np.full(96, 5.0))), policy="full")
    assert full.stored_value == pytest.approx((12.15 - 6.75) * 0.07)


def test_paid_export_is_switched_off_for_every_policy() -> None:
    actuals = happened(export_price_per_kwh=np.full(96, -0.1))
    course = replay(actuals, lambda _step, _energy: 0.0)
    assert course.export_kw.max() == 0.0
    assert course.curtail_kw.max() > 0.0


def test_beyond_its_guides_a_plan_gives_way_to_self_consumption() -> None:
    actuals = happened()
    nothing = Rolling(actuals=actuals, planner=lambda _step, _energy: (), issue_steps=frozenset({0}))
    assert np.array_equal(replay(actuals, nothing).power_kw, replay(actuals, self_consumption(actuals)).power_kw)


def test_a_timer_charges_in_the_cheapest_hours_and_saves_for_the_dear_ones() -> None:
    actuals = happened(solar_kw=np.zeros(96))
    timer = time_of_use_timer_kw(
        actuals.battery, actuals.grid, timezone="UTC", load_kw=actuals.load_kw, solar_kw=actuals.solar_kw,
        import_price_per_kwh=actuals.import_price_per_kwh,
    )  # fmt: skip
    hour = np.arange(96) % 24
    assert (timer[hour == 0] == 5.0).all()
    assert (timer[hour == 10] == 0.0).all()
    assert np.allclose(timer[hour == 18], -actuals.load_kw[hour == 18])


def test_a_timer_on_a_flat_tariff_is_self_consumption() -> None:
    actuals = happened(import_price_per_kwh=np.full(96, 0.3))
    timer = time_of_use_timer_kw(
        actuals.battery, actuals.grid, timezone="UTC", load_kw=actuals.load_kw, solar_kw=actuals.solar_kw,
        import_price_per_kwh=actuals.import_price_per_kwh,
    )  # fmt: skip
    assert np.array_equal(timer, actuals.solar_kw - actuals.load_kw)


def test_demand_is_billed_per_local_month_on_clocked_means() -> None:
    grid = TimeGrid(start=START - timedelta(days=15), step=timedelta(minutes=5), count=2 * 288)  # over the end of May in Berlin
    terms = demand_terms(DemandCharge(price_per_kw=10.0), grid, timezone="Europe/Berlin", incumbent_kw=1.0)
    flow = np.zeros(grid.count)
    flow[3] = 6.0  # a mean of 2 kW over its quarter of an hour
    assert len(terms.incumbent_kw) == 2 or set(terms.month.tolist()) == {0}
    assert terms.cost(flow) == pytest.approx(10.0)


def test_a_billing_month_begins_at_local_midnight() -> None:
    assert month_start(START, zone("Europe/Berlin")).isoformat() == "2024-05-31T22:00:00+00:00"


@pytest.mark.parametrize("hours", [48, 60, 20])
def test_the_days_of_a_course_add_up_to_its_bill(hours: int) -> None:
    course = a_day(hours=hours)
    charge = DemandCharge(price_per_kw=4.0)
    actuals = happened(
        grid=course.grid,
        load_kw=course.load_kw,
        solar_kw=course.solar_kw * 0.3,
        import_price_per_kwh=course.import_price_per_kwh,
        export_price_per_kwh=course.export_price_per_kwh,
        demand=demand_terms(charge, course.grid, timezone="Europe/Berlin", incumbent_kw=0.5),
    )
    done = replay(actuals, self_consumption(actuals))
    days = daily_costs(actuals, done)
    assert len(days) == max(1, hours // 24)
    assert days.sum() == pytest.approx(bill(actuals, done, policy="self_consumption").total)
