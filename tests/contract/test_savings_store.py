"""`SavingsStore`: the newest replay of a site."""

from datetime import timedelta

from shared.domain.savings import PolicyBill, SavingsReport
from shared.domain.time import Interval
from tests.contract.implementations import CLOUD_STORES, fixtures_of
from tests.factories import NOON

opened, store = fixtures_of(CLOUD_STORES)

DAY = timedelta(days=1)


def a_bill(policy: str, energy_cost: float) -> PolicyBill:
    return PolicyBill(
        policy=policy,
        energy_cost=energy_cost,
        demand_cost=1.0,
        wear_cost=0.1,
        stored_value=0.3,
        import_kwh=10.0,
        export_kwh=2.0,
        throughput_kwh=5.0,
    )


def a_report(**changes) -> SavingsReport:
    values = {
        "site_id": "home",
        "made_at": NOON,
        "interval": Interval(start=NOON - 30 * DAY, end=NOON),
        "currency": "EUR",
        "bills": (a_bill("no_battery", 100.0), a_bill("planned", 80.1), a_bill("perfect_foresight", 75.0)),
        "coverage": 0.97,
        "notes": ("two days without data",),
    }
    return SavingsReport(**(values | changes))


def test_a_report_is_read_back_whole(store):
    store.savings.put(a_report())
    assert store.savings.latest(site_id="home") == a_report()


def test_the_report_made_last_is_the_latest_in_whatever_order_they_arrive(store):
    newer = a_report(made_at=NOON + DAY, coverage=0.5)
    store.savings.put(newer)
    store.savings.put(a_report())
    assert store.savings.latest(site_id="home") == newer


def test_of_two_reports_made_at_once_the_one_that_reaches_furthest_is_the_latest(store):
    later = a_report(interval=Interval(start=NOON - DAY, end=NOON + DAY))
    store.savings.put(later)
    store.savings.put(a_report())
    assert store.savings.latest(site_id="home") == later


def test_the_same_replay_made_again_replaces_the_first(store):
    store.savings.put(a_report())
    store.savings.put(a_report(coverage=0.1))
    assert store.savings.latest(site_id="home").coverage == 0.1


def test_a_site_without_reports_has_none(store):
    store.savings.put(a_report())
    assert store.savings.latest(site_id="nobody") is None


def test_reports_are_there_after_a_restart(opened):
    with opened() as first:
        first.savings.put(a_report())
    with opened() as second:
        assert second.savings.latest(site_id="home") == a_report()
