"""Value curves fall, schedules find the step of a moment, accounts add up."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.optimizer.planning.plan import make_plan, schedule
from shared.domain.errors import InvalidValueError
from shared.domain.schedule import PlanCost, Schedule, ValueCurve
from tests.unit.optimizer.planning.problems import START, a_problem


def a_schedule() -> Schedule:
    return schedule(make_plan(a_problem()), site_id="home", issued_at=START, expires_at=START + timedelta(hours=1))


def test_a_value_curve_is_read_at_a_state_of_charge() -> None:
    curve = ValueCurve(soc_percent=(0.0, 50.0), value_per_kwh=(0.3, 0.1))
    assert [curve.at(soc) for soc in (0.0, 49.9, 50.0, 100.0)] == [0.3, 0.3, 0.1, 0.1]


@pytest.mark.parametrize(("soc", "value"), [((), ()), ((0.0,), (1.0, 2.0)), ((0.0, 0.0), (2.0, 1.0)), ((0.0, 10.0), (1.0, 2.0))])
def test_a_curve_that_rises_or_does_not_fit_is_refused(soc: tuple[float, ...], value: tuple[float, ...]) -> None:
    with pytest.raises(InvalidValueError):
        ValueCurve(soc_percent=soc, value_per_kwh=value)


def test_a_schedule_gives_the_step_that_holds_a_moment_until_it_expires() -> None:
    made = a_schedule()
    assert made.slot_at(START + timedelta(minutes=20)) == made.slots[1]
    assert made.slot_at(START - timedelta(seconds=1)) is None
    assert made.slot_at(START + timedelta(hours=1)) is None


def test_the_same_run_has_the_same_identifier_that_is_safe_in_a_path() -> None:
    assert a_schedule().schedule_id == a_schedule().schedule_id == "home.20240615T000000Z"


def test_a_schedule_needs_a_slot_for_each_step() -> None:
    with pytest.raises(InvalidValueError, match="slots"):
        replace(a_schedule(), slots=())


def test_a_column_has_one_number_of_every_slot() -> None:
    assert a_schedule().column("load_kw").tolist() == [1.0] * 8


def test_the_total_adds_real_and_virtual_money() -> None:
    assert PlanCost(energy=3.0, demand=2.0, wear=0.5, terminal=1.5).total == 4.0
