"""Bills add up, and the captured share is measured between no battery and perfect foresight."""

import pytest

from shared.domain.savings import PolicyBill, SavingsReport
from shared.domain.time import Interval
from tests.factories import NOON


def a_bill(policy: str, energy_cost: float, **changes: float) -> PolicyBill:
    values = {"demand_cost": 0.0, "wear_cost": 0.0, "stored_value": 0.0, "import_kwh": 0.0, "export_kwh": 0.0, "throughput_kwh": 0.0}
    return PolicyBill(policy=policy, energy_cost=energy_cost, **(values | changes))


def a_report(none: float, planned: float, perfect: float) -> SavingsReport:
    bills = (a_bill("no_battery", none), a_bill("planned", planned), a_bill("perfect_foresight", perfect))
    return SavingsReport(site_id="home", made_at=NOON, interval=Interval(start=NOON, end=NOON), currency="EUR", bills=bills, coverage=1.0)


def test_a_bill_counts_what_is_left_and_the_total_adds_wear() -> None:
    bill = a_bill("planned", 10.0, demand_cost=2.0, wear_cost=0.5, stored_value=1.0)
    assert bill.bill == 11.0
    assert bill.total == 11.5


def test_the_share_is_of_what_perfect_foresight_saves() -> None:
    report = a_report(10.0, 7.0, 6.0)
    assert report.captured_share("planned") == pytest.approx(0.75)
    assert report.captured_share("no_battery") == 0.0


def test_there_is_no_share_where_nothing_can_be_saved() -> None:
    assert a_report(10.0, 10.0, 10.0).captured_share("planned") is None


def test_an_unknown_policy_has_no_bill() -> None:
    with pytest.raises(KeyError):
        a_report(1.0, 1.0, 1.0).bill_of("magic")
