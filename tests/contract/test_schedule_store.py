"""`ScheduleStore`: plans as they were issued."""

from datetime import timedelta

from shared.domain.schedule import Action, PlanCost, PlanStatus, Reason, RelaxedConstraint, Schedule, Slot, ValueCurve
from shared.domain.time import TimeGrid
from tests.contract.implementations import CLOUD_STORES, fixtures_of
from tests.factories import NOON

opened, store = fixtures_of(CLOUD_STORES)

HOUR = timedelta(hours=1)


def a_slot(start, **changes) -> Slot:
    values = {
        "start": start,
        "action": Action.BUY,
        "charge_kw": 1.1,
        "discharge_kw": 0.0,
        "grid_import_kw": 1.6,
        "grid_export_kw": 0.0,
        "curtail_kw": 0.0,
        "soc_percent": 100 / 3,
        "load_kw": 0.5,
        "solar_kw": 0.0,
        "import_price_per_kwh": 0.1,
        "export_price_per_kwh": 0.05,
        "cost": 0.04,
        "value_curve": ValueCurve(soc_percent=(0.0, 50.0), value_per_kwh=(0.3, 0.1)),
        "grid_charge_limit_kw": 5.0,
        "grid_discharge_limit_kw": 0.0,
        "reason": Reason(text="Cheap now, dear at 18:00.", binding="charge_rate", runner_up=Action.HOLD, runner_up_extra_cost=0.02),
    }
    return Slot(**(values | changes))


def a_schedule(**changes) -> Schedule:
    grid = TimeGrid(start=NOON, step=timedelta(minutes=15), count=3)
    values = {
        "site_id": "home",
        "issued_at": NOON,
        "status": PlanStatus.OPTIMAL,
        "engine": "exact",
        "objective": "bill",
        "currency": "EUR",
        "grid": grid,
        "slots": tuple(a_slot(grid[index]) for index in range(3)),
        "cost": PlanCost(energy=0.1, demand=0.2, wear=0.3, terminal=0.4),
        "baseline_cost": 0.7,
        "initial_soc_percent": 40.0,
        "degraded": ("no price forecast",),
        "relaxed_constraints": (RelaxedConstraint(name="reserve", amount=1.5, unit="kWh", at=NOON),),
        "forecast_ids": ("home:load:x",),
        "not_before": NOON,
        "expires_at": NOON + HOUR,
        "notes": ("a note",),
    }
    return Schedule(**(values | changes))


def test_a_schedule_is_read_back_whole(store):
    store.schedules.put(a_schedule())
    assert store.schedules.get(a_schedule().schedule_id) == a_schedule()
    assert store.schedules.latest(site_id="home") == a_schedule()


def test_the_same_run_made_twice_is_one_schedule(store):
    store.schedules.put(a_schedule())
    store.schedules.put(a_schedule(revision=2))
    assert store.schedules.list_ids(site_id="home") == [a_schedule().schedule_id]
    assert store.schedules.latest(site_id="home").revision == 2


def test_as_of_tells_the_plan_of_that_time(store):
    store.schedules.put(a_schedule(issued_at=NOON + HOUR))
    store.schedules.put(a_schedule())
    assert store.schedules.latest(site_id="home").issued_at == NOON + HOUR
    assert store.schedules.latest(site_id="home", as_of=NOON + HOUR / 2).issued_at == NOON
    assert store.schedules.latest(site_id="home", as_of=NOON - HOUR) is None


def test_ids_come_newest_first_with_a_limit(store):
    plans = [a_schedule(issued_at=NOON + number * HOUR) for number in (1, 0, 2)]
    for plan in plans:
        store.schedules.put(plan)
    assert store.schedules.list_ids(site_id="home", limit=2) == [plans[2].schedule_id, plans[0].schedule_id]


def test_an_unknown_schedule_is_none(store):
    assert store.schedules.get("home.never") is None
    assert store.schedules.latest(site_id="nobody") is None
    assert store.schedules.list_ids(site_id="nobody") == []


def test_schedules_are_there_after_a_restart(opened):
    with opened() as first:
        first.schedules.put(a_schedule())
    with opened() as second:
        assert second.schedules.latest(site_id="home") == a_schedule()
