"""Public holidays from the `holidays` package."""

import re
import warnings
from contextlib import suppress
from datetime import date
from functools import lru_cache

import holidays

from shared.domain.errors import InvalidValueError

_CALENDAR = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")


class HolidayLibrary:
    """`HolidayCalendar`. A calendar is an ISO 3166 country, or country and subdivision: `DE`, `DE-BW`, `US-CA`."""

    def dates(self, calendar: str, *, first: date, last: date) -> frozenset[date]:
        if first > last:
            return frozenset()
        years = range(first.year, last.year + 1)
        return frozenset(day for year in years for day in _year(calendar, year) if first <= day <= last)


@lru_cache(maxsize=1024)
def _year(calendar: str, year: int) -> tuple[date, ...]:
    # checked first, because the library takes any name of its module for a country
    if _CALENDAR.fullmatch(calendar):
        country, _, subdivision = calendar.partition("-")
        with suppress(NotImplementedError), warnings.catch_warnings():
            # of years that it does not know the library tells by a warning: nobody has announced a holiday there
            warnings.simplefilter("ignore", UserWarning)
            return tuple(holidays.country_holidays(country, subdiv=subdivision or None, years=year, expand=False))
    raise InvalidValueError(
        "holiday_calendar", calendar, "is not known; give an ISO 3166 country, or country and subdivision, such as DE, DE-BW or US-CA"
    )
