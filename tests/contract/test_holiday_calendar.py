"""`HolidayCalendar`: public holidays of countries and their parts."""

from datetime import date

import pytest

from shared.domain.errors import InvalidValueError
from tests.contract.implementations import HOLIDAY_CALENDARS


@pytest.fixture(params=sorted(HOLIDAY_CALENDARS))
def calendar(request):
    return HOLIDAY_CALENDARS[request.param]()


def test_holidays_of_a_year(calendar):
    found = calendar.dates("DE", first=date(2024, 1, 1), last=date(2024, 12, 31))
    assert {date(2024, 1, 1), date(2024, 3, 29), date(2024, 10, 3), date(2024, 12, 26)} <= found
    assert date(2024, 1, 6) not in found
    assert all(type(day) is date and day.year == 2024 for day in found)


def test_a_subdivision_adds_its_own(calendar):
    assert date(2024, 1, 6) in calendar.dates("DE-BW", first=date(2024, 1, 1), last=date(2024, 1, 31))
    assert calendar.dates("US-CA", first=date(2024, 7, 4), last=date(2024, 7, 4)) == frozenset({date(2024, 7, 4)})


def test_first_and_last_are_included_across_years(calendar):
    assert calendar.dates("DE", first=date(2024, 12, 26), last=date(2025, 1, 1)) == frozenset({date(2024, 12, 26), date(2025, 1, 1)})


def test_years_that_nobody_has_announced_yet_are_no_error(calendar):
    calendar.dates("SG", first=date(1960, 1, 1), last=date(2090, 12, 31))


def test_a_span_without_days_has_no_holidays(calendar):
    assert calendar.dates("DE", first=date(2024, 12, 26), last=date(2024, 12, 25)) == frozenset()


@pytest.mark.parametrize("name", ["XX", "DE-ZZ", "", "de", "Germany", "US-", "__class__"])
def test_an_unknown_calendar_is_named(calendar, name):
    with pytest.raises(InvalidValueError, match="holiday_calendar"):
        calendar.dates(name, first=date(2024, 1, 1), last=date(2024, 1, 2))
