"""Public holidays."""

from datetime import date
from typing import Protocol


class HolidayCalendar(Protocol):
    """Holidays of a country or its subdivision."""

    def dates(self, calendar: str, *, first: date, last: date) -> frozenset[date]:
        """Holidays from first to last, both included. Raises `InvalidValueError` for an unknown calendar."""
        ...
